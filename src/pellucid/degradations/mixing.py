"""Which degradations a sample gets, how strong, and in what order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import GaussianBlur
from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.contract import Degradation, apply
from pellucid.degradations.draws import uniform
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.noise import GaussianNoise
from pellucid.errors import ConfigurationError

CLEAN = "clean"
Chain = tuple[Degradation, ...]

# What happens to light before it is measured comes before what happens to the measurement.
NATURAL_ORDER = (
    "haze", "rain", "snow", "low-light", "defocus-blur", "motion-blur", "gaussian-blur", "resize", "sensor-noise",
    "gaussian-noise", "grayscale", "mask", "jpeg",
)  # fmt: skip

TIERS: Mapping[str, tuple[int, int]] = {"mild": (9, 11), "moderate": (12, 17), "severe": (18, 20)}
"""Hybrid distortion: the sum `k + m + n - 2` of the three bins, from and to (RL-Restore's levels, as in DIL)."""


def domain(chain: Sequence[Degradation]) -> str:
    """The name of a chain: `"rain+jpeg"`, or `"clean"` when it is empty."""
    return "+".join(degradation.name for degradation in chain) or CLEAN


def apply_chains(image: Tensor, chains: Sequence[Chain], generator: Generator) -> Tensor:
    """Sample `b` of `image` through the whole of `chains[b]`, equal kinds together.

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        chains: one per sample; empty chains leave their sample as it is.
        generator: on the device of `image`.
    """
    degraded = image
    for position in range(max((len(chain) for chain in chains), default=0)):
        rows = [row for row, chain in enumerate(chains) if len(chain) > position]
        stage = apply(degraded[rows], [chains[row][position] for row in rows], generator)
        if len(rows) == len(chains):
            degraded = stage  # as a whole, so that all may change their size
            continue
        degraded = degraded.clone() if degraded is image else degraded
        degraded[rows] = stage
    return degraded


@dataclass(frozen=True)
class Mixture:
    """One of many degradations, or a chain of several.

    Attributes:
        weights: how often each domain is drawn, in any unit. Keys are names of the catalog, `"clean"`, and chains
            joined by `+` (`"rain+jpeg"`), which are applied in the order written.
        severity: the severities drawn from, uniform, from and to within `[0, 1]`.
    """

    weights: Mapping[str, float]
    severity: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        known = set(DEGRADATIONS) | {CLEAN}
        unknown = [part for name in self.weights for part in name.split("+") if part not in known]
        if unknown or not self.weights or min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            what = f"unknown {unknown[0]!r}" if unknown else f"weights {dict(self.weights)}"
            raise ConfigurationError(
                f"Expected a mixture of known degradations with weights of at least 0 and one above, got {what}: "
                f"choose from {', '.join(sorted(known))}."
            )
        if not 0 <= self.severity[0] <= self.severity[1] <= 1:
            raise ConfigurationError(
                f"Expected two severities from 0 to 1, the smaller one first, got {self.severity}: correct them."
            )

    def draw(self, generator: Generator) -> Chain:
        """The chain of one sample. The generator must be on the CPU."""
        names = list(self.weights)
        weights = torch.tensor([float(self.weights[name]) for name in names])
        chosen = int(torch.multinomial(weights, 1, generator=generator))
        parts = [name for name in names[chosen].split("+") if name != CLEAN]
        return tuple(DEGRADATIONS[name].draw(uniform(*self.severity, generator), generator) for name in parts)


def draw_several(count: int, severity: tuple[float, float], generator: Generator) -> Chain:
    """A chain of `count` different degradations, any of the catalog, in the order in which they happen to a photograph.

    Args:
        count: how many, at most as many as the catalog has.
        severity: drawn from for each on its own, from and to within `[0, 1]`.
        generator: on the CPU.
    """
    chosen = torch.randperm(len(NATURAL_ORDER), generator=generator)[:count].sort().values.tolist()
    return tuple(DEGRADATIONS[NATURAL_ORDER[n]].draw(uniform(*severity, generator), generator) for n in chosen)


def draw_hybrid(tier: str, generator: Generator) -> Chain:
    """Blur, then noise, then JPEG, at one of three tiers.

    Each has ten bins: blur std edges 0, 0.5 .. 5; noise std edges 0, 5 .. 50 of 255; JPEG quality edges 100, 80, 60,
    50, 40, 35, 30, 25, 20, 15, 10. Bins (k, m, n) are uniform over the triples whose `k + m + n - 2` lies in the tier.

    Args:
        tier: `"mild"`, `"moderate"` or `"severe"`.
        generator: on the CPU.

    Source:
        RL-Restore's data generator and its levels as FDR-Net and DIL use them. Differs: noise is clipped and rounded as
        the JPEG codec that follows needs it, and the blur's kernel is as wide as it needs (theirs 21 x 21).
    """
    if tier not in TIERS:
        raise ConfigurationError(f"Expected a tier out of {', '.join(TIERS)}, got {tier!r}: choose one of them.")
    low, high = TIERS[tier]
    bins = range(1, 11)
    triples = [(k, m, n) for k in bins for m in bins for n in bins if low <= k + m + n - 2 <= high]
    k, m, n = triples[int(torch.randint(len(triples), (), generator=generator))]
    edges = (100, 80, 60, 50, 40, 35, 30, 25, 20, 15, 10)
    return (
        GaussianBlur(sigma=uniform(0.5 * (k - 1), 0.5 * k, generator)),
        GaussianNoise(sigma=uniform(5 * (m - 1), 5 * m, generator) / 255, round_to_8_bits=True),
        Jpeg(quality=float(math.floor(uniform(edges[n], edges[n - 1], generator) + 0.5))),
    )
