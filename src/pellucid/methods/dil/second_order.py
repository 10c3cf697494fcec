"""DIL_ss and DIL_ps: the outer loss is differentiated through the virtual steps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pellucid.data.batch import Batch
from pellucid.methods.base import Objective
from pellucid.methods.dil.config import ParallelFirstOrder, ParallelSecondOrder, SerialSecondOrder
from pellucid.methods.dil.processes import mean_over_processes, require_same_domains
from pellucid.methods.dil.slices import by_domain, mixed_parts, support_and_query
from pellucid.methods.dil.virtual_steps import MEASURED_EVERY, VirtualSteps, keeping_buffers, norm, put

if TYPE_CHECKING:
    from accelerate import Accelerator


DIFFERENCE = 1e-3
"""Of the weights' norm: how far apart the two gradients are taken."""


class VirtualNetwork(nn.Module):
    """A network as it would be with other weights.

    Args:
        network: whose structure, and buffers, count.
        weights: by the names of the network's parameters.
    """

    def __init__(self, network: nn.Module, weights: Mapping[str, Tensor]):
        super().__init__()
        self.given = (network, weights)  # in a tuple, so that it is not taken for a part of this module

    def forward(self, *arguments: Any, **named: Any) -> Any:
        """What the network would give."""
        network, weights = self.given
        return functional_call(network, dict(weights), arguments, named)


class SecondOrder:
    """The gradient of Eq. 4 or 5 given to the outer optimiser.

        phi_i = theta - a grad L_i(theta)
        G     = 1/n sum_i (1 - a H_i(theta)) grad L(phi_i; query),   H_i the Hessian of L_i

    Serial, there is one `L_i` per domain; parallel there is one in all, the mean over the domains. The product with the
    Hessian is one backward pass through the virtual step's own backward pass, or a third gradient; domains are done one
    after the other, so that memory holds the graph of one alone.

    Args:
        settings: serial, parallel, or the first-order reading of parallel, which leaves the Hessian out.
        network: prepared by the accelerator.
        optimiser: the outer one, likewise.
        accelerator: owns precision.
        gradient_clip: largest norm of `G`; `None` for no limit.

    Source:
        DIL (CVPR 2023), Eq. 3 to 5. Differs: divided by the number of domains, so that a learning rate means what it
        means for empirical risk; alpha and how the samples are shared out are not published. Several processes take
        their virtual steps on their own samples, and average `G`.
    """

    def __init__(
        self,
        settings: ParallelSecondOrder | ParallelFirstOrder,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        accelerator: "Accelerator",
        gradient_clip: float | None,
    ):
        self.settings, self.optimiser = settings, optimiser
        self.accelerator, self.gradient_clip = accelerator, gradient_clip
        # Bare, because the wrapper of several processes cannot be called with other weights,
        # and without torch.compile, which has no second derivatives.
        self.network = accelerator.unwrap_model(network, keep_torch_compile=False)
        named = [(name, weight) for name, weight in self.network.named_parameters() if weight.requires_grad]
        self.names, self.parameters = [name for name, _ in named], [weight for _, weight in named]
        self.is_serial = isinstance(settings, SerialSecondOrder)
        self.hessian = None if isinstance(settings, ParallelFirstOrder) else settings.hessian
        label = "dil-ss" if self.is_serial else "dil-pf" if self.hessian is None else "dil-ps"
        self.virtual_steps = VirtualSteps(label)

    def step(self, objective: Objective, batch: Batch) -> dict[str, float]:
        """One outer step. Returns the outer loss, its terms, and what virtual steps do every 50 steps.

        Raises:
            FloatingPointError: when a loss or the gradient is not finite; weights and buffers are as they were.
            MethodError: when the processes have different domains.
        """
        require_same_domains(self.accelerator, batch)
        buffers = [buffer.detach().clone() for buffer in self.network.buffers()]
        gradient, loss, terms = self.gradient(objective, batch)
        gradient = mean_over_processes(self.accelerator, gradient)
        for weight, its_gradient in zip(self.parameters, gradient, strict=True):
            weight.grad = its_gradient
        limit = float("inf") if self.gradient_clip is None else self.gradient_clip
        size = nn.utils.clip_grad_norm_(self.parameters, limit)
        if not bool(torch.isfinite(size)) or not bool(torch.isfinite(loss)):
            put(self.network.buffers(), buffers)
            raise FloatingPointError(f"outer loss {loss.item()}, gradient norm {size.item()}")
        self.optimiser.step()
        return {"loss": loss, "gradient_norm": size, **terms}  # pyright: ignore[reportReturnType]

    def gradient(self, objective: Objective, batch: Batch) -> tuple[list[Tensor], Tensor, dict[str, float]]:
        """`G`, by parameter, the mean outer loss, and the terms of the log."""
        support, query = support_and_query(batch, is_split=self.settings.split_query)
        parts = by_domain(support) if self.is_serial else [support]
        is_divided = isinstance(self.settings, SerialSecondOrder) and self.settings.query == "divided"
        queries = mixed_parts(query, len(parts)) if is_divided else [query]
        rate = self.settings.inner_learning_rate
        is_due = self.virtual_steps.is_due(batch.step)
        total = [torch.zeros_like(weight) for weight in self.parameters]
        losses: list[Tensor] = []
        terms: dict[str, list[Tensor]] = {}
        measured: dict[str, float] = {}
        looked_at = batch.step // MEASURED_EVERY % len(parts)  # one domain at a time, in turns
        for position, part in enumerate(parts):
            inner, _ = self._loss(objective, self.network, part)
            slopes = torch.autograd.grad(inner, self.parameters, create_graph=self.hessian == "exact")
            virtual = self._moved(slopes, -rate)
            its_query = queries[position % len(queries)]
            outer, its_terms = self._loss(objective, VirtualNetwork(self.network, virtual), its_query)
            at_virtual = torch.autograd.grad(outer, list(virtual.values()))
            for sum_of, its in zip(total, at_virtual, strict=True):
                sum_of.add_(its, alpha=1 / len(parts))
            if self.hessian is not None:
                curved = self._hessian_product(objective, part, slopes, at_virtual)
                for sum_of, its in zip(total, curved, strict=True):
                    sum_of.sub_(its, alpha=rate / len(parts))
            losses.append(outer.detach())
            for name, value in its_terms.items():
                terms.setdefault(name, []).append(torch.as_tensor(value))
            if is_due and position == looked_at:
                with torch.no_grad(), keeping_buffers(self.network):
                    after, _ = self._loss(objective, VirtualNetwork(self.network, virtual), part)
                size = rate * norm(slopes)
                measured = self.virtual_steps.measured(size, norm(self.parameters), inner.detach(), after.detach())
        means: dict[str, Any] = {name: torch.stack(values).mean() for name, values in terms.items()}
        return total, torch.stack(losses).mean(), means | measured

    def _moved(self, directions: Sequence[Tensor], amount: float | Tensor) -> dict[str, Tensor]:
        """The weights moved along some directions, by name: leaves of a graph of their own."""
        return {
            name: (weight.detach() + amount * direction.detach()).requires_grad_()
            for name, weight, direction in zip(self.names, self.parameters, directions, strict=True)
        }

    def _hessian_product(
        self, objective: Objective, part: Batch, slopes: Sequence[Tensor], directions: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        """`H v` of a part's loss at the weights.

        Args:
            objective: the loss.
            part: the samples of the virtual step.
            slopes: gradient there, with its graph when the product is exact.
            directions: `v`.

        Source:
            Pearlmutter, "Fast exact multiplication by the Hessian", 1994; by a difference as in HF-MAML (Fallah et al.,
            AISTATS 2020): `(grad L(theta + d v) - grad L(theta)) / d`, d a thousandth of the weights' norm over v's.
        """
        if self.hessian == "exact":
            return torch.autograd.grad(slopes, self.parameters, grad_outputs=directions)
        width = DIFFERENCE * norm(self.parameters) / norm(directions).clamp_min(1e-12)
        ahead = self._moved(directions, width)
        with keeping_buffers(self.network):
            loss, _ = self._loss(objective, VirtualNetwork(self.network, ahead), part)
        further = torch.autograd.grad(loss, list(ahead.values()))
        return [(one - other) / width for one, other in zip(further, slopes, strict=True)]

    def _loss(self, objective: Objective, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        # One context per call: autocast remembers converted weights, and those of the virtual network are others.
        with self.accelerator.autocast():
            return objective(network, batch)

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's state (virtual steps of SGD leave none), and how often in a row one was too small."""
        return {"optimiser": self.optimiser.state_dict(), "small": self.virtual_steps.small}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.virtual_steps.small = state.get("small", 0)
