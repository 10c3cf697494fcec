"""Random probes against the diagonal that they estimate."""

import pytest
import torch
from torch import Generator, Tensor

from pellucid.errors import ConfigurationError
from pellucid.trust.probes import Probes, diagonal_by_probes


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.fixture
def weights() -> Tensor:
    """A symmetric matrix with eigenvalues in [0, 1], as a data weight has, `(200, 200)`."""
    turned = torch.linalg.qr(torch.randn(200, 200, dtype=torch.float64, generator=seeded(8))).Q
    return turned @ torch.diag(torch.linspace(0, 1, 200, dtype=torch.float64)) @ turned.mT


@pytest.mark.parametrize("count", [32, 256])
def test_the_diagonal_is_met_within_its_standard_error(weights: Tensor, count: int) -> None:
    like = torch.zeros(200, dtype=torch.float64)
    found = diagonal_by_probes(lambda v: weights @ v, like, Probes(seeded(1), count))
    off = found.values - weights.diagonal()
    known = ((weights.square().sum(1) - weights.diagonal().square()) / count).sqrt()
    assert (off / known).square().mean().sqrt().item() == pytest.approx(1, abs=0.15)  # 200 draws: 0.05 a deviation
    assert (off / known).abs().max() < 4.5  # 200 normal draws exceed it once in 700
    assert torch.allclose(found.standard_error, known, rtol=5 / (2 * count) ** 0.5)
    assert known.max() <= 0.5 / count**0.5  # the bound that the docstring gives


def test_a_diagonal_is_met_exactly_by_any_probe() -> None:
    entries = torch.rand(2, 3, 4, 5, generator=seeded(2))
    found = diagonal_by_probes(lambda v: entries * v, entries, Probes(seeded(3), 2))
    assert torch.equal(found.values, entries) and torch.equal(found.standard_error, torch.zeros_like(entries))


def test_the_same_generator_gives_the_same(weights: Tensor) -> None:
    like = torch.zeros(200, dtype=torch.float64)
    one, two, other = (diagonal_by_probes(lambda v: weights @ v, like, Probes(seeded(s), 4)).values for s in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_one_probe_cannot_tell_its_error() -> None:
    with pytest.raises(ConfigurationError, match="at least 2"):
        Probes(seeded(), 1)
