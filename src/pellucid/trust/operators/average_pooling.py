"""Blocks of pixels are observed as their mean: super-resolution."""

from dataclasses import dataclass

from torch import Tensor

from pellucid.errors import ConfigurationError, ImageError


@dataclass(frozen=True)
class AveragePooling:
    """The mean of every block of `factor x factor` pixels, `(B, 3, H, W)` to `(B, 3, H / factor, W / factor)`.

    Args:
        factor: pixels along a block's side.

    Raises:
        ConfigurationError: when `factor` is below one.

    Example:
        >>> import torch
        >>> AveragePooling(2).forward(torch.arange(4.0).view(1, 1, 2, 2)).item()
        1.5
    """

    factor: int

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ConfigurationError(f"Expected factor as a whole number of at least 1, got {self.factor}: correct it.")

    def forward(self, image: Tensor) -> Tensor:
        """The mean of every block.

        Raises:
            ImageError: when the picture is not made of whole blocks.
        """
        height, width = image.shape[-2:]
        if height % self.factor or width % self.factor:
            raise ImageError(
                f"Expected a picture whose sides are multiples of {self.factor}, got {height}x{width}: crop or pad it."
            )
        return image.unflatten(-2, (-1, self.factor)).unflatten(-1, (-1, self.factor)).mean(dim=(-3, -1))

    def adjoint(self, observed: Tensor) -> Tensor:
        """Every value spread over its block, divided by `factor^2`."""
        return self.pseudo_inverse(observed) / self.factor**2

    def pseudo_inverse(self, observed: Tensor) -> Tensor:
        """Every value repeated over its block."""
        return observed.repeat_interleave(self.factor, dim=-2).repeat_interleave(self.factor, dim=-1)

    def squared_forward(self, variance: Tensor) -> Tensor:
        """The variance of a block's mean: the mean variance, divided by `factor^2`."""
        return self.forward(variance) / self.factor**2

    def squared_adjoint(self, values: Tensor) -> Tensor:
        """Every value spread over its block, divided by `factor^4`."""
        return self.pseudo_inverse(values) / self.factor**4
