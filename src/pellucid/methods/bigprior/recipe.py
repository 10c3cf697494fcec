"""BIGPrior's fusion as a recipe: a network that weighs data and prior, learned from a set of inversions."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.errors import ConfigurationError, MethodError
from pellucid.methods.base import StrategyBuilder
from pellucid.methods.bigprior.config import BigPriorConfig
from pellucid.methods.bigprior.fusion import PriorFusion
from pellucid.methods.bigprior.objective import FusionObjective
from pellucid.methods.schedule import cosine_with_warm_up
from pellucid.networks.fusion_network import PriorErrorNetwork, build_fusion_network

if TYPE_CHECKING:
    from accelerate import Accelerator

AT_ONCE = 8
"""Held-out pictures that are fused together, for the sake of memory."""


class BigPriorRecipe:
    """Learns how much of the prior to take.

    Args:
        config: the run's settings.
        strategy: how the loss becomes updates.
        accelerator: device, precision, processes.
        steps: of the whole run, for the schedule.

    Raises:
        ConfigurationError: when the loss does not belong to the network.

    Source:
        BIGPrior, IEEE TIP 31 (2022), as released: Adam, a cosine that restarts after 16 epochs, the 25th
        epoch's weights.
    """

    def __init__(self, config: BigPriorConfig, strategy: StrategyBuilder, accelerator: "Accelerator", steps: int):
        self.config, self.accelerator, self.steps = config, accelerator, steps
        built = build_fusion_network(config.network.name, config.network.arguments).to(accelerator.device)
        if config.objective.loss == "likelihood" and not isinstance(built, PriorErrorNetwork):
            raise ConfigurationError(
                f"Expected the network prior-error for the likelihood, got {config.network.name}: take another "
                "objective.loss."
            )
        if "spread" in built.sees:
            raise ConfigurationError(
                "Expected a network that sees what a set of inversions holds, got one that sees_spread: leave it out."
            )
        self.plain_network = built
        optimiser = torch.optim.Adam(built.parameters(), lr=config.optimisation.learning_rate)
        self.network, self.optimiser = accelerator.prepare(built, optimiser)
        self.objective = FusionObjective(config.objective, config.data_variance)
        self.strategy = strategy(self.network, self.optimiser, accelerator, config.optimisation.gradient_clip)
        self.taken = 0

    def step(self, batch: Batch) -> dict[str, float]:
        """One step; see `Strategy.step`."""
        settings = self.config.optimisation
        peak, steps, warm_up = settings.learning_rate, self.steps, settings.warm_up_steps
        if settings.restart_steps is None:
            rate = cosine_with_warm_up(self.taken, steps=steps, warm_up=warm_up, peak=peak, final=0.0)
        else:
            rate = cosine_with_restarts(self.taken, period=settings.restart_steps, peak=peak)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.taken += 1
        self.network.train()
        return {**self.strategy.step(self.objective, batch), "learning_rate": rate}

    def judge(self, batch: Batch) -> dict[str, float]:
        """What the fusion of held-out pictures is worth.

        Returns:
            `gain`, in dB over the prior alone; `gain_over_data`, over the data's picture alone; `psnr`, in dB; and
            `prior_weight`, its mean.
        """
        assert batch.prior is not None
        fusion = self.fusion()
        parts = [
            fusion(data, prior)
            for data, prior in zip(batch.degraded.split(AT_ONCE), batch.prior.split(AT_ONCE), strict=True)
        ]
        psnr = _psnr(torch.cat([part.image for part in parts]), batch.clean)
        weight = torch.cat([part.prior_weight for part in parts])
        return {
            "gain": (psnr - _psnr(batch.prior, batch.clean)).mean().item(),
            "gain_over_data": (psnr - _psnr(batch.degraded, batch.clean)).mean().item(),
            "psnr": psnr.mean().item(),
            "prior_weight": weight.mean().item(),
        }

    def fusion(self) -> PriorFusion:
        """As it would be used now; training may go on."""
        network = build_fusion_network(self.config.network.name, self.config.network.arguments)
        network.load_state_dict(self.plain_network.state_dict())
        network = network.to(self.accelerator.device).eval().requires_grad_(False)
        return PriorFusion(network, self.config.data_variance)

    def restorer(self) -> Any:
        """There is none.

        Raises:
            MethodError: always.
        """
        raise MethodError(
            "Expected a method that restores a picture alone, got bigprior, which fuses it with a prior's: use "
            "pellucid.methods.bigprior.fusion.load_fusion."
        )

    def state_dict(self) -> dict[str, Any]:
        """All that exact resume needs."""
        return {
            "network": self.plain_network.state_dict(),
            "strategy": self.strategy.state_dict(),
            "taken": self.taken,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.plain_network.load_state_dict(state["network"])
        self.strategy.load_state_dict(state["strategy"])
        self.taken = state["taken"]

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The network's weights, how to build it, and the data's error that it was trained with."""
        network = {"name": self.config.network.name, "arguments": self.config.network.arguments}
        told = {"method": "bigprior", "network": network, "data_variance": self.config.data_variance}
        return self.plain_network.state_dict(), told


def cosine_with_restarts(step: int, *, period: int, peak: float) -> float:
    """The rate of `step`: from `peak` to 0 by half a cosine, and anew after every `period` steps.

    Source:
        Loshchilov and Hutter, "SGDR", ICLR 2017, Eq. 5, cycles of one length.

    Example:
        >>> [round(cosine_with_restarts(step, period=2, peak=1.0), 2) for step in range(4)]
        [1.0, 0.5, 1.0, 0.5]
    """
    return peak * (1 + math.cos(math.pi * (step % period) / period)) / 2


def _psnr(picture: Tensor, clean: Tensor) -> Tensor:
    """Per sample, dB, of what is clamped to the range."""
    error = (picture.clamp(0, 1) - clean).square().mean(dim=(1, 2, 3)).clamp_min(1e-10)
    return -10 * error.log10()
