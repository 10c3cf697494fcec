"""Settings of plain supervised restoration."""

from typing import Any, Literal

from pydantic import Field, model_validator

from pellucid.data.config import DataSettings, Section


class NetworkSettings(Section):
    """Which network, and its arguments."""

    name: str = Field(default="residual-unet", description="A name of `pellucid.networks.catalog`.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of the network.")
    start_from: str | None = Field(
        default=None,
        description="Weights file to start from, or the name of a bundled model; random weights when absent.",
    )
    start_from_part: str | None = Field(
        default=None,
        description="Which part of that file, when it holds several: in the default model generalist, tone, chooser, "
        "specialists.noise and so on.",
    )


class OptimisationSettings(Section):
    """How the loss moves the weights."""

    loss: Literal["l1", "charbonnier", "log-squared-error", "cross-entropy"] = Field(
        default="charbonnier", description="Pixel loss; or of a network that tells degradations apart."
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="AdamW's peak rate.")
    final_learning_rate: float = Field(default=1e-6, ge=0, description="Rate at the last step (cosine).")
    warm_up_steps: int = Field(default=200, ge=0, description="Steps of linear warm-up.")
    betas: tuple[float, float] = Field(default=(0.9, 0.99), description="AdamW's decay rates; NAFNet uses 0.9, 0.9.")
    weight_decay: float = Field(default=0.0, ge=0, description="AdamW's decoupled weight decay.")
    halve_at: tuple[float, ...] | None = Field(
        default=None, description="Instead of the cosine the rate is halved at these shares of the run, as DIL does."
    )
    gradient_clip: float | None = Field(default=1.0, gt=0, description="Largest norm of the gradient; null for none.")
    average_decay: float = Field(default=0.999, ge=0, lt=1, description="Decay of the averaged weights, per step.")


class EmpiricalRiskSettings(Section):
    """Empirical risk has nothing to set: rates and the clip are those of the optimiser."""


class SupervisedConfig(Section):
    """A supervised training run, but for how the loop runs."""

    network: NetworkSettings = Field(default=NetworkSettings(), description="Which network.")
    optimisation: OptimisationSettings = Field(default=OptimisationSettings(), description="How it learns.")
    data: DataSettings

    @model_validator(mode="after")
    def _loss_fits_network(self) -> "SupervisedConfig":
        is_classifier, loss = self.network.name == "degradation-classifier", self.optimisation.loss
        if is_classifier != (loss == "cross-entropy"):
            raise ValueError(
                f"the loss cross-entropy belongs to the degradation-classifier and to no other: got {loss}"
            )
        unknown = set(self.data.mixture) - set(self.network.arguments.get("domains", ())) if is_classifier else set()
        if unknown:
            raise ValueError(f"network.arguments.domains lacks {sorted(unknown)[0]!r}, which is in the mixture")
        return self
