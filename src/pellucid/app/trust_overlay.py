"""The drawn map of trust with a legend in words, as a PNG."""

import numpy as np
import pyvips
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.images.decoding import prepare_libvips
from pellucid.trust.drawing import STOPS, legend, overlay

LEAST_OF_HOLE = 8 / 255
"""The least bound that filled holes are drawn with: all of them is invented, however surely."""

_STRIP, _MARGIN = 14, 10
"""Height of the strip of colours, and what is left around it, pixels."""


def overlay_png(restored: Tensor, error: Tensor, level: float, *, is_hole: bool = False) -> bytes:
    """The picture coloured where it may be wrong, above a strip that says what the colours mean.

    Args:
        restored: `(1, 3, H, W)`.
        error: the bound, `(1, 1, H, W)`.
        level: of the bound.
        is_hole: whether only a hole was filled, where the bound is above 0: it is never drawn as certain.
    """
    prepare_libvips()
    if is_hole:
        error = torch.where(error > 0, error.clamp_min(LEAST_OF_HOLE), error)
    drawn = _pixels(overlay(restored, error))
    width = max(drawn.shape[1], 360)
    rows = [drawn, drawn_legend(width, level)]
    page = np.full((sum(row.shape[0] for row in rows), width, 3), 255, np.uint8)
    top = 0
    for row in rows:
        page[top : top + row.shape[0], : row.shape[1]] = row
        top += row.shape[0]
    image = pyvips.Image.new_from_array(page, interpretation="srgb")
    return pyvips.Operation.call("pngsave_buffer", image)


def drawn_legend(width: int, level: float) -> NDArray[np.uint8]:
    """What the colours mean, in words and as a strip, `(H, width, 3)`."""
    above = drawn_text("Coloured: may be off by so many of 255 grey levels, or less; grey: by 4 at most", width)
    below = drawn_text(f"(true of {10 * level:g} of 10 values, in pictures like those this was measured on).", width)
    strip = _pixels(legend(_STRIP, width - 2 * _MARGIN))
    # As many places as stops, the first and the last at the ends.
    numbers = [drawn_text(f"{stop[0]:.0f}", width) for stop in STOPS]
    height = sum(part.shape[0] + _MARGIN for part in (above, below, strip, numbers[0])) + _MARGIN
    page = np.full((height, width, 3), 255, np.uint8)
    top = _MARGIN
    for part in (above, below, strip):
        page[top : top + part.shape[0], _MARGIN : _MARGIN + part.shape[1]] = part[:, : width - 2 * _MARGIN]
        top += part.shape[0] + _MARGIN
    for place, number in enumerate(numbers):
        centre = _MARGIN + place * (width - 2 * _MARGIN) / (len(numbers) - 1)
        left = int(min(max(0, centre - number.shape[1] / 2), width - number.shape[1]))
        page[top - _MARGIN // 2 : top - _MARGIN // 2 + number.shape[0], left : left + number.shape[1]] = number
    return page


def drawn_text(words: str, width: int) -> NDArray[np.uint8]:
    """Black on white, in lines no longer than `width` pixels, `(h, w, 3)`."""
    ink = pyvips.Operation.call("text", words, font="sans 10", dpi=92, width=width - 2 * _MARGIN)
    lines = 255 - np.asarray(ink.numpy())
    return np.repeat(lines.reshape(lines.shape[0], lines.shape[1], 1), 3, axis=2).astype(np.uint8)


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    return (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
