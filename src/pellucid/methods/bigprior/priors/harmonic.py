"""A hole filled without bends: the prior of those who know nothing, and hard to beat."""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.errors import ImageError, MethodError
from pellucid.images.contract import check_image
from pellucid.methods.bigprior.priors.contract import Guess
from pellucid.trust.conjugate_gradients import conjugate_gradients
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator
from pellucid.trust.operators.mask import Mask

_RESIDUAL = 1e-9
"""In float64, of the Laplacian; errors of the fill are larger by the square of the hole's width, in pixels."""

_MOST_STEPS = 20_000


def harmonic_fill(image: Tensor, known: Tensor) -> Tensor:
    """The picture with its hole filled so that every missing pixel is the mean of its neighbours.

        sum_(q next to p) (u_q - u_p) = 0   in the hole,   u = image where known

    p has four neighbours, at the picture's border fewer. No value of the fill lies outside those around the hole. Known
    pixels are returned to the bit.

    Args:
        image: `(B, 3, H, W)`; what stands in the hole is ignored.
        known: `(B, 1, H, W)` or `(1, 1, H, W)`, one where a pixel is known and zero in the hole.

    Raises:
        ImageError: when shapes do not fit, or a picture has no known pixel.
        MethodError: when conjugate gradients do not converge.

    Source:
        Laplace's equation with the five-point stencil; as a baseline for BIGPrior's inpainting in `evaluation`.

    Example:
        >>> row = torch.tensor([0.0, 9.0, 9.0, 0.6]).expand(1, 3, 1, 4)
        >>> harmonic_fill(row, torch.tensor([[[[1, 0, 0, 1]]]]))[0, 0]
        tensor([[0.0000, 0.2000, 0.4000, 0.6000]])
    """
    given = Mask(known).forward(check_image(image))
    inside = (known != 1).to(image.device).double().expand(len(image), -1, -1, -1)
    if bool(inside.flatten(1).all(1).any()):
        raise ImageError("Expected at least one known pixel in every picture, got a hole all over: give another mask.")
    count = _neighbours(torch.ones_like(inside))

    def product(filled: Tensor) -> Tensor:
        # Symmetric on the hole and positive definite, as a hole always ends at some known pixel.
        return inside * (count * filled - _neighbours(inside * filled))

    right = inside * _neighbours(given.double())
    solution = conjugate_gradients(product, right, tolerance=_RESIDUAL, most_steps=_MOST_STEPS)
    if bool((solution.residual > _RESIDUAL).any()):
        raise MethodError(
            f"Expected a fill to a residual of {_RESIDUAL}, got {solution.residual.max().item():.1g} after "
            f"{solution.steps} steps: give a smaller picture."
        )
    return torch.where(inside > 0, solution.values.to(image), given)


class Harmonic:
    """`harmonic_fill` as a `Prior`, for masks alone."""

    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        """The picture with its hole filled; known pixels keep their noise. See `Prior.guess`.

        Raises:
            MethodError: when the operator is no mask.
        """
        if not isinstance(operator, Mask):
            raise MethodError(f"Expected a mask to be filled, got {type(operator).__name__}: take another prior.")
        return Guess(harmonic_fill(observed, operator.known))


def _neighbours(values: Tensor) -> Tensor:
    """The sum over the four neighbours, those outside the picture left out."""
    padded = F.pad(values, (1, 1, 1, 1))
    return padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
