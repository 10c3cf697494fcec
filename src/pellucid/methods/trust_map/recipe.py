"""Training a map of trust as a recipe."""

from typing import TYPE_CHECKING, Any

from pellucid.data.batch import Batch
from pellucid.errors import MethodError
from pellucid.methods.base import StrategyBuilder
from pellucid.methods.frozen_restorer import frozen_restorer
from pellucid.methods.network_recipe import NetworkRecipe
from pellucid.methods.trust_map.config import TrustMapConfig
from pellucid.methods.trust_map.objective import ErrorObjective
from pellucid.networks.catalog import build_network

if TYPE_CHECKING:
    from accelerate import Accelerator


class TrustMapRecipe(NetworkRecipe):
    """A network that learns how wrong a frozen restorer is, by any strategy."""

    objective: ErrorObjective  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, config: TrustMapConfig, strategy: StrategyBuilder, accelerator: "Accelerator", steps: int):
        objective = ErrorObjective(frozen_restorer(config.restorer, accelerator.device))
        super().__init__("trust-map", config.network, config.optimisation, objective, strategy, accelerator, steps)

    def judge(self, batch: Batch) -> dict[str, float]:
        """See `Recipe.judge`: how well the averaged weights foretell errors of held-out samples."""
        network = build_network(self.settings.name, self.settings.arguments)
        network.load_state_dict(self.average.weights())
        return self.objective.judge(network.eval().to(batch.degraded.device), batch)

    def restorer(self) -> Any:
        """There is none.

        Raises:
            MethodError: always.
        """
        raise MethodError("Expected a method that restores, got trust-map, which tells how wrong a restorer is.")
