"""Averaged weights: an exponential moving average, which is what ships."""

from typing import Any

import torch
from torch import Tensor, nn


class AveragedWeights:
    """A float32 moving average of a network's weights.

        average <- d average + (1 - d) weights,   d = min(decay, (1 + n) / (10 + n)) at update n

    Args:
        network: whose weights to follow.
        decay: per update, in `[0, 1)`. The smaller value at the start forgets the random weights.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay, self.updates = decay, 0
        self.average = {name: value.detach().float().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the network's weights of now into account."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, value in network.state_dict().items():
            self.average[name].lerp_(value.float(), 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """The average, by the names of the network's `state_dict`."""
        return {name: value.clone() for name, value in self.average.items()}

    def state_dict(self) -> dict[str, Any]:
        """The average and how many updates it saw."""
        return {"average": self.average, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        self.updates = state["updates"]
