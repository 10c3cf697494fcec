"""A small view of a whole picture: the same for a picture in memory and one that is read in tiles."""

from torch import Tensor

LONGEST_SIDE = 768
"""Of an overview, pixels."""


def overview_step(height: int, width: int) -> int:
    """Every how many-th pixel of every how many-th row an overview takes."""
    return -(-max(height, width) // LONGEST_SIDE)


def overview(image: Tensor) -> Tensor:
    """Every n-th pixel of every n-th row of `(B, C, H, W)`, at most `LONGEST_SIDE` long; a view.

    Pixels are taken and not averaged, so that noise stays as strong as it is.
    """
    step = overview_step(*image.shape[-2:])
    return image[..., ::step, ::step]
