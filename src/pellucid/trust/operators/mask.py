"""Some pixels are observed, the others are a hole: inpainting."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError, ImageError


@dataclass(frozen=True, eq=False)
class Mask:
    """The known pixels: `A = diag(m)`. The observation keeps the picture's size; what it holds in the hole is ignored.

    Args:
        known: m, `(B, 1, H, W)` or `(1, 1, H, W)`, one where a pixel is known and zero in the hole, of any dtype. It is
            `1 - hole` of `pellucid.degradations.mask`.

    Raises:
        ImageError: when `known` has another shape.
        ConfigurationError: when it holds anything but zeros and ones.

    Example:
        >>> Mask(torch.tensor([[[[1, 0]]]])).forward(torch.full((1, 3, 1, 2), 0.5))[0, 0]
        tensor([[0.5000, 0.0000]])
    """

    known: Tensor

    def __post_init__(self) -> None:
        if self.known.ndim != 4 or self.known.shape[1] != 1:
            shape = tuple(self.known.shape)
            raise ImageError(
                f"Expected known as a tensor of shape (B, 1, H, W), got {shape}: add or move axes to match."
            )
        if not bool(((self.known == 0) | (self.known == 1)).all()):
            raise ConfigurationError(
                "Expected known to hold zeros and ones alone, got other values: compare it with 0.5."
            )

    def forward(self, image: Tensor) -> Tensor:
        """`m x`.

        Raises:
            ImageError: when picture and mask differ in size.
        """
        if image.shape[-2:] != self.known.shape[-2:]:
            sizes = f"{tuple(image.shape[-2:])} for {tuple(self.known.shape[-2:])}"
            raise ImageError(f"Expected a picture of the mask's size, got {sizes}: crop or resize one of them.")
        # Chosen, not multiplied: whatever stands in the hole of an observation, NaN too, must not come through.
        return torch.where(self.known.to(image.device) == 1, image, 0)

    def adjoint(self, observed: Tensor) -> Tensor:
        """`m y`."""
        return self.forward(observed)

    def pseudo_inverse(self, observed: Tensor) -> Tensor:
        """`m y`: the hole is black."""
        return self.forward(observed)

    def squared_forward(self, variance: Tensor) -> Tensor:
        """`m t`."""
        return self.forward(variance)

    def squared_adjoint(self, values: Tensor) -> Tensor:
        """`m v`."""
        return self.forward(values)
