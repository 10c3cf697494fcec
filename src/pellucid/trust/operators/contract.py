"""What a linear operator can do, and what makes fusion with it a closed form."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class LinearOperator(Protocol):
    """How a picture x, `(B, 3, H, W)`, is observed: `y = A x + n`.

    Results have dtype and device of what comes in; every sample of a batch is observed on its own.
    """

    def forward(self, image: Tensor) -> Tensor:
        """`A x`, the observation without noise."""
        ...

    def adjoint(self, observed: Tensor) -> Tensor:
        """`A' y`, `(B, 3, H, W)`: `<A x, y> = <x, A' y>`."""
        ...

    def pseudo_inverse(self, observed: Tensor) -> Tensor:
        """`A^+ y` of Moore and Penrose, `(B, 3, H, W)`: what the observation alone says, zero where it is silent."""
        ...


@runtime_checkable
class SeparateOperator(LinearOperator, Protocol):
    """An operator whose observations share no pixel: `A T A'` is diagonal for every diagonal `T`.

    With its entries squared, `A o A`, everything that fusion needs is a product of pictures:

        diag(A T A') = (A o A) diag(T)
    """

    def squared_forward(self, variance: Tensor) -> Tensor:
        """`(A o A) t`: the variance of `A e` when the pixels of e are independent with variances t, `(B, 3, H, W)`."""
        ...

    def squared_adjoint(self, values: Tensor) -> Tensor:
        """`(A o A)' v`, `(B, 3, H, W)`."""
        ...
