"""Intervals by resampling pictures: how sure a difference between two models is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95
LEAST_PICTURES = 10
"""Fewer say nothing about other pictures: the interval of one picture has no width at all."""


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie.

    Attributes:
        mean: of the sample.
        low: end of the interval.
        high: the other end.
        num_pictures: that it rests on.
    """

    mean: float
    low: float
    high: float
    num_pictures: int

    @property
    def is_certain(self) -> bool:
        """Whether zero lies outside, by enough pictures to say so."""
        return self.num_pictures >= LEAST_PICTURES and (self.low > 0 or self.high < 0)


def paired_bootstrap(
    *sets: Sequence[Sequence[float | None]],
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean over conditions of mean paired differences, and its percentile interval over resampled pictures.

    Args:
        sets: per test set the differences of two models on the same pictures, in dB: a row per condition, a column per
            picture, `None` where the condition has not got that picture. Pictures are drawn set by set, one draw for
            all conditions of a set, whose rows are not independent.
        confidence: share of the resampled means that the interval holds.
        resamples: how often the pictures are drawn again, with replacement.
        seed: of the draws.

    Source:
        Efron, "Bootstrap methods: another look at the jackknife", 1979; percentile interval.

    Example:
        >>> paired_bootstrap([[1.0, 1.0, 1.0]])
        Interval(mean=1.0, low=1.0, high=1.0, num_pictures=3)
    """
    generator = np.random.default_rng(seed)
    tables = [np.asarray(rows, dtype=np.float64) for rows in sets]  # None becomes NaN
    total, drawn_total = 0.0, np.zeros(resamples)
    for table in tables:
        pictures = table.shape[1]
        drawn = generator.integers(0, pictures, (resamples, pictures))
        counts = np.stack([np.bincount(row, minlength=pictures) for row in drawn])
        is_there = np.isfinite(table)
        values = np.where(is_there, table, 0.0)
        total += float((values.sum(axis=1) / is_there.sum(axis=1)).sum())
        held = counts @ is_there.T
        means = np.divide(counts @ values.T, held, out=np.full(held.shape, np.nan), where=held > 0)
        drawn_total += means.sum(axis=1)
    num_conditions = sum(len(table) for table in tables)
    # A draw that leaves a condition without a picture does not count.
    low, high = np.nanquantile(drawn_total / num_conditions, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(total / num_conditions, float(low), float(high), sum(table.shape[1] for table in tables))
