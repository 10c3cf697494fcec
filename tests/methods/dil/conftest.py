"""Strategies on small problems."""

from typing import Any

import pytest
import torch
from small_problem import Builder
from torch import nn

from pellucid.methods.catalog import strategy


@pytest.fixture
def build(fresh_accelerator: None) -> Builder:
    """`(name, network, optimiser=None, clip=None, **settings)` to a strategy; SGD of rate 1 without."""
    from accelerate import Accelerator

    def built(name: str, network: nn.Module, optimiser: Any = None, clip: float | None = None, **settings: Any) -> Any:
        accelerator = Accelerator(cpu=True, mixed_precision="no")
        outer = torch.optim.SGD(network.parameters(), lr=1.0) if optimiser is None else optimiser
        row = strategy(name)
        return row.build(row.config(**settings), *accelerator.prepare(network, outer), accelerator, clip)

    return built
