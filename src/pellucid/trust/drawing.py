"""A map of trust drawn so that it can be read without knowing statistics."""

import torch
from torch import Tensor

from pellucid.degradations.grayscale import grayscale

STOPS = (
    (4.0, (1.0, 0.95, 0.45), 0.0),
    (8.0, (1.0, 0.90, 0.30), 0.6),
    (16.0, (0.98, 0.55, 0.15), 0.75),
    (32.0, (0.85, 0.12, 0.15), 0.85),
    (64.0, (0.60, 0.05, 0.55), 0.9),
)
"""Bounds in levels of 255, the colour for each, and how much of it covers the picture. Below the first, which hardly
anybody sees, nothing is drawn. Fixed, so that pictures may be compared."""


def overlay(restored: Tensor, error: Tensor) -> Tensor:
    """The restored picture in grey, coloured where it may be wrong: yellow, orange, red, violet.

    Args:
        restored: `(B, 3, H, W)`, in `[0, 1]`.
        error: the bound, `(B, 1, H, W)`, in the same unit.

    Returns:
        `(B, 3, H, W)`, in `[0, 1]`.
    """
    levels = (error.float() * 255).clamp_min(1e-3).log2()
    places = torch.tensor([stop[0] for stop in STOPS], device=error.device).log2()
    colours = torch.tensor([(*stop[1], stop[2]) for stop in STOPS], device=error.device)
    drawn = _between(levels, places, colours)
    colour, covers = drawn[:, :3], drawn[:, 3:]
    grey = grayscale(restored.float().clamp(0, 1))
    # Coloured as glass would be: what is bright stays brighter than what is dark.
    return grey * (1 - covers) + covers * colour * (0.35 + 0.65 * grey)


def legend(height: int, width: int) -> Tensor:
    """The colours from left to right, from the first stop to the last on a scale of doublings, `(1, 3, H, W)`."""
    first, last = STOPS[0][0], STOPS[-1][0]
    steps = torch.linspace(0, 1, width).view(1, 1, 1, width).expand(1, 1, height, width)
    return overlay(torch.full((1, 3, height, width), 0.75), first * (last / first) ** steps / 255)


def _between(levels: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """`values` (S, C) at `places` (S,), linear between them, constant beyond: `(B, 1, H, W)` to `(B, C, H, W)`."""
    result = torch.zeros_like(levels.expand(-1, values.shape[1], -1, -1))
    gap = places[1] - places[0]  # the stops are doublings
    where = ((levels - places[0]) / gap).clamp(0, len(places) - 1)
    for number, value in enumerate(values):
        result += (1 - (where - number).abs()).clamp_min(0) * value.view(1, -1, 1, 1)
    return result
