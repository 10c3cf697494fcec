"""Settings of BIGPrior: which network weighs the prior, how it learns, and what from."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pellucid.data.config import Section


class InversionSettings(Section):
    """Clean pictures beside a prior's guess at each, and how batches are taken of them."""

    path: Path = Field(
        description="Folder or tar archive with gt/ and inversion/, names alike; relative paths start at the data root "
        "(PELLUCID_DATA)."
    )
    training: int = Field(
        default=250, ge=1, description="Pictures that may be learned from, the first by number; the rest is for tests."
    )
    validation_share: float = Field(
        default=0.0, ge=0, lt=1, description="Share of them that is kept for validation; with 0 it is on all of them."
    )
    patch_size: int | None = Field(
        default=None, ge=8, description="Height and width of a patch, pixels; whole pictures when absent, as released."
    )
    turned: bool = Field(default=False, description="Any of the eight flips and turns (release: none).")
    batch_size: int = Field(default=8, ge=1, description="Pictures per step and process (release: 8).")
    seed: int = Field(default=0, description="Seed of order and crops; step n depends on (seed, n, process) alone.")

    def batches(self, data_root: Path | None, device: Any, rank: int) -> tuple[Any, Any, dict[str, Any]]:
        """See `pellucid.data.config.OwnBatches`."""
        from pellucid.data.inverted_batches import batches_of_inversions  # torch comes with it

        return batches_of_inversions(
            self.path,
            data_root,
            training=self.training,
            validation_share=self.validation_share,
            patch_size=self.patch_size,
            batch_size=self.batch_size,
            seed=self.seed,
            is_turned=self.turned,
            device=device,
            rank=rank,
        )


class FusionNetworkSettings(Section):
    """Which network says how much of the prior is taken."""

    name: Literal["paper-fusion", "bounded-fusion", "prior-error"] = Field(
        default="paper-fusion", description="A name of `pellucid.networks.fusion_network`."
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of the network.")


class FusionObjectiveSettings(Section):
    """What is minimised."""

    loss: Literal["squared", "colour", "likelihood"] = Field(
        default="squared",
        description="Of the fused picture its mean squared error (paper) or the mean length of its colour error; or "
        "the likelihood of the prior's own error, for prior-error alone.",
    )
    weight_penalty: float = Field(default=0.0, ge=0, description="Of the prior's weight (paper, rho: 1e-5).")
    penalised: Literal["mean", "absolute"] = Field(
        default="mean",
        description="|mean of phi|, as released, where signs cancel; or the mean of |phi|, as in the equation.",
    )


class FusionOptimisation(Section):
    """How the loss moves the weights: Adam."""

    learning_rate: float = Field(default=1e-2, gt=0, description="Adam's peak rate (release: 1e-2).")
    restart_steps: int | None = Field(
        default=None,
        ge=1,
        description="The cosine starts anew after so many steps (release: 512, 16 epochs of 32); one cosine over the "
        "run when absent.",
    )
    warm_up_steps: int = Field(default=0, ge=0, description="Steps of linear warm-up of one cosine (release: none).")
    gradient_clip: float | None = Field(default=None, gt=0, description="Largest norm of the gradient (release: none).")


class BigPriorConfig(Section):
    """A training run of BIGPrior's fusion, but for how the loop runs."""

    network: FusionNetworkSettings = Field(default=FusionNetworkSettings(), description="Which network.")
    objective: FusionObjectiveSettings = Field(default=FusionObjectiveSettings(), description="What is minimised.")
    optimisation: FusionOptimisation = Field(default=FusionOptimisation(), description="How it learns.")
    data_variance: float = Field(
        default=0.00694,
        gt=0,
        description="Expected squared error of the data's picture, for the closed form of prior-error; that of a grey "
        "picture, over the 250 of the published set.",
    )
    data: InversionSettings
