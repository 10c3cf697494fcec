"""Empirical risk: the plain strategy. One gradient of the mean loss, one optimiser step."""

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pellucid.data.batch import Batch
from pellucid.methods.base import Objective

if TYPE_CHECKING:
    from accelerate import Accelerator


class EmpiricalRisk:
    """AdamW (or any optimiser) on the mean loss of the batch.

    Args:
        network: already prepared by the accelerator.
        optimiser: likewise.
        accelerator: owns precision, gradient reduction and clipping.
        gradient_clip: largest norm of the gradient; `None` for no limit.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        accelerator: "Accelerator",
        gradient_clip: float | None,
    ):
        self.network, self.optimiser = network, optimiser
        self.accelerator, self.gradient_clip = accelerator, gradient_clip

    def step(self, objective: Objective, batch: Batch) -> dict[str, float]:
        """One update. Returns the terms, with `loss` and `gradient_norm` every 50 steps.

        Raises:
            FloatingPointError: when loss or gradient is not finite; nothing was updated.
        """
        self.optimiser.zero_grad(set_to_none=True)
        with self.accelerator.autocast():
            loss, terms = objective(self.network, batch)
        self.accelerator.backward(loss)
        limit = float("inf") if self.gradient_clip is None else self.gradient_clip
        norm = self.accelerator.clip_grad_norm_(self.network.parameters(), limit)
        if not bool(torch.isfinite(torch.as_tensor(norm))) or not bool(torch.isfinite(loss.detach())):
            raise FloatingPointError(f"loss {loss.item()}, gradient norm {float(norm)}")  # pyright: ignore
        self.optimiser.step()
        return {"loss": loss.detach(), "gradient_norm": norm, **terms}  # pyright: ignore[reportReturnType]

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state."""
        return {"optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.optimiser.load_state_dict(state["optimiser"])
