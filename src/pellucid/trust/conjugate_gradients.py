"""Solving a symmetric system by conjugate gradients, when only its product with a vector is known."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError


@dataclass(frozen=True)
class Solution:
    """What conjugate gradients found.

    Attributes:
        values: of the shape of the right-hand side.
        residual: `|b - M u| / |b|` of each sample as the recurrence knows it, `(B,)`; 0 where b is.
        steps: products with M that it took.
    """

    values: Tensor
    residual: Tensor
    steps: int


def conjugate_gradients(
    product: Callable[[Tensor], Tensor], right: Tensor, *, tolerance: float = 1e-8, most_steps: int = 1000
) -> Solution:
    """`u` with `M u = b` for every sample of a batch, each by its own step lengths.

        a = |r|^2 / p' M p,   u += a p,   r -= a M p,   p = r + (|r|^2 / |r before|^2) p;   from u = 0, p = r = b

    It takes about `sqrt(k) / 2 log(2 / tolerance)` steps, k the ratio of the largest eigenvalue of M to the smallest.

    Args:
        product: `M u`, symmetric and positive definite, samples independent of each other.
        right: b, `(B, ...)`. In float32 a residual below about 1e-6 cannot be reached.
        tolerance: the residual at which a sample is done.
        most_steps: after which it stops; see `Solution.residual` for how far it came.

    Raises:
        ConfigurationError: when `tolerance` is not above 0.

    Source:
        Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.

    Example:
        >>> conjugate_gradients(lambda u: u * torch.tensor([1.0, 4.0]), torch.tensor([[3.0, 2.0]])).values
        tensor([[3.0000, 0.5000]])
    """
    if not tolerance > 0:
        raise ConfigurationError(f"Expected tolerance above 0, got {tolerance}: 1e-8 suits float64, 1e-5 float32.")
    values, residual, direction = torch.zeros_like(right), right, right
    squared = start = _inner(right, right)
    goal = tolerance**2 * start
    steps = 0
    while steps < most_steps and bool((squared > goal).any()):
        image = product(direction)
        curvature = _inner(direction, image)
        # A sample that is done has nothing left to divide by: it stands still while the others go on.
        moves = (squared > goal) & (curvature > 0)
        if not bool(moves.any()):
            break
        length = torch.where(moves, squared / torch.where(moves, curvature, 1), 0)
        values = values + length * direction
        residual = residual - length * image
        before, squared = squared, _inner(residual, residual)
        direction = residual + torch.where(moves, squared / torch.where(moves, before, 1), 0) * direction
        steps += 1
    return Solution(values, (squared / torch.where(start > 0, start, 1)).sqrt().flatten(), steps)


def _inner(one: Tensor, other: Tensor) -> Tensor:
    """The inner product of each sample, `(B, 1, ...)`."""
    return (one * other).flatten(1).sum(dim=1).view(-1, *[1] * (one.ndim - 1))
