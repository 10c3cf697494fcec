"""The learning rate over the steps."""

import math


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
