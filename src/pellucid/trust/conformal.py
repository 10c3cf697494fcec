"""Factors that make a bound hold with a stated confidence on pictures like those it was calibrated on.

No assumption is made on how errors are distributed; only that the pictures to come are like the pictures at hand.
"""

import math

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError

STEPS_PER_OCTAVE, OCTAVES = 32, 10
"""The grid of factors: two per cent from one to the next, from `2^-OCTAVES` to `2^OCTAVES`."""


def factors_tried() -> Tensor:
    """The grid of factors, ascending, `(2 OCTAVES STEPS_PER_OCTAVE + 1,)`."""
    steps = torch.arange(-OCTAVES * STEPS_PER_OCTAVE, OCTAVES * STEPS_PER_OCTAVE + 1, dtype=torch.float64)
    return torch.exp2(steps / STEPS_PER_OCTAVE)


def shares_outside(error: Tensor, scale: Tensor) -> Tensor:
    """Which share of the values of a picture lies outside `factor scale`, for every factor that is tried, `(F,)`.

    Args:
        error: any shape.
        scale: positive, broadcastable to it.
    """
    ratio = (error.abs() / scale).double().clamp_min(2.0**-OCTAVES / 2).log2()
    # Of a value that is on the grid the bound still holds, hence the ceiling.
    place = (ratio * STEPS_PER_OCTAVE).ceil().clamp(-OCTAVES * STEPS_PER_OCTAVE, OCTAVES * STEPS_PER_OCTAVE + 1)
    first = place.long().flatten() + OCTAVES * STEPS_PER_OCTAVE  # the least factor that bounds it
    count = torch.bincount(first, minlength=2 * OCTAVES * STEPS_PER_OCTAVE + 2)
    return 1 - count.cumsum(0)[:-1].double() / count.sum()


def risk_controlled_factor(outside: Tensor, level: float) -> float:
    """The least factor with which no more than `1 - level` of a further picture's values are expected outside.

        (sum_i L_i(q) + 1) / (n + 1) <= 1 - level,   L_i(q) the share of picture i outside q times its scale

    Args:
        outside: `(N, F)`, the shares of N pictures, see `shares_outside`.
        level: in `(0, 1)`, 0.9 for nine of ten.

    Raises:
        ConfigurationError: when there are too few pictures for this level.

    Source:
        Conformal risk control (Angelopoulos et al., ICLR 2024), Eq. 4; the loss is at most 1. Split conformal
        prediction is the case of pictures of one pixel. The guarantee is on the mean over pictures, not on each.
    """
    number = len(outside)
    needed = math.ceil(level / (1 - level) - 1e-9)
    if number < needed:
        raise ConfigurationError(
            f"Expected at least {needed} pictures to calibrate a level of {level:g}, got {number}: give more."
        )
    risk = (outside.sum(dim=0) + 1) / (number + 1)
    is_held = risk <= 1 - level + 1e-12
    if not bool(is_held.any()):
        raise ConfigurationError(
            "Expected scales within a factor of a thousand of the errors, got worse ones: train them first."
        )
    return factors_tried()[int(is_held.int().argmax())].item()
