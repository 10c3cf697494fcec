"""Plain supervised training as a recipe: the objective that its settings name."""

from typing import TYPE_CHECKING

from pellucid.degradations.severity import NAMES
from pellucid.methods.base import StrategyBuilder
from pellucid.methods.network_recipe import NetworkRecipe
from pellucid.methods.supervised.config import SupervisedConfig
from pellucid.objectives.classification import DomainObjective
from pellucid.objectives.perception import PerceptionObjective
from pellucid.objectives.pixel import PixelObjective

if TYPE_CHECKING:
    from accelerate import Accelerator


def supervised_recipe(
    config: SupervisedConfig, strategy: StrategyBuilder, accelerator: "Accelerator", steps: int
) -> NetworkRecipe:
    """A network that learns to restore, to tell degradations apart, or to say which are there and how severe."""
    loss, arguments = config.optimisation.loss, config.network.arguments
    if loss == "cross-entropy":
        objective = DomainObjective(arguments["domains"])
    elif loss == "perception":
        objective = PerceptionObjective(arguments.get("kinds", NAMES))
    else:
        objective = PixelObjective(loss)
    return NetworkRecipe("supervised", config.network, config.optimisation, objective, strategy, accelerator, steps)
