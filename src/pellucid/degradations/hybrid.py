"""Hybrid distortion: blur, then noise, then JPEG, at levels that are sums of three bins."""

import math
from collections.abc import Mapping

import torch
from torch import Generator

from pellucid.degradations.blur import GaussianBlur
from pellucid.degradations.chain import Chain
from pellucid.degradations.draws import uniform
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.noise import GaussianNoise
from pellucid.errors import ConfigurationError

TIERS: Mapping[str, tuple[int, int]] = {
    "mild": (9, 11),
    "moderate": (12, 17),
    "severe": (18, 20),
    "severe-18": (18, 18),
    "severe-19": (19, 19),
    "severe-20": (20, 20),
}
"""The sum `k + m + n - 2` of the three bins, from and to: RL-Restore's levels as in DIL, and the severe one taken
apart, which is our way to have several domains in it."""


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
