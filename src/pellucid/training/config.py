"""How the training loop runs, whatever is trained."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pellucid.data.config import Section


class TrainingSettings(Section):
    """Length, precision, and what is written when."""

    steps: int = Field(default=20_000, ge=1, description="Steps of the whole run; the schedule ends there.")
    run_folder: Path | None = Field(default=None, description="Where the run lives; runs/<recipe's name> when absent.")
    precision: Literal["bf16", "no"] = Field(
        default="bf16", description="Autocast; weights and optimiser stay float32."
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _no_is_a_word(cls, value: Any) -> Any:
        return "no" if value is False else value  # YAML takes a bare no for false

    time_limit_minutes: float | None = Field(
        default=None, gt=0, description="Save and stop after so long; run again to go on."
    )
    cpu_time_limit_minutes: float | None = Field(
        default=None,
        gt=0,
        description="The same in processor time, summed over threads: fair when the machine is shared.",
    )
    checkpoint_every: int = Field(default=500, ge=1, description="Steps between checkpoints.")
    keep_checkpoints: int = Field(default=2, ge=1, description="Older ones are deleted.")
    log_every: int = Field(default=50, ge=1, description="Steps between lines of the log.")
    validate_every: int = Field(default=1000, ge=1, description="Steps between validation, sample sheet and curves.")
    largest_non_finite_streak: int = Field(
        default=5, ge=1, description="Non-finite losses in a row before the run stops."
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads; all when absent.")
    prefetch: int = Field(default=0, ge=0, le=8, description="Batches prepared ahead in a thread.")
    compile: bool = Field(default=False, description="torch.compile the network; worth it on a GPU.")
    device: Literal["cpu"] | None = Field(default=None, description="cpu; the best device at hand when absent.")
