"""Settings of NLCL: the networks, where places are compared, the losses, and how all learn."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pellucid.data.config import PictureSource, Section
from pellucid.methods.network_settings import NetworkSettings


class UnpairedSettings(Section):
    """Rainy pictures and clean ones that need not show the same, and how batches are cut from them."""

    rainy: tuple[PictureSource, ...] = Field(min_length=1, description="Where the pictures to learn to restore are.")
    clean: tuple[PictureSource, ...] = Field(min_length=1, description="Where clean pictures of anything similar are.")
    patch_size: int = Field(default=256, ge=32, description="Height and width of a patch, pixels (release: 256).")
    batch_size: int = Field(default=1, ge=1, description="Patches of each kind per step and process (release: 1).")
    turned: bool = Field(default=False, description="Any of the eight flips and turns (release: none).")
    validation_share: float = Field(default=0.05, ge=0, lt=1, description="Of both, kept to look at while training.")
    refuse_leaks_into: tuple[str, ...] = Field(
        default=(), description="Test sets whose pictures must not occur among these, compared by content."
    )
    memory: str = Field(
        default="8G", description="For decoded pictures; when they need more, they are decoded as they are drawn."
    )
    seed: int = Field(default=0, description="Seed of crops and places; step n of rank r depends on (seed, n, r).")

    def batches(self, data_root: Path | None, device: Any, rank: int) -> tuple[Any, Any, dict[str, Any]]:
        """See `pellucid.data.config.OwnBatches`."""
        from pellucid.data.unpaired_batches import unpaired_batches  # torch comes with it
        from pellucid.images.memory import parse_memory

        return unpaired_batches(
            self.rainy,
            self.clean,
            data_root,
            patch_size=self.patch_size,
            batch_size=self.batch_size,
            is_turned=self.turned,
            validation_share=self.validation_share,
            refuse_leaks=self.refuse_leaks_into,
            memory_bytes=parse_memory(self.memory),
            seed=self.seed,
            device=device,
            rank=rank,
        )


class SamplingSettings(Section):
    """Which places are compared."""

    layer_order: Literal["nearest", "farthest", "random"] = Field(
        default="nearest", description="Places of a layer that are alike: non-local sampling (release), or any."
    )
    image_places: int = Field(default=8, ge=2, description="Of the background (release: 8).")
    rain_places: int = Field(default=128, ge=2, description="Of the rain (release: 128).")
    location_order: Literal["nearest", "farthest", "random"] = Field(
        default="farthest",
        description="Negatives of the location loss: farthest is the paper's figure, nearest the release, random CUT.",
    )
    locations: int = Field(default=256, ge=2, description="Places of the location loss (release: 256).")
    location_space: Literal["picture", "features"] = Field(
        default="picture", description="Where patches of the location loss are compared: pixels, or the first level."
    )
    patch: int = Field(default=16, ge=2, multiple_of=2, description="Side of compared patches, pixels (release: 16).")
    reach: int = Field(default=20, ge=2, description="How far candidates are, pixels (release: 20).")


class NLCLObjectiveSettings(Section):
    """How much each term weighs; 0 leaves it out."""

    adversarial: float = Field(default=1.0, ge=0, description="Least-squares GAN on the background (release: 1).")
    location: float = Field(default=1.0, ge=0, description="The same place before and after (release: 1).")
    layer: float = Field(default=1.0, ge=0, description="Background against rain (release: 1).")
    consistency: float = Field(default=1.0, ge=0, description="(B + R - O)^2 (release: 1).")
    consistency_moves: Literal["both", "rain"] = Field(
        default="both",
        description="Both networks, as published; or the rain network alone, where the background network is trained "
        "already and would be led back to its input by rain that is not found yet.",
    )
    sparsity: float = Field(default=0.1, ge=0, description="Absolute value of the rain (release: 0.1).")
    sparsity_on: Literal["rain", "difference"] = Field(
        default="rain", description="The rain network's output, as the figure has it; or O - B, as released."
    )
    transfer: float = Field(
        default=0.0,
        ge=0,
        description="Rain R that was found before training, see transfer_found_by, is laid on clean pictures, which "
        "are to be restored: mean |G(C + s R) - C|. Not in the paper; CSUD's unpaired rain transfer (CVPR 2025) "
        "is of this kind. Found anew in every step, rain grows without end.",
    )
    transfer_found_by: Literal["background", "told", "rain"] = Field(
        default="background",
        description="Who finds the rain that is transferred, as it was before training: the background network; the "
        "same, whose guide is shown the picture under drawn rain, since it takes much real rain for something else; or "
        "the rain network.",
    )
    transfer_strength: tuple[float, float] = Field(
        default=(0.0, 1.5), description="Between which s is drawn, patch by patch; at 0 clean pictures stay clean."
    )
    replay: float = Field(
        default=0.0,
        ge=0,
        description="Clean pictures are degraded by `replayed`, and are to be restored: what the network knows it is "
        "not to forget. Not in the paper.",
    )
    replayed: dict[str, float] = Field(
        default={"rain": 4.0, "rain-faint": 1.5, "rain+jpeg": 1.0, "rain-faint+jpeg": 0.5},
        description="As `data.mixture` of other methods.",
    )
    location_encoder: Literal["generator", "discriminator", "vgg", "separate"] = Field(
        default="generator", description="Whose features the location loss compares (paper: the generator's)."
    )
    location_levels: tuple[str, ...] = Field(
        default=("head", "blocks.1", "blocks.3", "blocks.7", "blocks.11"),
        description="Of the generator: its parts whose outputs are compared (release: after conv 0, blocks 2, 4, 8, "
        "12). Other encoders have their own.",
    )
    layer_encoder: Literal["discriminator", "generator", "vgg", "separate"] = Field(
        default="discriminator", description="Whose features the layer loss compares (paper: the discriminator's)."
    )
    last_level: bool = Field(
        default=True, description="Whether the discriminator's deepest features count (release: dropped by mistake)."
    )
    temperature: float = Field(default=0.07, gt=0, description="Of all contrast (release: 0.07).")
    image_pull: float = Field(
        default=1.0,
        ge=0,
        description="Weight of the background's own anchors in the layer loss; below 1 is our reading of the "
        "asymmetric successor (TPAMI 2024).",
    )

    @model_validator(mode="after")
    def _replayed_can_be_drawn(self) -> "NLCLObjectiveSettings":
        from pellucid.degradations.mixing import Mixture  # torch comes with it

        Mixture(self.replayed, (0.0, 1.0))
        return self


class NLCLOptimisation(Section):
    """Adam, one for each network."""

    learning_rate: float = Field(default=2e-4, gt=0, description="Of all networks (release: 2e-4).")
    background_rate: float | None = Field(
        default=None, gt=0, description="Of the background network, where it starts trained; else as the others."
    )
    betas: tuple[float, float] = Field(default=(0.5, 0.999), description="Adam's decay rates (release: 0.5, 0.999).")
    constant_share: float = Field(
        default=200 / 210, ge=0, le=1, description="Of the run at full rate; then linearly to 0 (release: 200 of 210)."
    )
    average_decay: float = Field(
        default=0.0, ge=0, lt=1, description="Decay of the averaged background weights, per step (release: none)."
    )
    released_faults: bool = Field(
        default=False,
        description="For checking: the image head and the location head stay random, the rain head is stepped twice.",
    )


class StoppingSettings(Section):
    """When it is enough, without ground truth: see `stopping.StopRule`. Looks are taken as often as validation is."""

    patience: int = Field(
        default=0,
        ge=0,
        description="Looks without a better score after which training ends, and the best weights are kept; with 0 "
        "the last are.",
    )


class NLCLConfig(Section):
    """A training run of NLCL, but for how the loop runs."""

    preset: Literal["paper", "released", "pellucid"] = Field(
        default="paper",
        description="What is not said otherwise: as the paper's figure has it; as the released code does, faults "
        "included; or ours: a skip and no norm, so that colour follows the input, and averaged weights.",
    )
    background: NetworkSettings = Field(description="The network that gives the background (deraining-generator).")
    rain: NetworkSettings = Field(description="The network that gives the rain (deraining-generator, gives: rain).")
    discriminator_width: int = Field(default=64, ge=4, description="Channels of its first layer (release: 64).")
    head_width: int = Field(default=256, ge=8, description="Of the vectors that are compared (release: 256).")
    sampling: SamplingSettings = Field(default=SamplingSettings(), description="Which places are compared.")
    objective: NLCLObjectiveSettings = Field(default_factory=NLCLObjectiveSettings, description="What is minimised.")
    optimisation: NLCLOptimisation = Field(default=NLCLOptimisation(), description="How all learn.")
    stopping: StoppingSettings = Field(default=StoppingSettings(), description="When it is enough.")
    widest_rain: int | None = Field(
        default=None,
        ge=3,
        description="Pixels: of what the model that comes out removes it gives back what is wider in every direction, "
        "mist and light. Nothing when absent; no loss sees it. Not in the paper.",
    )
    data: UnpairedSettings

    @model_validator(mode="after")
    def _rain_is_found_by_who_knows_it(self) -> "NLCLConfig":
        its = self.objective
        if its.transfer and its.transfer_found_by == "rain" and self.rain.start_from is None:
            raise ValueError(
                "Expected a rain network that knows rain to find what is transferred, got one that begins with "
                "nothing: set rain.start_from (rain-layer), or another objective.transfer_found_by."
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        """What the preset says, under what was said."""
        if not isinstance(values, dict):
            return values
        return _filled(_filled(values, PRESETS.get(values.get("preset", "paper"), {})), NETWORKS)


NETWORKS: dict[str, Any] = {
    "background": {"name": "deraining-generator", "arguments": {}},
    "rain": {"name": "deraining-generator", "arguments": {"gives": "rain"}},
}
"""Of all presets."""

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "released": {
        "sampling": {"location_order": "nearest", "location_space": "features"},
        "objective": {"sparsity_on": "difference", "last_level": False},
        "optimisation": {"released_faults": True},
    },
    "pellucid": {
        "background": {"name": "deraining-generator", "arguments": {"skip": True, "normalised": False}},
        "rain": {"name": "deraining-generator", "arguments": {"gives": "rain", "normalised": False}},
        "sampling": {"location_order": "random"},
        "optimisation": {"average_decay": 0.999},
        "data": {"turned": True},
    },
}
"""What each preset says; section by section, what a recipe says itself wins."""


def _filled(values: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any]:
    filled = dict(values)
    for name, its in preset.items():
        given = filled.get(name)
        if given is None:
            filled[name] = its
        elif isinstance(given, dict) and isinstance(its, dict):
            # Arguments belong to a network: those of another one say nothing.
            is_other = "arguments" in its and given.get("name", its["name"]) != its["name"]
            filled[name] = given if is_other else _filled(given, its)
    return filled
