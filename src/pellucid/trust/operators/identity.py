"""Every pixel is observed: denoising."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Identity:
    """The picture itself: `A = I`."""

    def forward(self, image: Tensor) -> Tensor:
        """`x`."""
        return image

    def adjoint(self, observed: Tensor) -> Tensor:
        """`y`."""
        return observed

    def pseudo_inverse(self, observed: Tensor) -> Tensor:
        """`y`."""
        return observed

    def squared_forward(self, variance: Tensor) -> Tensor:
        """`t`."""
        return variance

    def squared_adjoint(self, values: Tensor) -> Tensor:
        """`v`."""
        return values


IDENTITY = Identity()
"""The one there is: it has no settings."""
