"""Single random numbers from a `torch.Generator`, for drawing parameters."""

import math

import torch
from torch import Generator


def uniform(low: float, high: float, generator: Generator) -> float:
    """A number from `[low, high)`, all equally likely. The generator must be on the CPU."""
    return low + (high - low) * torch.rand((), generator=generator).item()


def log_uniform(low: float, high: float, generator: Generator) -> float:
    """A number from `[low, high)` whose logarithm is uniform."""
    return math.exp(uniform(math.log(low), math.log(high), generator))


def integer(low: int, high: int, generator: Generator) -> int:
    """A whole number from `low` to `high`, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator).item())


def chance(probability: float, generator: Generator) -> bool:
    """True with `probability`."""
    return torch.rand((), generator=generator).item() < probability


def between(low: float, high: float, severity: float) -> float:
    """The point of `[low, high]` at `severity` in `[0, 1]`."""
    return low + (high - low) * severity
