"""Colours for pixels that nobody sees, so that a network does not carry hidden colours into visible pixels."""

import torch
from torch import Tensor
from torch.nn import functional

_RADII = (1, 4, 16)
REACH = _RADII[-1]
"""How far around a box the picture must be known to fill what is hidden in it, in pixels."""

_FARTHER = 0.5


def fill_hidden(image: Tensor, opacity: Tensor) -> Tensor:
    """`image` with the mean colour of nearby visible pixels where `opacity` is 0, and itself elsewhere.

    The mean is weighted by opacity, over a square of 3 pixels, else of 9, else of 33; farther than `REACH` from
    anything visible it is mid-grey. Each pixel depends on its surroundings within `REACH` only, not on the box that was
    read, so tiles agree with the whole picture.

    Args:
        image: `(1, 3, H, W)`.
        opacity: `(1, 1, H, W)`, at least 0.

    Example:
        >>> image = torch.tensor([[0.0, 0.8]]).expand(1, 3, 1, 2)
        >>> fill_hidden(image, torch.tensor([[[[0.0, 1.0]]]]))[0, 0]
        tensor([[0.8000, 0.8000]])
    """
    hidden = opacity <= 0
    filled = torch.where(hidden, torch.full_like(image, _FARTHER), image)
    weighted = torch.where(hidden, torch.zeros_like(image), image) * opacity
    missing = hidden
    for radius in _RADII:
        weight = _box_sum(opacity, radius)
        found = missing & (weight > 0)
        if found.any():
            mean = _box_sum(weighted, radius) / weight.clamp_min(torch.finfo(weight.dtype).tiny)
            filled = torch.where(found, mean, filled)
        missing = missing & ~found
    return filled


def _box_sum(image: Tensor, radius: int) -> Tensor:
    """The sum over a square of side 2 radius + 1; outside the picture is 0."""
    side = 2 * radius + 1
    by_row = functional.avg_pool2d(image, (side, 1), stride=1, padding=(radius, 0), divisor_override=1)
    return functional.avg_pool2d(by_row, (1, side), stride=1, padding=(0, radius), divisor_override=1)
