r"""DCGAN's generator of house numbers as `pellucid.networks.dcgan` reads it.

    python scripts/convert_dcgan.py svhn_dcgan32_gen.npz src/pellucid/weights/bundle/svhn-dcgan.safetensors

The archive holds the arrays of `models/svhn_unsup_all_conv_dcgan_100z_gaussian_lr_0.0005_64mb/200_gen_params.jl` of
github.com/Newmu/dcgan_code (MIT) at commit ee12b2d, kernels in torch's order, by these names: `fc.weight`, and of each
transposed convolution `deconvN.weight`; of the normalisation before layer N `bnN.weight`, `bnN.bias`, and as
`bnN.mean` and `bnN.var` the statistics of 8192 of its own codes, since the original normalises by those of its batch.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.networks.dcgan import DCGAN, folded
from pellucid.weights.files import load_into, save_weights

ORIGIN = "github.com/Newmu/dcgan_code @ ee12b2d15a3856794b8dae77d1eb263c67c36e47"


def converted(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a `DCGAN`, normalisation folded in."""

    def with_normalisation(name: str, number: int, outputs: int) -> tuple[Tensor, Tensor]:
        normalisation = (arrays[f"bn{number}.{part}"] for part in ("weight", "bias", "mean", "var"))
        return folded(arrays[f"{name}.weight"], *normalisation, outputs=outputs)

    tensors = {"last.weight": arrays["deconv3.weight"]}
    tensors["codes.weight"], tensors["codes.bias"] = with_normalisation("fc", 0, 0)
    for number in (1, 2):
        weight, bias = with_normalisation(f"deconv{number}", number, 1)
        tensors |= {f"ups.{number - 1}.weight": weight, f"ups.{number - 1}.bias": bias}
    return tensors


def main() -> None:
    """Convert."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    with np.load(arguments.source) as stored:
        arrays = {name: torch.from_numpy(stored[name].astype(np.float64)) for name in stored}
    tensors = converted(arrays)
    load_into(DCGAN(), tensors, arguments.source)  # every name and shape is right
    digest = hashlib.sha256(arguments.source.read_bytes()).hexdigest()
    description = {"network": {"name": "dcgan", "arguments": {}}, "source": ORIGIN, "source_sha256": digest}
    save_weights(arguments.target, tensors, description)
    print(f"{sum(tensor.numel() for tensor in tensors.values())} numbers, {arguments.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
