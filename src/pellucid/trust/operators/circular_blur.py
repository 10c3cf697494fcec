"""Every pixel is observed as a weighted mean of its neighbours: deblurring."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError


@dataclass(frozen=True, eq=False)
class CircularBlur:
    """A filter whose window wraps around the borders, all channels alike, by Fourier transforms.

        y[p] = sum_d  kernel[d] x[p + d],   d = 0 in the kernel's middle;   in frequencies  Y = H X

    The orientation is that of `pellucid.degradations.blur.filter_by_kernels`, whose kernels it takes; that function
    replicates the border, so that the two agree inside it. Neighbours share pixels: it has no closed form of fusion.

    Args:
        kernel: `(K, K)`, or one per sample, `(B, K, K)`; K odd.
        cutoff: frequencies with `|H|` of at most this share of the largest are lost for `pseudo_inverse`. A photograph
            in 8 bits says little about frequencies below 0.01.

    Raises:
        ConfigurationError: when the kernel is not square or K is even.

    Example:
        >>> line = CircularBlur(torch.tensor([[0.0, 0, 0], [0.25, 0.5, 0.25], [0, 0, 0]]))
        >>> [round(value, 4) for value in line.forward(torch.tensor([[[[1.0, 0, 0]]]])).flatten().tolist()]
        [0.5, 0.25, 0.25]
    """

    kernel: Tensor
    cutoff: float = 1e-6

    def __post_init__(self) -> None:
        shape = tuple(self.kernel.shape)
        if len(shape) not in (2, 3) or shape[-1] != shape[-2] or shape[-1] % 2 == 0:
            raise ConfigurationError(
                f"Expected the kernel of a blur as a tensor (K, K) or (B, K, K), K odd, got {shape}: pad it with zeros."
            )

    def transfer(self, like: Tensor) -> Tensor:
        """H at the frequencies of `torch.fft.rfft2` of a picture like `like`, `(B, 1, H, W // 2 + 1)`, complex."""
        height, width = like.shape[-2:]
        kernels = self.kernel.to(like).reshape(-1, 1, *self.kernel.shape[-2:])
        size = kernels.shape[-1]
        offsets = torch.arange(size, device=like.device) - size // 2
        # Accumulated, because a kernel larger than the picture wraps around more than once.
        canvas = kernels.new_zeros(len(kernels), 1, height, size)
        canvas = canvas.index_add(2, offsets % height, kernels)
        canvas = canvas.new_zeros(len(kernels), 1, height, width).index_add(3, offsets % width, canvas)
        # The conjugate, because `x[p + d]` looks ahead where a convolution looks back.
        return torch.fft.rfft2(canvas).conj()

    def forward(self, image: Tensor) -> Tensor:
        """`H X`."""
        return _filtered(image, self.transfer(image))

    def adjoint(self, observed: Tensor) -> Tensor:
        """`conj(H) Y`."""
        return _filtered(observed, self.transfer(observed).conj())

    def pseudo_inverse(self, observed: Tensor) -> Tensor:
        """`Y / H`, zero at lost frequencies."""
        transfer = self.transfer(observed)
        strength = transfer.abs()
        is_kept = strength > self.cutoff * strength.amax(dim=(2, 3), keepdim=True)
        return _filtered(observed, torch.where(is_kept, 1 / torch.where(is_kept, transfer, 1), 0))


def _filtered(image: Tensor, transfer: Tensor) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(image) * transfer, s=image.shape[-2:])
