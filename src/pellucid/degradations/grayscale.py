"""Grayscale: the colour is gone."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from pellucid.degradations.contract import Strength, per_sample

LUMA = (0.299, 0.587, 0.114)


def grayscale(image: Tensor, share: Strength = 1.0, *, generator: Generator | None = None) -> Tensor:
    """`image` with its colour faded towards grey, still in three channels.

        degraded = (1 - share) image + share (0.299 R + 0.587 G + 0.114 B)

    Args:
        image: `(B, 3, H, W)`.
        share: one is grey, zero leaves the picture as it is.
        generator: not used.

    Source:
        Weights of ITU-R BT.601, as in BIGPrior's colorization.
    """
    luma = (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return image.lerp(luma.expand_as(image), per_sample(share, image).expand_as(image))


@dataclass(frozen=True)
class Grayscale:
    """Parameters of `grayscale`."""

    name: ClassVar[str] = "grayscale"
    function = staticmethod(grayscale)

    share: float = 1.0

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Grayscale":
        """The share is the severity."""
        return cls(float(severity))
