"""What a prior is: it guesses at a picture from what was observed of it, and may say how sure it is."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator, SeparateOperator


@dataclass(frozen=True)
class Guess:
    """What a prior takes the picture for.

    Attributes:
        image: G, `(B, 3, H, W)`, nominally in `[0, 1]`.
        spread: variance of each pixel over samples, restarts or the posterior, same shape; `None` where the prior
            cannot tell. It is seldom as large as the squared error: calibrate it on pictures that are known.
    """

    image: Tensor
    spread: Tensor | None = None


@runtime_checkable
class Prior(Protocol):
    """Whatever can guess at a picture; a plain class with this method will do."""

    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        """The picture that the prior takes `y = A x + n` for.

        The guess has seen y: fusing it with y once more counts the data twice, unless its variance is that of its error
        on pictures that are known.

        Args:
            observed: y, of the shape of `operator.forward` of a picture.
            operator: A.
            noise_variance: of n, at least 0; a number or a tensor that broadcasts to `observed`.
            generator: of everything random, on the device of `observed`.
        """
        ...


@runtime_checkable
class ImageGenerator(Protocol):
    """A frozen network from codes to pictures, differentiable by the code."""

    latent_size: int
    """Numbers in a code; they are drawn from N(0, I)."""

    def __call__(self, latent: Tensor) -> Tensor:
        """`(B, latent_size)` to `(B, 3, H, W)` in `[0, 1]`, every sample on its own."""
        ...


@runtime_checkable
class SplitGenerator(ImageGenerator, Protocol):
    """A generator that can be split at some layers, so that the features of several codes can be mixed there."""

    def before(self, latent: Tensor, layer: int) -> Tensor:
        """The features at a layer, `(B, C, h, w)`."""
        ...

    def after(self, features: Tensor, layer: int) -> Tensor:
        """The picture: `after(before(z, layer), layer) = G(z)`."""
        ...


def heard(observed: Tensor, operator: LinearOperator) -> Tensor:
    """The observation, with zeros where it depends on no pixel: whatever stands in a hole, NaN too, is left out.

    Example:
        >>> from pellucid.trust.operators.mask import Mask
        >>> heard(torch.full((1, 3, 1, 2), float("nan")), Mask(torch.zeros(1, 1, 1, 2)))[0, 0]
        tensor([[0., 0.]])
    """
    if not isinstance(operator, SeparateOperator):
        return observed
    like = operator.adjoint(torch.zeros_like(observed))
    return torch.where(operator.squared_forward(torch.ones_like(like)) > 0, observed, 0)
