"""Intervals by resampling pictures: how sure a difference between two models is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie.

    Attributes:
        mean: of the sample.
        low: end of the interval.
        high: the other end.
    """

    mean: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    differences: Sequence[float], *, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The mean of paired differences and its percentile interval over resampled pictures.

    Args:
        differences: one per picture, of the two models on the same picture, in dB.
        confidence: share of the resampled means that the interval holds.
        resamples: how often the pictures are drawn again, with replacement.
        seed: of the draws.

    Source:
        Efron, "Bootstrap methods: another look at the jackknife", 1979; percentile interval.

    Example:
        >>> paired_bootstrap([1.0, 1.0, 1.0])
        Interval(mean=1.0, low=1.0, high=1.0)
    """
    values = np.asarray(differences, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    means = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values.mean()), float(low), float(high))
