"""The calibrated bound on a restored picture's error, from the scales that a network foretells."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import WeightsError
from pellucid.trust.conformal import risk_controlled_factor, shares_outside

KNOTS = tuple(2.0**power / 255 for power in range(-2, 7))
"""Scales between which factors are interpolated: a quarter of a grey level, of 255, to 64 grey levels."""

LEAST_SHARE = 1e-4
"""Of a group's pixels about a knot, below which its neighbour's factor is taken."""

MOST_SWAY = 2.0
"""How many times the factor of a knot may be that of all pixels of its group, or the other way round."""

SMALLEST_ERROR = 0.5 / 255
"""What rounding to 8 bits does at most; no factor is learned from less."""

QUANTILES, ROUNDED, RIDGE = 200, 0.02, 0.15
"""How many of a picture's ratios its factor is learned from; over how much, as a logarithm, the corner of the loss is
rounded; and the weight of what restrains it, beside pictures that count 1 each."""

FOLDS = 4
"""Parts of the photographs, each of which is measured by what was fitted to the others."""

EVERYTHING = "everything"
"""The group of pictures that were taken for something rare."""


@dataclass(frozen=True)
class Sample:
    """One calibration picture.

    Attributes:
        scale: foretold, `(1, 1, H, W)`.
        error: `|restored - clean|`, `(1, 3, H, W)`.
        photograph: the number of the photograph that it was made of; what was made of one is not independent.
        seen: what is known of the picture as a whole, as many numbers for every picture.
    """

    scale: Tensor
    error: Tensor
    photograph: int
    seen: tuple[float, ...] = ()


@dataclass(frozen=True)
class ErrorBound:
    """A bound per pixel, `exp(w . seen) factor(scale) scale`, for `level` of a picture's values on the average.

    What a picture was taken for, what else is seen of it and the scale decide, so that the bound is neither too wide
    where errors are small nor too narrow where they are large.

    Attributes:
        level: share of the values within the bound, in `(0, 1)`.
        factors: what a picture was taken for to one factor per knot.
        pictures: how many were looked at, by the same names.
        weights: w, by the same names; nothing where nothing was seen of the pictures as a whole.
    """

    level: float
    factors: Mapping[str, tuple[float, ...]]
    pictures: Mapping[str, int]
    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __call__(self, scale: Tensor, taken_for: str | None, seen: Sequence[float] = ()) -> Tensor:
        """The bound, in the unit of pictures, at most 1.

        Args:
            scale: `(B, 1, H, W)`, as foretold.
            taken_for: what the pictures were taken for; the factors of all together where that is rare or unknown.
            seen: what is seen of them as a whole, as it was for calibration.
        """
        return self.unlimited(scale, taken_for, seen).clamp(max=1)

    def unlimited(self, scale: Tensor, taken_for: str | None, seen: Sequence[float] = ()) -> Tensor:
        """The same, above 1 where that is what comes out: a multiple of it is a multiple of the bound everywhere."""
        name = taken_for if taken_for is not None and taken_for in self.factors else EVERYTHING
        weights = self.weights.get(name, ())
        if len(weights) != len(seen):
            raise WeightsError(
                f"Expected {len(weights)} values that were seen of a picture as a whole, got {len(seen)}: calibrate "
                "the bound again with what is seen now."
            )
        whole = math.exp(sum(w * its for w, its in zip(weights, seen, strict=True)))
        return scale * interpolated(scale, [whole * factor for factor in self.factors[name]])

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        values = {"level": self.level, "factors": dict(self.factors), "pictures": dict(self.pictures)}
        return {**values, "weights": dict(self.weights)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ErrorBound":
        """The bound that `as_json` gave.

        Raises:
            WeightsError: when `values` are something else.
        """
        try:
            factors = {name: tuple(float(one) for one in row) for name, row in values["factors"].items()}
            if EVERYTHING not in factors or any(len(row) != len(KNOTS) for row in factors.values()):
                raise ValueError("other knots")
            weights = {name: tuple(float(one) for one in row) for name, row in values.get("weights", {}).items()}
            return cls(float(values["level"]), factors, dict(values["pictures"]), weights)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"Expected the calibration of an error bound, got something else ({error}): calibrate it again."
            ) from error


def calibrated(samples: Mapping[str, Sequence[Sample]], level: float = 0.9, least: int = 40) -> ErrorBound:
    """The bound that held-out pictures give.

    How the factor changes with the scale, and with what is seen of a picture as a whole, is fitted to all pictures. How
    large it is comes from photographs that were not fitted to: `FOLDS` times the others give a draft, and these are
    measured by it. They count once each however many pictures were made of them, so photographs are what
    `risk_controlled_factor` is about; it speaks of groups that have factors of their own, and of all groups together;
    of a rare group it says nothing.

    Args:
        samples: by what the pictures were taken for.
        level: share of the values within the bound.
        least: photographs that a group needs for factors of its own.

    Raises:
        ConfigurationError: when there are too few photographs.

    Source:
        In the spirit of cross-conformal prediction (Vovk, 2015), which uses every photograph twice where a split uses
        it once. Differs: one factor for all folds, applied to what was fitted to all photographs. Nothing is proven of
        such a bound at a finite number of photographs, as it is of a split; `benchmarks/trust.py` measures it.
    """
    every = [sample for its in samples.values() for sample in its]
    own = {name: its for name, its in samples.items() if len({one.photograph for one in its}) >= least}
    groups = own | {EVERYTHING: every}
    found = {name: _calibrated(its, level) for name, its in groups.items()}
    pictures = {name: len(its) for name, its in groups.items()}
    factors, weights = ({name: its[part] for name, its in found.items()} for part in (0, 1))
    return ErrorBound(level, factors, pictures, weights)


def _calibrated(samples: Sequence[Sample], level: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The factors and the weights of a group."""
    photographs = sorted({sample.photograph for sample in samples})
    outside: dict[int, list[Tensor]] = {}
    for fold in range(FOLDS):
        asked = set(photographs[fold::FOLDS])
        draft = _draft([sample for sample in samples if sample.photograph not in asked] or samples, level)
        for sample in samples:
            if sample.photograph in asked:
                share = shares_outside(sample.error, draft.unlimited(sample.scale, None, sample.seen))
                outside.setdefault(sample.photograph, []).append(share)
    held = risk_controlled_factor(torch.stack([torch.stack(its).mean(dim=0) for its in outside.values()]), level)
    whole = _draft(samples, level)
    return tuple(held * factor for factor in whole.factors[EVERYTHING]), whole.weights[EVERYTHING]


def _draft(samples: Sequence[Sample], level: float) -> ErrorBound:
    """What is fitted; its height is not held yet."""
    course = _by_scale(samples, level)
    return ErrorBound(level, {EVERYTHING: course}, {}, {EVERYTHING: _by_what_is_seen(samples, course, level)})


def _by_what_is_seen(samples: Sequence[Sample], course: Sequence[float], level: float) -> tuple[float, ...]:
    """How a picture's factor follows what is seen of it; what is the same for all is left to the height of the course.

    Quantile regression of the logarithms of all errors, over what was foretold, by what is seen; every picture counts
    the same. At its minimum the share of values within the bound is `level` under the weight of each thing seen: as
    often for pictures with it as for those without.

    Source:
        Gibbs, Cherian and Candes, "Conformal Prediction with Conditional Guarantees", 2023, whose class of weights is
        linear here. Differs: fitted once, restrained; the height is held afterwards.
    """
    if not samples[0].seen:
        return ()
    places = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
    ratios = [(_told(sample) / (sample.scale * interpolated(sample.scale, course))).flatten() for sample in samples]
    found = torch.stack([torch.quantile(_thinned(ratio, 1 << 16).double(), places) for ratio in ratios])
    wanted = found.clamp_min(1e-6).log()
    seen = torch.tensor([(1.0, *sample.seen) for sample in samples], dtype=torch.float64)
    weights = torch.zeros(seen.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        above = wanted - (seen @ weights)[:, None]
        distance = (level - 0.5) * above + 0.5 * (above.square() + ROUNDED**2).sqrt()
        return distance.mean() + RIDGE / len(samples) * weights[1:].square().sum()

    def closure() -> Tensor:
        optimiser.zero_grad()
        its = loss()
        its.backward()
        return its

    optimiser.step(closure)  # pyright: ignore[reportArgumentType]
    return tuple(weights.detach()[1:].tolist())


def _told(sample: Sample) -> Tensor:
    """The errors that factors are learned from: what is next to nothing is alike, and nothing is not an error of 0."""
    return sample.error.clamp_min(SMALLEST_ERROR)


def _by_scale(samples: Sequence[Sample], level: float) -> tuple[float, ...]:
    """For every knot the factor that bounds `level` of the values whose scale is nearest to it."""
    ratios: list[list[Tensor]] = [[] for _ in KNOTS]
    for sample in samples:
        nearest = _place(sample.scale).round().long().expand_as(sample.error)
        ratio = _told(sample) / sample.scale
        for knot, found in enumerate(ratios):
            found.append(ratio[nearest == knot])
    total = sum(sample.error.numel() for sample in samples)
    told = [torch.cat(found) for found in ratios]
    known = {
        knot: torch.quantile(_thinned(its), level).item()
        for knot, its in enumerate(told)
        if len(its) >= LEAST_SHARE * total
    }
    overall = torch.quantile(_thinned(torch.cat(told)), level).item()
    course = [known[min(known, key=lambda other: abs(other - knot))] for knot in range(len(KNOTS))]
    # What few pixels of few pictures say is not believed without limit, and where more error is foretold the bound is
    # no less, from knot to knot: it must not turn the order of the errors about.
    limited = [min(max(factor, overall / MOST_SWAY), overall * MOST_SWAY) for factor in course]
    bounds = list(accumulate((factor * scale for factor, scale in zip(limited, KNOTS, strict=True)), max))
    return tuple(bound / scale for bound, scale in zip(bounds, KNOTS, strict=True))


def _thinned(values: Tensor, most: int = 1 << 22) -> Tensor:
    """Every n-th value, because `torch.quantile` takes no more than sixteen million."""
    return values[:: -(-len(values) // most)]


def interpolated(scale: Tensor, factors: Sequence[float]) -> Tensor:
    """The factor at every pixel: between knots linear in the logarithm of the scale, beyond them constant."""
    place = _place(scale)
    before = place.floor()
    rest, number = place - before, before.int()
    given = scale.new_tensor([*factors, factors[-1]])
    return given[:-1][number].lerp_(given[1:][number], rest)


def _place(scale: Tensor) -> Tensor:
    """Where scales lie among the knots, from 0 to the number of the last."""
    return (scale / KNOTS[0]).log2().clamp(0, len(KNOTS) - 1)
