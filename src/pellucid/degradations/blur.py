"""Blur: Gaussian (also anisotropic), motion along a line, and defocus by a disc."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, chance, uniform
from pellucid.errors import ConfigurationError


def filter_by_kernels(image: Tensor, kernels: Tensor) -> Tensor:
    """Every sample filtered by its own kernel, all channels alike, the border replicated.

    Args:
        image: `(B, C, H, W)`.
        kernels: `(B, K, K)`, K odd, each summing to one.

    Returns:
        `(B, C, H, W)`.
    """
    batch, channels, height, width = image.shape
    size = kernels.shape[-1]
    padded = F.pad(image, [size // 2] * 4, mode="replicate")
    weight = kernels.to(image.dtype).repeat_interleave(channels, dim=0).unsqueeze(1)  # (B·C, 1, K, K)
    stacked = padded.reshape(1, batch * channels, *padded.shape[-2:])
    return F.conv2d(stacked, weight, groups=batch * channels).view(batch, channels, height, width)


def _grid(radius: int, like: Tensor) -> tuple[Tensor, Tensor]:
    axis = torch.arange(-radius, radius + 1, dtype=torch.float32, device=like.device)
    return axis.view(1, -1, 1), axis.view(1, 1, -1)  # rows, columns


def rotated_coordinates(radius: int, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates along and across the direction `angle` (radians, counter-clockwise from the x axis)."""
    rows, columns = _grid(radius, angle)
    cosine, sine = torch.cos(angle).view(-1, 1, 1), torch.sin(angle).view(-1, 1, 1)
    return columns * cosine - rows * sine, columns * sine + rows * cosine


def _normalised(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


def _refuse_even(kernel_size: int) -> None:
    if kernel_size < 0 or (kernel_size and kernel_size % 2 == 0):
        raise ConfigurationError(
            f"Expected kernel_size as an odd number of pixels, such as 21, or 0 for as many as the blur needs, got "
            f"{kernel_size}: correct it."
        )


def gaussian_kernels(
    sigma: Tensor, ratio: Tensor | None = None, angle: Tensor | None = None, *, kernel_size: int = 0
) -> Tensor:
    """Gaussian kernels `(B, K, K)`, K wide enough for four standard deviations of the widest unless it is given.

    Args:
        sigma: `(B,)`, standard deviation along the main axis, pixels.
        ratio: `(B,)`, the other axis' standard deviation over `sigma`; one when absent.
        angle: `(B,)`, direction of the main axis, radians.
        kernel_size: K, an odd number; what lies outside is cut off before kernels are normalised. 0 when not given.

    Raises:
        ConfigurationError: when `kernel_size` is even but not 0.
    """
    _refuse_even(kernel_size)
    radius = kernel_size // 2 if kernel_size else max(1, math.ceil(4 * sigma.max().item()))
    ratio = torch.ones_like(sigma) if ratio is None else ratio
    along, across = rotated_coordinates(radius, torch.zeros_like(sigma) if angle is None else angle)
    width, height = sigma.view(-1, 1, 1), (sigma * ratio).view(-1, 1, 1)
    return _normalised(torch.exp(-0.5 * ((along / width) ** 2 + (across / height) ** 2)))


def line_kernels(length: Tensor, angle: Tensor, width: Tensor | None = None) -> Tensor:
    """Kernels `(B, K, K)` of straight strokes with soft ends.

    Args:
        length: `(B,)`, pixels.
        angle: `(B,)`, radians, counter-clockwise from the x axis.
        width: `(B,)`, pixels; one when absent.
    """
    width = torch.ones_like(length) if width is None else width
    radius = max(1, math.ceil((length.max().item() + width.max().item()) / 2))
    along, across = rotated_coordinates(radius, angle)
    inside = (length.view(-1, 1, 1) / 2 + 0.5 - along.abs()).clamp(0, 1)
    return _normalised(inside * (width.view(-1, 1, 1) / 2 + 0.5 - across.abs()).clamp(0, 1))


def disc_kernels(radius: Tensor) -> Tensor:
    """Kernels `(B, K, K)` of discs with an anti-aliased rim. `radius`: `(B,)`, pixels."""
    rows, columns = _grid(max(1, math.ceil(radius.max().item())), radius)
    return _normalised((radius.view(-1, 1, 1) + 0.5 - (rows**2 + columns**2).sqrt()).clamp(0, 1))


def gaussian_blur(
    image: Tensor,
    sigma: Strength,
    ratio: Strength = 1.0,
    angle: Strength = 0.0,
    *,
    kernel_size: int = 0,
    generator: Generator | None = None,
) -> Tensor:
    """Gaussian blur, isotropic when `ratio` is one.

    Args:
        image: `(B, 3, H, W)`.
        sigma: standard deviation, pixels. Zero leaves the picture as it is.
        ratio: minor over major standard deviation, in `(0, 1]`.
        angle: direction of the major axis, radians.
        kernel_size: height and width of the kernel, an odd number of pixels, to which it is cut; 0: as wide as four
            standard deviations need.
        generator: not used; here so that every degradation is called alike.

    Raises:
        ConfigurationError: when `kernel_size` is even but not 0.
    """
    spread, ratio, angle = (per_sample(value, image, 0) for value in (sigma, ratio, angle))
    return filter_by_kernels(image, gaussian_kernels(spread.clamp_min(1e-3), ratio, angle, kernel_size=kernel_size))


def motion_blur(image: Tensor, length: Strength, angle: Strength, *, generator: Generator | None = None) -> Tensor:
    """Blur along a straight line: the camera or the scene moved evenly while the shutter was open.

    Args:
        image: `(B, 3, H, W)`.
        length: of the movement, pixels; below one it hardly shows.
        angle: of the movement, radians.
        generator: not used.
    """
    return filter_by_kernels(image, line_kernels(per_sample(length, image, 0), per_sample(angle, image, 0)))


def defocus_blur(image: Tensor, radius: Strength, *, generator: Generator | None = None) -> Tensor:
    """Blur by a disc: the lens was focused elsewhere.

    Args:
        image: `(B, 3, H, W)`.
        radius: of the circle of confusion, pixels.
        generator: not used.
    """
    return filter_by_kernels(image, disc_kernels(per_sample(radius, image, 0)))


@dataclass(frozen=True)
class GaussianBlur:
    """Parameters of `gaussian_blur`."""

    name: ClassVar[str] = "gaussian-blur"
    function = staticmethod(gaussian_blur)

    sigma: float
    ratio: float = 1.0
    angle: float = 0.0
    kernel_size: int = 0

    def __post_init__(self) -> None:
        _refuse_even(self.kernel_size)

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "GaussianBlur":
        """Sigma from 0.3 to 4 pixels, a third of the draws anisotropic."""
        ratio = uniform(0.4, 1.0, generator) if chance(1 / 3, generator) else 1.0
        return cls(between(0.3, 4.0, severity), ratio, uniform(0, math.pi, generator))


@dataclass(frozen=True)
class MotionBlur:
    """Parameters of `motion_blur`."""

    name: ClassVar[str] = "motion-blur"
    function = staticmethod(motion_blur)

    length: float
    angle: float

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "MotionBlur":
        """Length from 2 to 25 pixels, any direction."""
        return cls(between(2.0, 25.0, severity), uniform(0, math.pi, generator))


@dataclass(frozen=True)
class DefocusBlur:
    """Parameters of `defocus_blur`."""

    name: ClassVar[str] = "defocus-blur"
    function = staticmethod(defocus_blur)

    radius: float

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "DefocusBlur":
        """Radius from 0.5 to 6 pixels."""
        return cls(between(0.5, 6.0, severity))
