"""Only the brightness is observed: colorization."""

from dataclasses import dataclass

from torch import Tensor

from pellucid.degradations.grayscale import LUMA

_WEIGHTS_SQUARED = sum(weight**2 for weight in LUMA)


@dataclass(frozen=True)
class Luma:
    """The luma of BT.601: `A x = w' x = 0.299 R + 0.587 G + 0.114 B`, `(B, 3, H, W)` to `(B, 1, H, W)`.

    Example:
        >>> import torch
        >>> grey = Luma().forward(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1))
        >>> Luma().pseudo_inverse(grey).flatten()
        tensor([0.2000, 0.3927, 0.0763])
    """

    def forward(self, image: Tensor) -> Tensor:
        """`w' x`."""
        return (image * _column(image)).sum(dim=1, keepdim=True)

    def adjoint(self, observed: Tensor) -> Tensor:
        """`w y`."""
        return observed * _column(observed)

    def pseudo_inverse(self, observed: Tensor) -> Tensor:
        """`w y / |w|^2`: the shortest colour with that luma, which is not grey."""
        return self.adjoint(observed) / _WEIGHTS_SQUARED

    def squared_forward(self, variance: Tensor) -> Tensor:
        """`(w o w)' t`."""
        return (variance * _column(variance) ** 2).sum(dim=1, keepdim=True)

    def squared_adjoint(self, values: Tensor) -> Tensor:
        """`(w o w) v`."""
        return values * _column(values) ** 2


def _column(like: Tensor) -> Tensor:
    return like.new_tensor(LUMA).view(1, 3, 1, 1)
