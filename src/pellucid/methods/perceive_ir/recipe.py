"""Perceive-IR's second stage as a recipe."""

from typing import TYPE_CHECKING

import torch

from pellucid.errors import ConfigurationError
from pellucid.methods.base import StrategyBuilder
from pellucid.methods.frozen_restorer import frozen_restorer
from pellucid.methods.network_recipe import NetworkRecipe
from pellucid.methods.perceive_ir.config import PerceiveIRConfig
from pellucid.methods.perceive_ir.kinds import mixture_kinds, pair_kinds
from pellucid.methods.perceive_ir.objective import PerceiveObjective, Proxy
from pellucid.methods.perceive_ir.prompts import judge_of
from pellucid.objectives.pixel import PixelObjective

if TYPE_CHECKING:
    from accelerate import Accelerator


def perceive_ir_recipe(
    config: PerceiveIRConfig, strategy: StrategyBuilder, accelerator: "Accelerator", steps: int
) -> NetworkRecipe:
    """A network that learns to restore by Perceive-IR's losses, by any strategy.

    Raises:
        ConfigurationError: when weights of what guides the network are not there, when codes are to be contrasted and
            the network has none, or when a proxy counts for a kind of degradation that is not trained on.
        MethodError: when a proxy is not there.
        WeightsError: when weights of VGG-16, a proxy's or the perceiver's cannot be read.
    """
    settings, kinds = config.objective, pair_kinds(config.data.pairs)
    features, proxies = None, []
    draws = torch.get_rng_state()  # what only judges must not decide how the network begins
    if settings.difficulty:
        from pellucid.networks.vgg16 import VGG16

        features = VGG16(settings.vgg).to(accelerator.device)
        known = {*mixture_kinds(config.data.mixture), *kinds.values()}
        unknown = sorted({kind for one in settings.proxies for kind in one.kinds} - known)
        if unknown:
            raise ConfigurationError(
                f"Expected kinds of proxies out of {', '.join(sorted(known))}, which are trained on, got "
                f"{unknown[0]!r}: correct objective.proxies."
            )
        proxies = [
            Proxy(frozen_restorer(one.model, accelerator.device), frozenset(one.kinds)) for one in settings.proxies
        ]
    perceiver = None
    if settings.quality and settings.perceiver is not None:
        perceiver = judge_of(settings.perceiver).to(accelerator.device)
    torch.set_rng_state(draws)
    pixel = PixelObjective(config.optimisation.loss)
    objective = PerceiveObjective(pixel, settings, features, proxies, perceiver, kinds)
    recipe = NetworkRecipe("perceive-ir", config.network, config.optimisation, objective, strategy, accelerator, steps)
    if not all(bool(parameter.isfinite().all()) for parameter in recipe.plain_network.parameters()):
        raise ConfigurationError(
            "Expected weights of the perceiver that guides the network, got none that fit: correct semantics.source, "
            "width and kinds."
        )
    guidance = getattr(recipe.plain_network, "guidance", None)
    if settings.contrast and (guidance is None or guidance.code is None):
        raise ConfigurationError(
            f"Expected a network with a code of the degradation for objective.contrast, got {config.network.name} "
            "without one: set objective.contrast: 0, or take a guided network."
        )
    return recipe
