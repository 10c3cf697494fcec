"""A denoiser as a prior for anything: what it knows of pictures, and what the data say, in turn.

    x_k = argmin_x  |A x - y|^2 / s^2 + |x - z_k|^2 / t_k^2,   z_(k+1) = D(x_k)

The first line has a closed form, `x = z + A' (A A' + s^2 / t^2)^-1 (y - A z)`, or is solved by conjugate gradients.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from pydantic import Field
from torch import Generator, Tensor

from pellucid.data.config import Section
from pellucid.errors import ConfigurationError, ImageError, MethodError
from pellucid.images.contract import check_image
from pellucid.methods.bigprior.priors.contract import Guess, heard
from pellucid.methods.bigprior.priors.harmonic import harmonic_fill
from pellucid.trust.conjugate_gradients import conjugate_gradients
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator, SeparateOperator
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask

_RESIDUAL = 1e-7
_LEAST_NOISE = 1.3e-6
"""Variance of rounding to 8 bits: without any noise, conjugate gradients would not end."""

Denoiser = Callable[[Tensor], Tensor]
"""`(B, 3, H, W)` in `[0, 1]` to the same, of any height and width; it finds out itself how much noise there is."""


class SplittingSettings(Section):
    """How data and denoiser take turns.

    A denoiser that finds out the strength itself smooths again and again what it made: with the bundled one few turns
    that hold on to the data are best. Denoisers that leave clean pictures as they are bear more, and smaller t.
    """

    steps: int = Field(default=4, ge=1, description="Turns, each of which asks the denoiser once.")
    first_deviation: float = Field(
        default=0.2, gt=0, description="t of the first turn: how far, root mean square, z may be from the picture."
    )
    last_deviation: float = Field(
        default=0.1, gt=0, description="t of the last turn; between them it falls by a factor from turn to turn."
    )


@dataclass(frozen=True, eq=False)
class PlugAndPlay:
    """Half-quadratic splitting with a denoiser; a `Prior`.

    The guess is the last z, the denoiser's: the data step around it would count the data once more than `fuse` does.

    Args:
        denoiser: see `Denoiser`. With `model = pellucid.load()` it is `lambda image: model.restore(image).image`.
        settings: of the turns.

    Source:
        Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior" (DPIR), TPAMI 2021, Eq. 6 and 7.
        Differs: the denoiser is not told a strength, so t alone falls; the start of a hole is its harmonic fill.

    Example:
        >>> from torch.nn.functional import avg_pool2d
        >>> prior = PlugAndPlay(lambda image: avg_pool2d(image, 3, 1, 1, count_include_pad=False))
        >>> hole = torch.ones(1, 1, 8, 8)
        >>> hole[..., 3:5, 3:5] = 0
        >>> seen = torch.full((1, 3, 8, 8), 0.25) * hole
        >>> prior.guess(seen, Mask(hole), noise_variance=1e-4, generator=Generator()).image[0, 0, 3, 3].item()
        0.25
    """

    denoiser: Denoiser
    settings: SplittingSettings = field(default_factory=SplittingSettings)

    @torch.no_grad()
    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        """The denoiser's last picture, without spread; see `Prior.guess`. Nothing is random.

        Raises:
            ImageError: when the denoiser changes the shape.
            MethodError: when conjugate gradients do not converge.
        """
        data = heard(observed, operator)
        image = first_picture(data, operator)
        first, last = self.settings.first_deviation, self.settings.last_deviation
        for turn in range(self.settings.steps):
            share = turn / max(1, self.settings.steps - 1)
            deviation = first ** (1 - share) * last**share
            held = data_step(image, data, operator, variance=deviation**2, noise_variance=noise_variance)
            image = self.denoiser(held)
            if image.shape != held.shape:
                shapes = f"{tuple(image.shape)} for {tuple(held.shape)}"
                raise ImageError(f"Expected a denoiser that keeps the shape, got {shapes}: pad and crop around it.")
        return Guess(image)


def data_step(
    image: Tensor, observed: Tensor, operator: LinearOperator, *, variance: float, noise_variance: Variance
) -> Tensor:
    """The picture that is best where z is off by the variance t^2 and the data by s^2, in the dtype of `image`.

        x = z + A' (A A' + s^2 / t^2)^-1 (y - A z)

    Args:
        image: z, `(B, 3, H, W)`.
        observed: y, zero where it depends on no pixel.
        operator: A.
        variance: t^2.
        noise_variance: s^2, at least 0.

    Raises:
        ConfigurationError: when the noise is negative.
        MethodError: when conjugate gradients do not converge.
    """
    exact = image.double()
    left = observed.double() - operator.forward(exact)
    ratio = torch.as_tensor(noise_variance).to(left) / variance
    if not bool((ratio >= 0).all()):
        raise ConfigurationError("Expected noise_variance of at least 0, got less: give a squared deviation.")
    if isinstance(operator, SeparateOperator):
        total = operator.squared_forward(torch.ones_like(exact)) + ratio
        solved = left / torch.where(total > 0, total, 1)
    else:
        ratio = ratio.clamp_min(_LEAST_NOISE / variance)
        solution = conjugate_gradients(
            lambda values: operator.forward(operator.adjoint(values)) + ratio * values, left, tolerance=_RESIDUAL
        )
        if bool((solution.residual > _RESIDUAL).any()):
            raise MethodError(
                f"Expected conjugate gradients to reach a residual of {_RESIDUAL}, got "
                f"{solution.residual.max().item():.1g}: give a larger noise_variance or smaller deviations."
            )
        solved = solution.values
    return (exact + operator.adjoint(solved)).to(image)


def first_picture(observed: Tensor, operator: LinearOperator) -> Tensor:
    """What an observation looks like as a picture, to start from, `(B, 3, H, W)`.

    mask        the hole is filled, see `harmonic_fill`
    luma        grey, three equal colours
    other operators with a closed form      their pseudo-inverse
    other operators     their adjoint, since the pseudo-inverse of a blur is all noise
    """
    if isinstance(operator, Mask):
        return harmonic_fill(observed, operator.known)
    if isinstance(operator, Luma):
        return check_image(observed.expand(-1, 3, -1, -1), "observed")
    if isinstance(operator, SeparateOperator):
        return operator.pseudo_inverse(observed)
    return operator.adjoint(observed)
