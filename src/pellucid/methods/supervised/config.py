"""Settings of plain supervised restoration."""

from pydantic import Field, model_validator

from pellucid.data.config import DataSettings, Section
from pellucid.methods.network_settings import NetworkSettings, OptimisationSettings


class EmpiricalRiskSettings(Section):
    """Empirical risk has nothing to set: rates and the clip are those of the optimiser."""


class SupervisedConfig(Section):
    """A supervised training run, but for how the loop runs."""

    network: NetworkSettings = Field(default=NetworkSettings(), description="Which network.")
    optimisation: OptimisationSettings = Field(default=OptimisationSettings(), description="How it learns.")
    data: DataSettings

    @model_validator(mode="after")
    def _loss_fits_network(self) -> "SupervisedConfig":
        name, loss = self.network.name, self.optimisation.loss
        is_classifier = name == "degradation-classifier"
        for its_loss, its_network in (
            ("cross-entropy", "degradation-classifier"),
            ("perception", "degradation-perceiver"),
        ):
            if (name == its_network) != (loss == its_loss):
                raise ValueError(f"the loss {its_loss} belongs to the {its_network} and to no other: got {loss}")
        known = set(self.network.arguments.get("domains", ()))
        unknown = sorted(set(self.data.mixture) - known) if is_classifier else []
        if unknown:
            from pellucid.degradations.mixing import kinds_drawn  # with torch, which settings alone do not need

            unknown = [name for name in unknown if not kinds_drawn(name) <= known]
        if unknown:
            raise ValueError(f"network.arguments.domains lacks {unknown[0]!r}, which is in the mixture")
        return self
