"""DIL_sf and DIL_pf: inner steps forth, one outer step along the way that they led."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.methods.base import Objective
from pellucid.methods.dil.config import ParallelFirstOrder, SerialFirstOrder
from pellucid.methods.dil.processes import require_same_domains
from pellucid.methods.dil.slices import by_domain, mixed_parts
from pellucid.methods.dil.virtual_steps import VirtualSteps, keeping_buffers, norm, put

if TYPE_CHECKING:
    from accelerate import Accelerator


class FirstOrder:
    """Reptile over domains: the outer optimiser is given initial minus last weights for a gradient.

        phi <- theta;   for each part:  phi <- inner_step(phi, grad L(phi; part))
        theta <- outer_step(theta, theta - phi)

    Serial, a part is one domain, in an order that is shuffled at every step; parallel, all parts mix all domains. The
    difference is not divided by the inner rate nor by the number of parts: Adam, the outer optimiser, has no scale.

    Args:
        settings: serial or parallel.
        network: prepared by the accelerator. The inner steps are taken in its own weights, which are put back after.
        optimiser: the outer one, likewise prepared, over the network's weights.
        accelerator: owns precision and gradient reduction.
        gradient_clip: largest norm of an inner gradient; `None` for no limit, as released.

    Source:
        DIL (CVPR 2023), its first-order variants; dil-sf as released: inner Adam of constant rate with betas 0 and
        0.999, whose second moments outlive the step. Differs: the released code keeps a second network for the inner
        steps; its order of domains repeats in every epoch. dil-pf is not released; that each inner step sees another
        part of the batch is ours.
    """

    def __init__(
        self,
        settings: SerialFirstOrder | ParallelFirstOrder,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        accelerator: "Accelerator",
        gradient_clip: float | None,
    ):
        self.settings, self.network, self.optimiser = settings, network, optimiser
        self.accelerator, self.gradient_clip = accelerator, gradient_clip
        self.parameters = [weight for weight in network.parameters() if weight.requires_grad]
        rate = settings.inner_learning_rate
        self.inner: torch.optim.Optimizer = (
            torch.optim.Adam(self.parameters, lr=rate, betas=settings.inner_betas)
            if settings.inner_optimiser == "adam"
            else torch.optim.SGD(self.parameters, lr=rate)
        )
        self.virtual_steps = VirtualSteps("dil-pf" if isinstance(settings, ParallelFirstOrder) else "dil-sf")

    def step(self, objective: Objective, batch: Batch) -> dict[str, float]:
        """One outer step. Returns the terms of each domain's last inner loss, and what virtual steps do every 50 steps.

        Raises:
            FloatingPointError: when a loss or gradient is not finite; weights and buffers are as they were. The inner
                optimiser keeps its moments of the parts that were finite.
            MethodError: when the processes have different domains.
        """
        require_same_domains(self.accelerator, batch)
        parts = self._parts(batch)
        is_due = self.virtual_steps.is_due(batch.step)
        before = self._loss(objective, batch) if is_due else None
        start = [weight.detach().clone() for weight in self.parameters]
        buffers = [buffer.detach().clone() for buffer in self.network.buffers()]
        try:
            losses, terms = self._inner_steps(objective, parts)
            after = self._loss(objective, batch) if is_due else None
        except FloatingPointError:
            put(self.network.buffers(), buffers)
            raise
        finally:
            displaced = [_difference(one, weight) for one, weight in zip(start, self.parameters, strict=True)]
            put(self.parameters, start)
        for weight, difference in zip(self.parameters, displaced, strict=True):
            weight.grad = difference.to(weight.dtype)
        self.optimiser.step()
        size = norm(displaced)
        measured: dict[str, float] = {}
        if before is not None and after is not None:
            measured = self.virtual_steps.measured(size, norm(start), before, after)
        mean = torch.stack(losses).mean()
        return {"loss": mean, "displacement": size, **terms, **measured}  # pyright: ignore[reportReturnType]

    def state_dict(self) -> dict[str, Any]:
        """The state of both optimisers, and how often in a row a virtual step was too small."""
        inner = self.inner.state_dict()
        return {"optimiser": self.optimiser.state_dict(), "inner_optimiser": inner, "small": self.virtual_steps.small}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.inner.load_state_dict(state["inner_optimiser"])
        self.virtual_steps.small = state.get("small", 0)

    def _parts(self, batch: Batch) -> list[Batch]:
        if isinstance(self.settings, ParallelFirstOrder):
            return mixed_parts(batch, self.settings.inner_steps, self.settings.order_seed or 0)
        return by_domain(batch, self.settings.order_seed or 0)

    def _inner_steps(self, objective: Objective, parts: list[Batch]) -> tuple[list[Tensor], dict[str, float]]:
        losses: list[Tensor] = []
        terms: dict[str, float] = {}
        for part in parts:
            self.inner.zero_grad(set_to_none=True)
            with self.accelerator.autocast():
                loss, its_terms = objective(self.network, part)
            self.accelerator.backward(loss)
            limit = float("inf") if self.gradient_clip is None else self.gradient_clip
            size = self.accelerator.clip_grad_norm_(self.parameters, limit)
            if not bool(torch.isfinite(torch.as_tensor(size))) or not bool(torch.isfinite(loss.detach())):
                raise FloatingPointError(f"inner loss {loss.item()}, gradient norm {float(size)}")  # pyright: ignore
            self.inner.step()
            losses.append(loss.detach())
            terms.update(its_terms)
        return losses, terms

    def _loss(self, objective: Objective, batch: Batch) -> Tensor:
        """The loss of a batch at the weights of now."""
        with torch.no_grad(), keeping_buffers(self.network), self.accelerator.autocast():
            return objective(self.network, batch)[0]


def _difference(one: Tensor, other: Tensor) -> Tensor:
    """In float32 at least, for it is about 1e-4 of the weights: bf16 would lose it."""
    dtype = torch.promote_types(one.dtype, torch.float32)
    return one.detach().to(dtype) - other.detach().to(dtype)
