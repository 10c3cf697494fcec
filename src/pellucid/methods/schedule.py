"""The learning rate over the steps."""

import math
from collections.abc import Sequence


def cosine_with_warm_up(step: int, *, steps: int, warm_up: int, peak: float, final: float) -> float:
    """The rate of `step`: linear from `peak / warm_up` to `peak`, then half a cosine down to `final` at the last step.

    Args:
        step: from 0.
        steps: of the whole run.
        warm_up: steps of the linear part.
        peak: highest rate.
        final: rate at the end and after it.

    Source:
        Loshchilov and Hutter, "SGDR", ICLR 2017, Eq. 5, one cycle.

    Example:
        >>> [round(cosine_with_warm_up(s, steps=5, warm_up=1, peak=1.0, final=0.0), 2) for s in range(5)]
        [1.0, 0.85, 0.5, 0.15, 0.0]
    """
    if step < warm_up:
        return peak * (step + 1) / warm_up
    progress = min(1.0, (step - warm_up + 1) / max(1, steps - warm_up))
    return final + (peak - final) * (1 + math.cos(math.pi * progress)) / 2


def halved_with_warm_up(step: int, *, halve_at: Sequence[float], warm_up: int, peak: float) -> float:
    """The rate of `step`: linear from `peak / warm_up` to `peak`, then half as much from each step of `halve_at` on.

    Args:
        step: from 0.
        halve_at: steps.
        warm_up: steps of the linear part.
        peak: highest rate.

    Source:
        DIL as released: Adam's outer rate is halved every 20 epochs.

    Example:
        >>> [halved_with_warm_up(s, halve_at=[2, 3], warm_up=1, peak=1.0) for s in range(5)]
        [1.0, 1.0, 0.5, 0.25, 0.25]
    """
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 ** sum(step >= at for at in halve_at)
