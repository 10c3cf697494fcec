"""What a training run is fed with."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A frozen group of settings that refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@runtime_checkable
class OwnBatches(Protocol):
    """A section that is not of clean pictures to be degraded: it makes its batches itself."""

    def batches(self, data_root: Path | None, device: Any, rank: int) -> tuple[Any, Any, dict[str, Any]]:
        """Training batches by step, one batch that training never sees, and the fingerprint of all pictures."""
        ...


class PictureSource(Section):
    """Clean pictures: a folder or tar archive, and which of its files."""

    path: Path = Field(description="Folder or tar archive; relative paths start at the data root (PELLUCID_DATA).")
    include: tuple[str, ...] = Field(
        default=("*",), description="Glob patterns of the files to take; * also runs over /."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Glob patterns of the files to leave out.")


class PairSource(Section):
    """Pairs of a degraded and a clean picture."""

    name: str = Field(
        description="A known set of `pellucid.data.shared_sets` that holds pairs; with `path` whatever you call yours."
    )
    path: Path | None = Field(
        default=None,
        description="Your own pairs: a folder or tar archive with clean/ and degraded/ (or gt/ and input/), base names "
        "alike; relative paths start at the data root (PELLUCID_DATA).",
    )
    degradation: str | None = Field(
        default=None,
        description="What your own pairs show, by its name in a mixture (rain, sensor-noise): the laboratory then "
        "knows what was trained on. Of the known sets it is known.",
    )
    weight: float = Field(default=1.0, gt=0, description="How often its pairs are drawn among the pairs, any unit.")


class DataSettings(Section):
    """Clean pictures, how they are degraded, and how batches are cut from them."""

    sources: tuple[PictureSource, ...] = Field(min_length=1, description="Where the clean pictures are.")
    reduction: int = Field(
        default=1, ge=1, description="Clean pictures are averaged down by this factor, for what needs no detail."
    )
    reduced_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the patches cut at twice their size and averaged down by two: finer, and without JPEG.",
    )
    mixture: dict[str, float] = Field(
        description="How often each degradation or chain is drawn, any unit. A key is a domain: rain, rain+jpeg, "
        "gaussian-noise:sigma=15, severe.",
    )
    balanced: bool = Field(
        default=False, description="Every batch has each domain in proportion; else domains are drawn patch by patch."
    )
    same_content: bool = Field(
        default=False, description="All domains of a batch degrade the same clean patches; needs `balanced`."
    )
    severity: tuple[float, float] = Field(default=(0.0, 1.0), description="Severities drawn from, in [0, 1].")
    grey_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of the patches that are grey pictures, before and after."
    )
    rounded_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of the patches that are clipped and rounded to 8 bits, as in files."
    )
    pairs: tuple[PairSource, ...] = Field(
        default=(), description="Real or published pairs, trained on beside the mixture."
    )
    pairs_share: float = Field(default=0.0, ge=0, le=1, description="Share of each batch that is cut from `pairs`.")
    patch_size: int = Field(default=96, ge=16, description="Height and width of a training patch, pixels.")
    batch_size: int = Field(default=16, ge=1, description="Patches per step and process.")
    refuse_leaks_into: tuple[str, ...] = Field(
        default=(), description="Test sets whose pictures must not occur among the clean pictures, compared by content."
    )
    memory: str = Field(
        default="8G", description="For decoded clean pictures; when they need more, they are decoded as they are drawn."
    )
    validation_share: float = Field(
        default=0.05, ge=0, lt=1, description="Share of the clean pictures kept for validation."
    )
    seed: int = Field(
        default=0, description="Seed of crops and degradations; step n of rank r depends on (seed, n, r) alone."
    )

    @model_validator(mode="after")
    def _mixture_can_be_drawn(self) -> "DataSettings":
        from pellucid.degradations.mixing import Mixture  # torch comes with it, which tables of settings do not need

        Mixture(self.mixture, self.severity)
        for pair in self.pairs:
            if pair.degradation is not None:
                Mixture({pair.degradation: 1.0}, self.severity)
        return self

    @model_validator(mode="after")
    def _counterfactuals_are_balanced(self) -> "DataSettings":
        if self.same_content and not self.balanced:
            raise ValueError("same_content needs balanced: true, so that every domain has as many patches")
        return self
