"""Settings of every method that trains one network: which one, and how it learns."""

from typing import Any, Literal

from pydantic import Field

from pellucid.data.config import Section


class NetworkSettings(Section):
    """Which network, and its arguments."""

    name: str = Field(default="residual-unet", description="A name of `pellucid.networks.catalog`.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of the network.")
    start_from: str | None = Field(
        default=None,
        description="Weights file to start from, or the name of what ships (default, rain-layer); random weights when "
        "absent.",
    )
    start_from_part: str | None = Field(
        default=None,
        description="Which part of that file, when it holds several: in the default model generalist, tone, chooser, "
        "specialists.noise and so on, or a part of such a part (chooser.features).",
    )
    start_into: str | None = Field(
        default=None, description="Which part of the network gets those weights; the whole network when absent."
    )


class OptimisationSettings(Section):
    """How the loss moves the weights."""

    loss: Literal["l1", "charbonnier", "squared-error", "log-squared-error", "cross-entropy", "perception"] = Field(
        default="charbonnier",
        description="Pixel loss; cross-entropy for a network that tells degradations apart, perception for one that "
        "says which are there and how severe.",
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
