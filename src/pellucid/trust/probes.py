"""The diagonal of an operator that can be applied but not written down, by random probes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pellucid.errors import ConfigurationError


@dataclass(frozen=True, eq=False)
class Probes:
    """How many random probes, and where they come from.

    Args:
        generator: the source of the signs, on any device.
        count: at least 2, so that the error can be told.

    Raises:
        ConfigurationError: when `count` is smaller.
    """

    generator: Generator
    count: int = 32

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ConfigurationError(f"Expected at least 2 probes, got {self.count}: 32 leave an error below 0.09.")


@dataclass(frozen=True)
class Diagonal:
    """An estimated diagonal.

    Attributes:
        values: without bias, of the shape of the probes.
        standard_error: of each value, same shape.
    """

    values: Tensor
    standard_error: Tensor


def diagonal_by_probes(product: Callable[[Tensor], Tensor], like: Tensor, probes: Probes) -> Diagonal:
    """The diagonal of P, from its products with random signs.

        diag(P) = E[v o P v],   v_i = +1 or -1 with equal chance;   variance of one probe: sum_(j != i) P_ij^2

    When P is symmetric with eigenvalues in [0, 1], as a data weight is, that sum is at most `P_ii - P_ii^2`, a quarter:
    n probes leave a standard error of at most `1 / (2 sqrt(n))`.

    Args:
        product: `P v`.
        like: shape, dtype and device of v.
        probes: how many, and their generator.

    Source:
        Hutchinson, "A stochastic estimator of the trace of the influence matrix", 1990; for the diagonal Bekas,
        Kokiopoulou and Saad, "An estimator for the diagonal of a matrix", 2007.

    Example:
        >>> probes = Probes(Generator().manual_seed(0))
        >>> diagonal_by_probes(lambda v: v * torch.tensor([0.25, 0.75]), torch.zeros(2), probes).values
        tensor([0.2500, 0.7500])
    """
    mean, scatter = torch.zeros_like(like), torch.zeros_like(like)
    for number in range(1, probes.count + 1):
        flips = torch.randint(2, like.shape, generator=probes.generator, device=probes.generator.device)
        signs = flips.to(like) * 2 - 1
        sample = signs * product(signs)
        change = sample - mean  # Welford: sums of squares would cancel where probes agree
        mean = mean + change / number
        scatter = scatter + change * (sample - mean)
    return Diagonal(mean, (scatter / (probes.count - 1) / probes.count).sqrt())
