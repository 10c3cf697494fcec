"""Resize: fewer pixels, or the softness of a picture that once had fewer."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between


def resize(
    image: Tensor,
    factor: Strength,
    *,
    keep_size: bool = True,
    filter: Literal["bicubic", "bilinear", "area"] = "bicubic",
    generator: Generator | None = None,
) -> Tensor:
    """`image` made smaller by `factor`, and by default enlarged again to its own size.

    Args:
        image: `(B, 3, H, W)`.
        factor: how many times smaller, at least one.
        keep_size: enlarge again (bicubic). When off, the factor must be the same for the whole batch.
        filter: for making smaller; `"bicubic"` and `"bilinear"` are anti-aliased.
        generator: not used.

    Returns:
        `(B, 3, H, W)`, or `(B, 3, round(H / factor), round(W / factor))`.
    """
    height, width = image.shape[-2:]
    smaller = []
    for sample, times in zip(image.split(1), per_sample(factor, image, 0).tolist(), strict=True):
        size = (max(1, round(height / times)), max(1, round(width / times)))
        settings = {} if filter == "area" else {"antialias": True, "align_corners": False}
        small = F.interpolate(sample, size=size, mode=filter, **settings)
        if keep_size:
            small = F.interpolate(small, size=(height, width), mode="bicubic", align_corners=False)
        smaller.append(small)
    return torch.cat(smaller)


@dataclass(frozen=True)
class Resize:
    """Parameters of `resize`."""

    name: ClassVar[str] = "resize"
    function = staticmethod(resize)

    factor: float
    keep_size: bool = True

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Resize":
        """Factor from 1.1 to 4, enlarged again."""
        return cls(between(1.1, 4.0, severity))
