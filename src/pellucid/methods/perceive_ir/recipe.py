"""Perceive-IR's second stage as a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError
from pellucid.images.overview import spread, views
from pellucid.methods.base import StrategyBuilder
from pellucid.methods.network_recipe import NetworkRecipe
from pellucid.methods.perceive_ir.config import PerceiveIRConfig, ProxySettings
from pellucid.methods.perceive_ir.objective import PerceiveObjective, Proxy
from pellucid.methods.restorer import restorer_from_weights
from pellucid.objectives.pixel import PixelObjective
from pellucid.weights.bundled import BUNDLED, bundled_weights
from pellucid.weights.files import load_weights

if TYPE_CHECKING:
    from accelerate import Accelerator


def perceive_ir_recipe(
    config: PerceiveIRConfig, strategy: StrategyBuilder, accelerator: "Accelerator", steps: int
) -> NetworkRecipe:
    """A network that learns to restore by Perceive-IR's losses, by any strategy.

    Raises:
        ConfigurationError: when codes are to be contrasted and the network has none.
        MethodError: when a proxy is not there.
        WeightsError: when weights of VGG-16, or a proxy's, cannot be read.
    """
    settings = config.objective
    features = None
    if settings.difficulty:
        from pellucid.networks.vgg16 import VGG16

        features = VGG16(settings.vgg).to(accelerator.device)
    proxies = [_proxy(one, accelerator.device) for one in settings.proxies]
    objective = PerceiveObjective(PixelObjective(config.optimisation.loss), settings, features, proxies)
    recipe = NetworkRecipe("perceive-ir", config.network, config.optimisation, objective, strategy, accelerator, steps)
    guidance = getattr(recipe.plain_network, "guidance", None)
    if settings.contrast and (guidance is None or guidance.code is None):
        raise ConfigurationError(
            f"Expected a network with a code of the degradation for objective.contrast, got {config.network.name} "
            "without one: set objective.contrast: 0, or take a guided network."
        )
    return recipe


def _proxy(settings: ProxySettings, device: torch.device) -> Proxy:
    path = bundled_weights(settings.model) if settings.model in BUNDLED else Path(settings.model)
    restorer = restorer_from_weights(*load_weights(path), str(device))

    def restore(degraded: Tensor) -> Tensor:
        """Every patch is a whole picture to it."""
        context = restorer.context(views(degraded))
        size = (degraded.shape[-2], degraded.shape[-1])
        restored = restorer.restore(degraded, None if context is None else spread(context, size)).image
        return restored.clamp(0, 1).clone()  # what was made in inference mode may not meet a gradient

    return Proxy(restore, frozenset(settings.kinds))
