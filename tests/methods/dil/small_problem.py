"""A smooth network small enough for finite differences, batches of three domains, and what to compare with."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from pellucid.data.batch import Batch

DOMAINS = ("dark", "noisy", "soft")

Builder = Callable[..., Any]
"""See the fixture `build`."""


def smooth_network(seed: int = 0) -> nn.Module:
    """Two layers with a smooth bend between them, float64."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 1)).double()


def squared_error(network: nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
    """The mean squared error: smooth, unlike the absolute one."""
    return F.mse_loss(network(batch.degraded), batch.clean), {}


def batch_of(per_domain: int = 2, domains: tuple[str, ...] = DOMAINS, step: int = 1, seed: int = 1) -> Batch:
    """`per_domain` samples of every domain, interleaved as balanced batches are."""
    generator = torch.Generator().manual_seed(seed)
    names = domains * per_domain
    shape = (len(names), 3, 5, 5)
    clean = torch.rand(shape, generator=generator, dtype=torch.float64)
    strength = torch.tensor([domains.index(name) + 1.0 for name in names]).view(-1, 1, 1, 1)
    degraded = clean / strength + 0.1 * strength * torch.randn(shape, generator=generator, dtype=torch.float64)
    return Batch(degraded, clean, names, step)


def flat(tensors: Any) -> torch.Tensor:
    """All values in one vector."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def plain_gradient(network: nn.Module, batch: Batch) -> torch.Tensor:
    """Of the mean loss of the whole batch, by torch alone."""
    loss, _ = squared_error(network, batch)
    return flat(torch.autograd.grad(loss, list(network.parameters())))


def step_of(strategy: Any, network: nn.Module, batch: Batch) -> torch.Tensor:
    """Weights before minus weights after one step: with SGD of rate 1 what the outer optimiser was given."""
    before = flat(network.parameters())
    strategy.step(squared_error, batch)
    return before - flat(network.parameters())
