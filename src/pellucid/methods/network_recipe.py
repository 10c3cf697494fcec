"""The recipe of every method that trains one network: the network, its averaged weights, optimiser, schedule."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.errors import WeightsError
from pellucid.methods.averaging import AveragedWeights
from pellucid.methods.base import Objective, StrategyBuilder
from pellucid.methods.network_settings import NetworkSettings, OptimisationSettings
from pellucid.methods.restorer import NetworkRestorer, require_same_size
from pellucid.methods.schedule import cosine_with_warm_up, halved_with_warm_up
from pellucid.networks.catalog import build_network
from pellucid.weights.bundled import STARTS, bundled_file
from pellucid.weights.files import load_into, load_weights, sha256

if TYPE_CHECKING:
    from accelerate import Accelerator


@runtime_checkable
class Judging(Protocol):
    """An objective whose network does not restore, and that can say how well it tells what it should."""

    def accuracy(self, outputs: Tensor, batch: Batch) -> dict[str, float]:
        """By name, `accuracy` first."""
        ...


class NetworkRecipe:
    """One network, trained for any objective by any strategy.

    Args:
        method: that the weights file names, by which they are loaded.
        network: which one.
        optimisation: how it learns.
        objective: what is minimised.
        strategy: how the loss becomes updates.
        accelerator: device, precision, processes.
        steps: of the whole run, for the schedule.
    """

    def __init__(
        self,
        method: str,
        network: NetworkSettings,
        optimisation: OptimisationSettings,
        objective: Objective,
        strategy: StrategyBuilder,
        accelerator: "Accelerator",
        steps: int,
    ):
        self.method, self.settings, self.optimisation = method, network, optimisation
        self.objective, self.accelerator, self.steps = objective, accelerator, steps
        built, self.origin = started_network(network)
        built = built.to(accelerator.device, memory_format=torch.channels_last)  # pyright: ignore
        optimiser = torch.optim.AdamW(
            built.parameters(),
            lr=optimisation.learning_rate,
            betas=optimisation.betas,
            weight_decay=optimisation.weight_decay,
        )
        self.plain_network = built
        self.network, self.optimiser = accelerator.prepare(built, optimiser)
        self.average = AveragedWeights(built, optimisation.average_decay)
        self.strategy = strategy(self.network, self.optimiser, accelerator, optimisation.gradient_clip)
        self.taken = 0

    def step(self, batch: Batch) -> dict[str, float]:
        """One step; see `Strategy.step`."""
        optimisation = self.optimisation
        warm_up, peak = optimisation.warm_up_steps, optimisation.learning_rate
        if optimisation.halve_at is None:
            final = optimisation.final_learning_rate
            rate = cosine_with_warm_up(self.taken, steps=self.steps, warm_up=warm_up, peak=peak, final=final)
        else:
            at = [share * self.steps for share in optimisation.halve_at]
            rate = halved_with_warm_up(self.taken, halve_at=at, warm_up=warm_up, peak=peak)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.taken += 1
        terms = self.strategy.step(self.objective, batch)
        self.average.update(self.plain_network)
        return {**terms, "learning_rate": rate}

    def state_dict(self) -> dict[str, Any]:
        """All that exact resume needs."""
        return {
            "network": self.plain_network.state_dict(),
            "average": self.average.state_dict(),
            "strategy": self.strategy.state_dict(),
            "taken": self.taken,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.plain_network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.strategy.load_state_dict(state["strategy"])
        self.taken = state["taken"]

    def judge(self, batch: Batch) -> dict[str, float] | None:
        """See `Recipe.judge`: of a network that tells what a patch shows, how often it is right, by its objective."""
        if not isinstance(self.objective, Judging):
            return None
        network = build_network(self.settings.name, self.settings.arguments)
        network.load_state_dict(self.average.weights())
        with torch.inference_mode():
            logits = network.eval().to(batch.degraded.device)(batch.degraded)
        return self.objective.accuracy(logits, batch)

    def restorer(self) -> NetworkRestorer:
        """The network with its averaged weights, on the run's device, in its `fastest_dtype`."""
        network = build_network(self.settings.name, self.settings.arguments)
        network.load_state_dict(self.average.weights())
        return NetworkRestorer(network, device=self.accelerator.device)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The averaged weights, how to build their network, and what was trained before, where training went on."""
        network = {"name": self.settings.name, "arguments": self.settings.arguments}
        before = {} if self.origin is None else {"started_from": self.origin}
        return self.average.weights(), {"method": self.method, "network": network, **before}


def started_network(settings: NetworkSettings) -> tuple[nn.Module, dict[str, Any] | None]:
    """The network that `settings` names with the weights that it starts from, and what their file says of itself.

    Raises:
        MethodError: when it gives back pictures of another size, or is not known.
        WeightsError: when those weights do not fit.
    """
    built = build_network(settings.name, settings.arguments)
    require_same_size(built)
    if settings.start_from is None:
        return built, None
    tensors, origin = _start(settings.start_from, settings.start_from_part)
    into = "" if settings.start_into is None else f"{settings.start_into}."
    load_into(built, {f"{into}{name}": value for name, value in tensors.items()}, settings.start_from, may_lack=True)
    return built, origin


def _start(source: str, part: str | None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors to start from, and what their file says of their own training."""
    path = bundled_file(STARTS[source]) if source in STARTS else Path(source)
    tensors, description = load_weights(path)
    parts = description.get("parts", {})
    whole = [name for name in parts if part is not None and f"{part}.".startswith(f"{name}.")]
    told = description if part is None else parts[max(whole, key=len)] if whole else {}
    trainings = told if isinstance(told, list) else [told]  # several, when a part is the mean of several trainings
    origin = [{key: its[key] for key in ("recipe", "step", "started_from", "parts") if key in its} for its in trainings]
    named = {"file": path.name, "sha256": sha256(path), **({} if part is None else {"part": part})}
    return _part(tensors, part, source), {**named, "trained": origin}


def _part(tensors: dict[str, Tensor], name: str | None, source: str) -> dict[str, Tensor]:
    """The tensors of one part of a joined network, by their names within it."""
    prefix = "" if name is None else f"{name}."
    found = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    if not found:
        known = sorted({key.split(".")[0] for key in tensors})
        raise WeightsError(
            f"Expected a part of {source} (it has {', '.join(known)}), got {name!r}: correct network.start_from_part."
        )
    return found
