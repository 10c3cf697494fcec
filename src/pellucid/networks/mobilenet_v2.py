"""MobileNetV2 as a frozen observer: features of a picture at four depths."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = {73: 24, 93: 32, 140: 96, 166: 320}
"""Tensors of the program that are looked at, and their channels: at a quarter, an eighth, a 16th and a 32nd."""


class MobileNetV2(nn.Module):
    """The trunk of a classifier of 1001 kinds of things, frozen; 2.2 million weights of 8 bits.

    It knows what is in a picture, not how good the picture is, and nothing here teaches it that.

    Args:
        weights: an `.npz` with the weights and, as JSON, the operations in their order.

    Source:
        Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018; the quantised network of
        TensorFlow's model zoo (Apache-2.0), its batch normalisation folded into the convolutions.
    """

    def __init__(self, weights: str | Path):
        super().__init__()
        with np.load(weights) as stored:
            program = json.loads(str(stored["program"]))
            self.scale, self.zero, self.input = program["scale"], program["zero"], program["input"]
            self.operations: list[dict[str, Any]] = []
            for operation in program["prog"]:
                self.operations.append(operation)
                if operation["op"] == "conv":
                    self._keep(operation["n"], stored)
                if operation["o"] == max(TAPS):
                    break
        self.last_use = {at: step for step, its in enumerate(self.operations) for at in (its["i"], its.get("j"))}

    def _keep(self, number: int, stored: Any) -> None:
        scale, zero = stored[f"q{number}"].tolist()
        weight = torch.from_numpy(stored[f"w{number}"].astype(np.float32))
        # Buffers that no weights file holds: they come with the package, and no training moves them.
        self.register_buffer(f"weight_{number}", (weight - zero) * scale, persistent=False)
        self.register_buffer(f"bias_{number}", torch.from_numpy(stored[f"b{number}"]), persistent=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """`(B, 3, h, w)` in `[0, 1]`, any size, to the features of `TAPS`, each `(B, C, h', w')`.

        Gradients flow to the picture.
        """
        made = {self.input: (255 * picture.to(self.get_buffer("bias_0").dtype) - self.zero) * self.scale}
        for step, operation in enumerate(self.operations):
            first = made[operation["i"]]
            if operation["op"] == "add":
                result = first + made[operation["j"]]
            else:
                weight = self.get_buffer(f"weight_{operation['n']}")
                stride, groups = operation["stride"], first.shape[1] if operation["depthwise"] else 1
                padded = F.pad(first, _padding(first.shape[-1], weight.shape[-1], stride)
                               + _padding(first.shape[-2], weight.shape[-2], stride))  # fmt: skip
                bias = self.get_buffer(f"bias_{operation['n']}")
                result = F.conv2d(padded, weight, bias, stride=stride, groups=groups)
            for at in (operation["i"], operation.get("j")):  # what is needed no more goes
                if at is not None and at not in TAPS and self.last_use[at] == step:
                    del made[at]
            made[operation["o"]] = result.clamp(operation["lo"], operation["hi"])
        return [made[tap] for tap in TAPS]


def _padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Before and after, as TensorFlow's SAME: what is odd comes after."""
    needed = max(0, (-(-length // stride) - 1) * stride + kernel - length)
    return needed // 2, needed - needed // 2
