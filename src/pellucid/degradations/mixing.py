"""Which degradations a sample gets, how strong, and in what order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.chain import CLEAN, Chain, kind_of
from pellucid.degradations.contract import apply
from pellucid.degradations.draws import uniform
from pellucid.degradations.text import Drawing, drawing
from pellucid.errors import ConfigurationError

# What happens to light before it is measured comes before what happens to the measurement.
NATURAL_ORDER = (
    "haze", "rain", "snow", "low-light", "defocus-blur", "motion-blur", "gaussian-blur", "resize", "sensor-noise",
    "gaussian-noise", "grayscale", "mask", "jpeg",
)  # fmt: skip


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
        weights: how often each domain is drawn, in any unit. A key is the domain's name and says what is drawn:
            `"clean"`, a degradation as `pellucid.degradations.text` reads it (`"rain"`, `"gaussian-noise:sigma=15"`,
            `"severe"`), or a chain of them joined by `+` (`"rain+jpeg"`), applied in the order written.
        severity: the severities drawn from, uniform, from and to within `[0, 1]`.

    Example:
        >>> mixture = Mixture({"gaussian-noise:sigma=5": 1, "gaussian-noise:sigma=10": 1})
        >>> mixture.allotted(4, Generator())
        ['gaussian-noise:sigma=5', 'gaussian-noise:sigma=5', 'gaussian-noise:sigma=10', 'gaussian-noise:sigma=10']
    """

    weights: Mapping[str, float]
    severity: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not self.weights or min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            raise ConfigurationError(
                f"Expected a mixture of degradations with weights of at least 0 and one above, got weights "
                f"{dict(self.weights)}: correct them."
            )
        if not 0 <= self.severity[0] <= self.severity[1] <= 1:
            raise ConfigurationError(
                f"Expected two severities from 0 to 1, the smaller one first, got {self.severity}: correct them."
            )
        for name in self.weights:
            self._drawings(name)

    def draw(self, generator: Generator) -> Chain:
        """The chain of one sample. The generator must be on the CPU."""
        return self.draw_of(self.choose(generator), generator)

    def choose(self, generator: Generator) -> str:
        """The domain of one sample."""
        names = list(self.weights)
        weights = torch.tensor([float(self.weights[name]) for name in names])
        return names[int(torch.multinomial(weights, 1, generator=generator))]

    def draw_of(self, domain: str, generator: Generator) -> Chain:
        """A chain of one domain."""
        return tuple(degradation for draw in self._drawings(domain) for degradation in draw(generator))

    def allotted(self, count: int, generator: Generator) -> list[str]:
        """The domains of `count` samples in proportion to the weights, see `allotted`; in order."""
        return allotted(self.weights, count, generator)

    def _drawings(self, domain: str) -> list[Drawing]:
        return [drawing(part, self.severity) for part in domain.split("+") if part != CLEAN]


def allotted(weights: Mapping[str, float], count: int, generator: Generator) -> list[str]:
    """`count` names in proportion to their weights, in the order of `weights`.

    Each comes as often as its share, rounded down or up by chance, so that over many batches every name has its share,
    and none is always the one that is left out.

    Args:
        weights: name to how often it is taken, any unit.
        count: how many names.
        generator: on the CPU.

    Source:
        Systematic sampling: evenly spaced points with one random start (Madow, 1949).
    """
    names = list(weights)
    ends = torch.tensor([float(weights[name]) for name in names], dtype=torch.float64).cumsum(0)
    points = (torch.arange(count) + torch.rand((), dtype=torch.float64, generator=generator)) * ends[-1] / count
    return [names[position] for position in torch.searchsorted(ends, points, right=True).tolist()]


def kinds_drawn(domain: str, draws: int = 20) -> set[str]:
    """What chains of a domain consist of, see `kind_of`, by as many draws with a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    return {kind_of(Mixture({domain: 1.0}).draw_of(domain, generator)) or CLEAN for _ in range(draws)}


def draw_several(count: int, severity: tuple[float, float], generator: Generator) -> Chain:
    """A chain of `count` different degradations, any of the catalog, in the order in which they happen to a photograph.

    Args:
        count: how many, at most as many as the catalog has.
        severity: drawn from for each on its own, from and to within `[0, 1]`.
        generator: on the CPU.
    """
    chosen = torch.randperm(len(NATURAL_ORDER), generator=generator)[:count].sort().values.tolist()
    return tuple(DEGRADATIONS[NATURAL_ORDER[n]].draw(uniform(*severity, generator), generator) for n in chosen)
