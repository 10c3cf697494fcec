"""How large a virtual step is, and what it does: one that does nothing leaves nothing of the method."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

MEASURED_EVERY = 50
"""Steps; the loss after a virtual step costs a further pass."""

LEAST_CHANGE = 1e-3
"""Of the loss, relative; a virtual step that changes it by less is too small to matter."""

PATIENCE = 3
"""Measurements in a row that must be so small before anybody is told."""


def norm(tensors: Iterable[Tensor]) -> Tensor:
    """Euclidean norm of all of them together, float32."""
    return torch.stack([tensor.detach().float().norm() for tensor in tensors]).norm()


@contextmanager
def keeping_buffers(network: nn.Module) -> Iterator[None]:
    """The network's buffers are put back after, whatever happens: a further look at a loss is not a step."""
    buffers = [buffer.detach().clone() for buffer in network.buffers()]
    try:
        yield
    finally:
        put(network.buffers(), buffers)


@torch.no_grad()
def put(targets: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    """Copy every value into its target."""
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)


class VirtualSteps:
    """Takes the measurements, and warns once when steps are too small to matter.

    Args:
        name: of the strategy, for the message.
    """

    def __init__(self, name: str):
        self.name, self.small = name, 0

    def is_due(self, step: int) -> bool:
        """Whether this step is measured."""
        return step % MEASURED_EVERY == 0

    def measured(self, size: Tensor, weights: Tensor, before: Tensor, after: Tensor) -> dict[str, float]:
        """For the log: `virtual/size`, the step over the weights' norm, and `virtual/loss_change`, relative.

        Args:
            size: norm of the virtual step.
            weights: norm of the weights.
            before: loss on the samples of the step, at the weights.
            after: the same after the step.
        """
        relative = float(size / weights.clamp_min(1e-12))
        change = float((after - before) / before.abs().clamp_min(1e-12))
        self.small = self.small + 1 if abs(change) < LEAST_CHANGE else 0
        if self.small == PATIENCE:
            logger.warning(
                "Virtual steps of %s change the loss by less than %.1g, relative: they are too small to matter; raise "
                "strategy.inner_learning_rate.",
                self.name,
                LEAST_CHANGE,
            )
        return {"virtual/size": relative, "virtual/loss_change": change}
