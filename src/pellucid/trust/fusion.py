"""Prior and data fused by how wrong each is, for any known linear operator: what is evidence, and what is belief.

Model: the picture is `x = G + e`, G the prior's guess and e its error, of mean zero with variance T, a number for every
pixel; what was observed is `y = A x + n`, n noise of variance s^2. The best linear estimate splits in two:

    x_hat = K y + (I - K A) G,    K = T A' (A T A' + s^2)^-1            evidence + belief
    phi   = diag(I - K A)                                              the prior's weight, always in [0, 1]

    A, s                                phi                             the classic name
    identity, s > 0                     s^2 / (s^2 + T)                 MAP with a Gaussian prior, Tikhonov, Wiener
    mask, s = 0                         the hole                        paste into the hole
    luma w, s = 0, T constant           1 - w o w / |w|^2               colorization that keeps the luma
    k-fold average pooling, s = 0, T constant   1 - 1 / k^2             back projection
    circular blur, T constant           s^2 / (|H|^2 T + s^2) per frequency     Wiener deconvolution around G
    any, s = 0, T constant              I - A^+ A                       range and null space, DDNM

Source: El Helou and Süsstrunk, "BIGPrior", IEEE TIP 2022: `x_hat = (1 - phi) g^-1(y) + phi G`. Differs: there a network
gives phi, without bounds; here it follows from T and s, and A need not be invertible.
"""

from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError, ImageError, MethodError
from pellucid.images.contract import check_image
from pellucid.trust.conjugate_gradients import conjugate_gradients
from pellucid.trust.operators.contract import LinearOperator, SeparateOperator
from pellucid.trust.operators.identity import IDENTITY
from pellucid.trust.probes import Probes, diagonal_by_probes

Variance = float | Tensor
"""One number, or a tensor of four axes that broadcasts."""

_RESIDUAL = 1e-7
"""To which the system is solved where there is no closed form: a rounding error of float32."""

_MOST_STEPS = 2000

_ROUNDING = 1e-15
"""Of one in float64: a weight of less is none, so that a pixel that is all data has exactly 0."""


@dataclass(frozen=True)
class Fusion:
    """A fused picture and where it came from.

    Attributes:
        image: `evidence + belief`, exactly, `(B, 3, H, W)`; not clamped.
        evidence: `K y`, what the data contribute, same shape.
        belief: `(I - K A) G`, what the prior contributes, same shape.
        prior_weight: phi, same shape, in `[0, 1]`: 0 is data alone, 1 prior alone.
        prior_weight_error: the standard error of phi where it was estimated by probes; `None` where it is exact.
    """

    image: Tensor
    evidence: Tensor
    belief: Tensor
    prior_weight: Tensor
    prior_weight_error: Tensor | None = None


@overload
def fuse(
    observed: Tensor,
    prior: Tensor,
    *,
    prior_variance: Variance,
    noise_variance: Variance,
    operator: SeparateOperator = ...,
    probes: Probes | None = ...,
) -> Fusion: ...
@overload
def fuse(
    observed: Tensor,
    prior: Tensor,
    *,
    prior_variance: Variance,
    noise_variance: Variance,
    operator: LinearOperator,
    probes: Probes,
) -> Fusion: ...
def fuse(
    observed: Tensor,
    prior: Tensor,
    *,
    prior_variance: Variance,
    noise_variance: Variance,
    operator: LinearOperator = IDENTITY,
    probes: Probes | None = None,
) -> Fusion:
    """The best estimate from an observation and a prior's guess, and how much of it is whose.

        image = K y + (I - K A) G,   K = T A' (A T A' + s^2)^-1,   prior_weight = diag(I - K A)

    With a `SeparateOperator` it is a closed form and can be differentiated, by the variances too:

        K v = T A' (v / d),   prior_weight = 1 - T (A o A)' (1 / d),   d = (A o A) T + s^2

    Otherwise the system is solved by conjugate gradients and the weight is estimated by probes.
    All of it is computed in float64. Without noise `A image = y` holds to rounding in the prior's type (2e-7 in
    float32), and what the identity or a mask observes is kept to the bit. Where the prior's variance is 0 too, so that
    neither could be wrong, the data win in what they say, and are met by the smallest change of the guess.

    Args:
        observed: y, of the shape of `operator.forward(prior)`.
        prior: G, `(B, 3, H, W)`. It must not have been made from `observed`, else the data count twice: see
            `posterior_prior_weight`.
        prior_variance: T, expected squared error of the prior, at least 0; a number or `(B, 1 or 3, H, W)`.
        noise_variance: s^2 of the observation, at least 0; a number or a tensor that broadcasts to `observed`. Above 0
            where there is no closed form: rounding to 8 bits alone is 1.3e-6.
        operator: A.
        probes: for an operator without a closed form.

    Returns:
        Picture, parts and weight, dtype and device of `prior`.

    Raises:
        ImageError: when shapes do not fit.
        ConfigurationError: when a variance is negative or NaN, or the operator has no closed form and probes are
            missing or the noise is 0.
        MethodError: when conjugate gradients do not converge.

    Example:
        >>> observed, prior = torch.full((1, 3, 2, 2), 0.2), torch.full((1, 3, 2, 2), 0.6)
        >>> fused = fuse(observed, prior, prior_variance=0.03, noise_variance=0.01)
        >>> round(fused.prior_weight[0, 0, 0, 0].item(), 6), round(fused.image[0, 0, 0, 0].item(), 6)
        (0.25, 0.3)
    """
    guess = check_image(prior, "prior").double()
    expected = operator.forward(guess)
    _check_observed(observed, expected)
    data = observed.to(expected)
    spread = _expanded(prior_variance, guess, "prior_variance")
    noise = _expanded(noise_variance, expected, "noise_variance")
    error = None
    if isinstance(operator, SeparateOperator):
        spread, total = _total_variance(operator, spread, noise)
        evidence = spread * operator.adjoint(data / total)
        belief = guess - spread * operator.adjoint(expected / total)
        weight = 1 - spread * operator.squared_adjoint(1 / total)
        weight = torch.where(weight > _ROUNDING, weight, 0)
    else:
        system = _System(operator, spread, noise)
        if probes is None:
            raise ConfigurationError("Expected probes for an operator without a closed form, got none: give Probes.")
        evidence = spread * operator.adjoint(system.solved(data))
        belief = guess - spread * operator.adjoint(system.solved(expected))
        estimate = diagonal_by_probes(system.data_weight, guess, probes)
        weight, error = 1 - estimate.values, estimate.standard_error.to(prior)
    evidence, belief = evidence.to(prior), belief.to(prior)
    return Fusion(evidence + belief, evidence, belief, weight.clamp(0, 1).to(prior), error)


def effect(image: Tensor, observed: Tensor, operator: LinearOperator = IDENTITY) -> Tensor:
    """How far a picture went from what the data alone would say, `|x_hat - A^+ y|`, `(B, 3, H, W)`.

    A large weight of a prior that agrees with the data has no effect. Where the data are silent, as in a hole, all of
    the picture is effect.

    Args:
        image: x_hat, `(B, 3, H, W)`.
        observed: y.
        operator: A.

    Raises:
        ImageError: when shapes do not fit.
    """
    _check_observed(observed, operator.forward(check_image(image)))
    return (image - operator.pseudo_inverse(observed.to(image))).abs()


def consistency(image: Tensor, observed: Tensor, operator: LinearOperator = IDENTITY) -> Tensor:
    """Root mean square of `A x_hat - y` over what was observed, `(B,)`, float64.

    To be compared with the noise's standard deviation: a picture much farther than that from the data contradicts them.
    Observations that depend on no pixel, as in a hole, do not count.

    Args:
        image: x_hat, `(B, 3, H, W)`.
        observed: y.
        operator: A.

    Raises:
        ImageError: when shapes do not fit.

    Example:
        >>> consistency(torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.25)).item()
        0.25
    """
    again = operator.forward(check_image(image).double())
    _check_observed(observed, again)
    speaks = torch.ones_like(again, dtype=torch.bool)
    if isinstance(operator, SeparateOperator):
        speaks = operator.squared_forward(torch.ones_like(image, dtype=again.dtype)) > 0
    squared = torch.where(speaks, (again - observed).square(), 0)
    return (squared.flatten(1).sum(1) / speaks.flatten(1).sum(1).clamp_min(1)).sqrt()


def _total_variance(operator: SeparateOperator, spread: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """T, and `d = (A o A) T + s^2` with ones where it stays 0.

    Where T and s are both 0 the limit of a small constant T is taken, for which any constant does.
    """
    undecided = (operator.squared_forward(spread) + noise == 0).to(noise)
    spread = torch.where(operator.squared_adjoint(undecided) > 0, 1, spread)
    total = operator.squared_forward(spread) + noise
    return spread, torch.where(total > 0, total, 1)  # what stays 0 depends on no pixel


@dataclass(frozen=True)
class _System:
    """`M = A T A' + s^2`, where its inverse is not a picture."""

    operator: LinearOperator
    spread: Tensor
    noise: Tensor

    def __post_init__(self) -> None:
        if not bool((self.noise > 0).all()):
            raise ConfigurationError(
                "Expected noise_variance above 0 for an operator without a closed form, got 0: give at least "
                "the 1.3e-6 of rounding to 8 bits."
            )

    def product(self, observed: Tensor) -> Tensor:
        return self.operator.forward(self.spread * self.operator.adjoint(observed)) + self.noise * observed

    def solved(self, right: Tensor) -> Tensor:
        """`M^-1 b`."""
        solution = conjugate_gradients(self.product, right, tolerance=_RESIDUAL, most_steps=_MOST_STEPS)
        if bool((solution.residual > _RESIDUAL).any()):
            raise MethodError(
                f"Expected conjugate gradients to reach a residual of {_RESIDUAL}, got "
                f"{solution.residual.max().item():.1g} after {solution.steps} steps: give a larger noise_variance or a "
                "smaller prior_variance."
            )
        return solution.values

    def data_weight(self, image: Tensor) -> Tensor:
        """`T^(1/2) A' M^-1 A T^(1/2) x`: the diagonal of `K A`, but symmetric, which bounds the error of probes."""
        root = self.spread.sqrt()
        return root * self.operator.adjoint(self.solved(self.operator.forward(root * image)))


def _check_observed(observed: Tensor, expected: Tensor) -> None:
    if observed.shape != expected.shape:
        raise ImageError(
            f"Expected observed of shape {tuple(expected.shape)}, as the operator makes of the picture, got "
            f"{tuple(observed.shape)}: check which operator was meant."
        )


def _expanded(variance: Variance, like: Tensor, name: str) -> Tensor:
    values = torch.as_tensor(variance).to(like)
    fits = values.ndim == 0 or (
        values.ndim == like.ndim and all(own in (1, full) for own, full in zip(values.shape, like.shape, strict=True))
    )
    if not fits:
        shape = tuple(values.shape)
        raise ImageError(f"Expected {name} as a number or to fit {tuple(like.shape)}, got {shape}: add or move axes.")
    if not bool((values >= 0).all()):
        raise ConfigurationError(f"Expected {name} of at least 0, got {values.min().item():g}: give squared errors.")
    return values.expand(like.shape)
