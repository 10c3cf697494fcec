"""Settings of Perceive-IR's second stage: the restorer."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pellucid.data.config import DataSettings, Section
from pellucid.methods.network_settings import NetworkSettings, OptimisationSettings


class ProxySettings(Section):
    """Another restorer, whose results are negatives of the difficulty-adaptive loss."""

    model: str = Field(description="Name of a bundled model, or a weights file.")
    kinds: tuple[str, ...] = Field(
        default=(), description="Degradations that it counts for, as gaussian-noise or rain+jpeg; all when empty."
    )


class ObjectiveSettings(Section):
    """What is minimised beside the pixel loss, and how much each term weighs; 0 leaves a term out."""

    contrast: float = Field(
        default=0.1, ge=0, description="Of the contrast between codes (release: 0.1). The network must have a code."
    )
    contrast_temperature: float = Field(default=0.1, gt=0, description="As released.")
    contrast_between: Literal["kinds", "domains"] = Field(
        default="kinds",
        description="What a code is told apart by: the kind of degradation, as released, so that severities are one; "
        "or the domain, by which the mixture may tell severities apart.",
    )
    difficulty: float = Field(default=0.1, ge=0, description="Of the difficulty-adaptive loss (release: 0.1).")
    difficulty_reference: Literal["all", "kind"] = Field(
        default="all", description="Proxies are compared with the network's PSNR over all samples, or over their kind."
    )
    proxies: tuple[ProxySettings, ...] = Field(
        default=(), description="Hard negatives of that loss; the degraded picture alone is one without."
    )
    vgg: Path | None = Field(
        default=None, description="torchvision's vgg16 weights for that loss; those of the package when absent."
    )


class PerceiveIROptimisation(OptimisationSettings):
    """As released, but that averaged weights are kept beside."""

    loss: Literal["l1", "charbonnier", "log-squared-error"] = Field(  # pyright: ignore[reportIncompatibleVariableOverride]
        default="l1", description="The pixel loss (release: l1)."
    )
    learning_rate: float = Field(default=2e-4, gt=0, description="AdamW's peak rate (release: 2e-4).")
    warm_up_steps: int = Field(default=0, ge=0, description="Steps of linear warm-up (release: none).")
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="AdamW's decay rates, as released.")
    weight_decay: float = Field(default=1e-4, ge=0, description="AdamW's decoupled weight decay, as released.")
    gradient_clip: float | None = Field(default=None, gt=0, description="Largest norm of the gradient (release: none).")


class PerceiveIRConfig(Section):
    """A training run of Perceive-IR, but for how the loop runs."""

    network: NetworkSettings = Field(default=NetworkSettings(name="perceive-ir"), description="Which network.")
    optimisation: PerceiveIROptimisation = Field(default=PerceiveIROptimisation(), description="How it learns.")
    objective: ObjectiveSettings = Field(default=ObjectiveSettings(), description="The further losses.")
    data: DataSettings
