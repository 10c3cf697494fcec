"""Conjugate gradients against a direct solver."""

import math

import pytest
import torch
from torch import Generator, Tensor

from pellucid.errors import ConfigurationError
from pellucid.trust.conjugate_gradients import conjugate_gradients


def systems(batch: int, size: int, condition: float) -> Tensor:
    """Symmetric matrices whose eigenvalues lie evenly (in their logarithm) from 1 to `condition`, `(B, N, N)`."""
    generator = Generator().manual_seed(5)
    turned = torch.linalg.qr(torch.randn(batch, size, size, dtype=torch.float64, generator=generator)).Q
    return turned @ torch.diag(torch.logspace(0, math.log10(condition), size, dtype=torch.float64)) @ turned.mT


def rights(batch: int, size: int) -> Tensor:
    return torch.randn(batch, size, dtype=torch.float64, generator=Generator().manual_seed(6))


@pytest.mark.parametrize("condition", [1.0, 10.0, 1e4])
def test_solves_every_sample_as_a_direct_solver_does(condition: float) -> None:
    matrices, right = systems(3, 30, condition), rights(3, 30) * torch.tensor([[1e-6], [1.0], [1e6]])
    solution = conjugate_gradients(lambda u: torch.einsum("bij,bj->bi", matrices, u), right, tolerance=1e-12)
    expected = torch.linalg.solve(matrices, right)
    error = (solution.values - expected).norm(dim=1) / expected.norm(dim=1)
    assert error.max() < condition * 1e-11  # the residual, times the condition, with room for rounding
    assert solution.residual.max() <= 1e-12
    bound = math.sqrt(condition) / 2 * math.log(2 / 1e-12 * math.sqrt(condition)) + 2
    assert solution.steps <= bound


def test_the_residual_is_true() -> None:
    matrices, right = systems(2, 40, 1e3), rights(2, 40)
    solution = conjugate_gradients(lambda u: torch.einsum("bij,bj->bi", matrices, u), right, most_steps=12)
    left = right - torch.einsum("bij,bj->bi", matrices, solution.values)
    assert torch.allclose(solution.residual, left.norm(dim=1) / right.norm(dim=1), rtol=1e-6)
    assert solution.steps == 12 and solution.residual.min() > 1e-8


def test_three_eigenvalues_take_three_steps() -> None:
    values = torch.tensor([1.0, 5.0, 9.0], dtype=torch.float64).repeat(10)
    solution = conjugate_gradients(lambda u: values * u, rights(2, 30), tolerance=1e-12)
    assert solution.steps == 3


def test_nothing_is_solved_by_nothing_beside_others() -> None:
    matrices, right = systems(2, 10, 10.0), rights(2, 10)
    right[0] = 0
    solution = conjugate_gradients(lambda u: torch.einsum("bij,bj->bi", matrices, u), right)
    assert torch.equal(solution.values[0], torch.zeros(10, dtype=torch.float64)) and solution.residual[0] == 0
    assert torch.allclose(solution.values[1], torch.linalg.solve(matrices[1], right[1]))


def test_a_sample_that_is_done_stands_still_while_others_go_on() -> None:
    easy, hard = torch.ones(20, dtype=torch.float64) * 3, torch.logspace(0, 4, 20, dtype=torch.float64)
    matrices, right = torch.stack([easy + torch.arange(20) % 2, hard]), rights(2, 20)
    together = conjugate_gradients(lambda u: matrices * u, right, tolerance=1e-3)
    alone = [
        conjugate_gradients(lambda u, row=row: matrices[row] * u, right[row, None], tolerance=1e-3) for row in (0, 1)
    ]
    assert alone[0].steps < alone[1].steps == together.steps
    assert torch.equal(together.values, torch.cat([solution.values for solution in alone]))


def test_no_tolerance_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="tolerance"):
        conjugate_gradients(lambda u: u, rights(1, 2), tolerance=0.0)
