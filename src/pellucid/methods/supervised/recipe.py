"""Plain supervised training as a recipe: the objective that its settings name."""

from typing import TYPE_CHECKING

from pellucid.methods.base import StrategyBuilder
from pellucid.methods.network_recipe import NetworkRecipe
from pellucid.methods.supervised.config import SupervisedConfig
from pellucid.objectives.classification import DomainObjective
from pellucid.objectives.pixel import PixelObjective

if TYPE_CHECKING:
    from accelerate import Accelerator


def supervised_recipe(
    config: SupervisedConfig, strategy: StrategyBuilder, accelerator: "Accelerator", steps: int
) -> NetworkRecipe:
    """A network that learns to restore, or to tell degradations apart."""
    loss = config.optimisation.loss
    objective = (
        DomainObjective(config.network.arguments["domains"]) if loss == "cross-entropy" else PixelObjective(loss)
    )
    return NetworkRecipe("supervised", config.network, config.optimisation, objective, strategy, accelerator, steps)
