"""Settings of DIL's four strategies."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pellucid.data.config import Section

Share = Annotated[float, Field(ge=0, lt=1)]


class SerialFirstOrder(Section):
    """DIL_sf: one inner step per domain, in shuffled order, then an outer step along initial minus last weights."""

    inner_optimiser: Literal["adam", "sgd"] = Field(
        default="adam", description="Of the virtual steps; Adam as released, SGD as in the paper's Eq. 3."
    )
    inner_learning_rate: float = Field(default=1e-4, ge=0, description="Constant; 1e-4 as released.")
    inner_betas: tuple[Share, Share] = Field(default=(0.0, 0.999), description="Adam's decay rates, as released.")
    order_seed: int | None = Field(
        default=None,
        description="Of the order of domains or parts; that of step n depends on both alone. That of the data when "
        "absent.",
    )


class ParallelFirstOrder(SerialFirstOrder):
    """DIL_pf: inner steps on parts of the batch that mix all domains."""

    inner_steps: int = Field(
        default=2, ge=1, description="Parts that a batch is cut into, one step each; the figure shows two."
    )
    reading: Literal["displacement", "gradient"] = Field(
        default="displacement",
        description="Outer step along initial minus last weights (text), or along the query's gradient at the virtual "
        "weights (first-order MAML): the paper allows both.",
    )
    split_query: bool = Field(default=True, description="As for second order; of the reading `gradient` alone.")

    @model_validator(mode="after")
    def _gradient_is_one_step_of_sgd(self) -> "ParallelFirstOrder":
        if self.reading == "gradient" and self.inner_optimiser != "sgd":
            raise ValueError(
                "reading: gradient takes one step of SGD (Eq. 5), so set inner_optimiser: sgd and its rate"
            )
        return self


class ParallelSecondOrder(Section):
    """DIL_ps: one virtual step of SGD on the mean of all domains, differentiated through."""

    inner_learning_rate: float = Field(
        default=1e-2, ge=0, description="alpha of Eq. 5; unknown in the paper, 1e-2 is ours."
    )
    split_query: bool = Field(
        default=True,
        description="The virtual step takes half of each domain's samples, the outer loss the other half; else both "
        "take all of them. Half is likely what the authors did.",
    )
    hessian: Literal["exact", "difference"] = Field(
        default="exact",
        description="Its product by a second backward pass, or by the difference of two gradients, which is faster and "
        "holds less, and also feels the kinks of the loss that a second derivative does not.",
    )


class SerialSecondOrder(ParallelSecondOrder):
    """DIL_ss: one virtual step of SGD per domain, differentiated through, their gradients' mean taken."""

    query: Literal["all", "divided"] = Field(
        default="all",
        description="Every domain's virtual weights restore the whole query, or each its share of it, which has the "
        "same mean over steps at a fraction of the cost.",
    )
