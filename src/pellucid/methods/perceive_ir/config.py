"""Settings of Perceive-IR's two stages: the prompts, and the restorer."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

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
    quality: float = Field(default=0.0, ge=0, description="Of the quality loss (release: 0.05); it needs `perceiver`.")
    quality_scale: float = Field(
        default=1.0,
        gt=0,
        description="Of its cosines: 1 as released, which leaves it nearly flat; 100 is what prompts are learned with.",
    )
    perceiver: str | None = Field(
        default=None,
        description="Who judges for that loss: weights of the method quality-prompts, or `default`, which ships.",
    )
    vgg: Path | None = Field(
        default=None, description="torchvision's vgg16 weights for that loss; those of the package when absent."
    )

    @model_validator(mode="after")
    def _quality_has_a_judge(self) -> "ObjectiveSettings":
        if self.quality and self.perceiver is None:
            raise ValueError(
                "quality needs perceiver: default, or weights that training the method quality-prompts wrote"
            )
        return self


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


class EncoderSettings(Section):
    """Which frozen encoder prompts are learned through."""

    name: str = Field(default="mobilenet-v2", description="A name of `pellucid.networks.joint_encoders`.")
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Of the encoder; of clip `source`, a folder or name on the hub."
    )


class PromptsOptimisation(Section):
    """How the loss moves the prompts."""

    learning_rate: float = Field(default=4e-5, gt=0, description="AdamW's peak rate (release: 4e-5).")
    final_learning_rate: float = Field(default=1e-6, ge=0, description="Rate at the last step (cosine), as released.")
    warm_up_steps: int = Field(default=0, ge=0, description="Steps of linear warm-up (release: none).")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's decoupled weight decay, as released.")


class PromptsConfig(Section):
    """A training run of the quality prompts, but for how the loop runs."""

    encoder: EncoderSettings = Field(default=EncoderSettings(), description="Pictures and words in one space.")
    medium: str = Field(
        description="The restorer whose results are mediocre: weights of a short training on other pictures, or a "
        "bundled model's name."
    )
    optimisation: PromptsOptimisation = Field(default=PromptsOptimisation(), description="How prompts learn.")
    data: DataSettings
