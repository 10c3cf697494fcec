"""Mask: a part of the picture is missing."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between

Shape = Literal["centre", "rectangles", "free-form"]


def hole(like: Tensor, share: Strength, *, shape: Shape = "centre", generator: Generator) -> Tensor:
    """Where the picture is missing, `(B, 1, H, W)`, one inside the hole and zero outside.

    Args:
        like: `(B, C, H, W)`: gives size and device.
        share: of the area to be missing; exact for `"centre"` up to rounding, else within a third of it on average.
        shape: a centred rectangle with the picture's proportions, random rectangles, or random strokes.
        generator: on the device of `like`.
    """
    batch, _, height, width = like.shape
    shares = per_sample(share, like, 0).clamp(0, 1)
    rows = torch.arange(height, device=like.device, dtype=like.dtype).view(1, -1, 1) + 0.5
    columns = torch.arange(width, device=like.device, dtype=like.dtype).view(1, 1, -1) + 0.5
    if shape == "centre":
        side = shares.sqrt().view(-1, 1, 1)
        inside = ((rows - height / 2).abs() < side * height / 2) & ((columns - width / 2).abs() < side * width / 2)
        return inside.unsqueeze(1).to(like.dtype)
    count = 4 if shape == "rectangles" else 12
    missing = torch.zeros(batch, height, width, dtype=torch.bool, device=like.device)
    # Independent pieces overlap: n pieces of area a cover 1 - (1 - a)^n, and border cuts take some of each.
    area = 1 - (1 - shares) ** (1 / count)
    for _ in range(count):
        draw = torch.rand(5, batch, 1, 1, device=like.device, dtype=like.dtype, generator=generator)
        top, left, aspect, angle = (
            draw[0] * height,
            draw[1] * width,
            torch.exp((draw[2] - 0.5) * 1.4),
            draw[3] * math.pi,
        )
        if shape == "rectangles":
            side = (area.view(-1, 1, 1) * 1.3).sqrt()
            missing |= ((rows - top).abs() < side * height * aspect / 2) & (
                (columns - left).abs() < side * width / aspect / 2
            )
        else:
            length = (0.2 + 0.5 * draw[4]) * min(height, width)
            thickness = area.view(-1, 1, 1) * 1.5 * height * width / length
            along = (columns - left) * torch.cos(angle) + (rows - top) * torch.sin(angle)
            bend = 0.15 * length * torch.sin(along / length * 2 * math.pi * aspect)
            across = -(columns - left) * torch.sin(angle) + (rows - top) * torch.cos(angle) + bend
            missing |= (along.abs() < length / 2) & (across.abs() < thickness / 2)
    return missing.unsqueeze(1).to(like.dtype)


def mask(
    image: Tensor, share: Strength, fill: Strength = 0.0, *, shape: Shape = "centre", generator: Generator
) -> Tensor:
    """`image` with a hole filled by a constant.

        degraded = image (1 - M) + fill M

    Args:
        image: `(B, 3, H, W)`.
        share: of the area to be missing, in `[0, 1]`; see `hole`.
        fill: value inside the hole.
        shape: see `hole`.
        generator: on the device of `image`.

    Source:
        BIGPrior's centre inpainting, and free-form strokes in the spirit of Yu et al., "Free-Form Image Inpainting with
        Gated Convolution", ICCV 2019. Differs: strokes are bent bands, not random walks.
    """
    missing = hole(image, share, shape=shape, generator=generator)
    return image * (1 - missing) + per_sample(fill, image) * missing


@dataclass(frozen=True)
class Mask:
    """Parameters of `mask`."""

    name: ClassVar[str] = "mask"
    function = staticmethod(mask)

    share: float
    fill: float = 0.0
    shape: Shape = "centre"

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Mask":
        """Two to forty hundredths of the area, the shape at random."""
        shapes: tuple[Shape, ...] = ("centre", "rectangles", "free-form")
        shape = shapes[int(torch.randint(3, (), generator=generator).item())]
        return cls(share=between(0.02, 0.4, severity), shape=shape)
