"""Colours for pixels that nobody sees, so that a network does not carry hidden colours into visible pixels."""

import numpy as np
from numpy.typing import NDArray

_RADII = (1, 4, 16)
REACH = _RADII[-1]
"""How far around a box the picture must be known to fill what is hidden in it, in pixels."""

_FARTHER = np.float32(0.5)


def fill_hidden(planes: NDArray[np.float32], opacity: NDArray[np.float32]) -> NDArray[np.float32]:
    """`planes` with the mean colour of nearby visible pixels where `opacity` is 0, and unchanged elsewhere.

    The mean is weighted by opacity, over a square of 3 pixels, else of 9, else of 33; farther than `REACH` from
    anything visible it is mid-grey. Each pixel depends on its surroundings within `REACH` only, not on the box that was
    read, so tiles agree with the whole picture.

    Args:
        planes: (C, H, W).
        opacity: (H, W), at least 0.

    Example:
        >>> fill_hidden(np.float32([[[0.1, 0.8]]]), np.float32([[0, 1]]))
        array([[[0.8, 0.8]]], dtype=float32)
    """
    visible = opacity > 0
    filled = np.where(visible, planes, _FARTHER)
    # Double precision, because the sums are differences of running totals.
    weighted = np.where(visible, planes, 0).astype(np.float64) * opacity
    missing = ~visible
    for radius in _RADII:
        if not missing.any():
            break
        found = missing & (_square_sum(visible.astype(np.int64), radius) > 0)
        weight = _square_sum(opacity.astype(np.float64), radius)[found]
        for plane, colour in zip(filled, weighted, strict=True):
            plane[found] = _square_sum(colour, radius)[found] / weight
        missing &= ~found
    return filled


def _square_sum(plane: NDArray, radius: int) -> NDArray:
    """The sum over a square of side 2 radius + 1 around each pixel; outside the picture is 0."""
    for axis in (0, 1):
        total = np.insert(np.cumsum(plane, axis), 0, 0, axis)
        at = np.arange(plane.shape[axis])
        last, first = np.minimum(at + radius + 1, len(at)), np.maximum(at - radius, 0)
        plane = np.take(total, last, axis) - np.take(total, first, axis)
    return plane
