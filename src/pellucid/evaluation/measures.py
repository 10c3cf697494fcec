"""How near a restored picture is to the clean one: PSNR, and SSIM in the two variants that papers mean by the name.

Published figures of one method differ by a decibel or more with the colour they were taken in, and by several
hundredths of SSIM with the window. So nothing is implied here: the colour, the border and the variant are named.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.contract import check_image

MeasuredColor = Literal["rgb", "y", "grey"]
SsimVariant = Literal["skimage-7x7", "gaussian-11x11"]

SSIM_VARIANTS: tuple[SsimVariant, ...] = ("skimage-7x7", "gaussian-11x11")

LARGEST_PSNR = 100.0
"""What two identical pictures score, in dB: an error of 1e-5, below the step of 16 bits. Keeps means finite."""

_K1, _K2 = 0.01, 0.03


def measured_channels(image: Tensor, color: MeasuredColor) -> Tensor:
    """The channels that are compared.

        rgb    the three channels as they are
        y      (16 + 65.481 R + 128.553 G + 24.966 B) / 255, BT.601 in its limited range, not rounded
        grey   the mean of the three channels, for sets that are grey and models that are not

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        color: which.

    Returns:
        `(B, 3, H, W)` for rgb, else `(B, 1, H, W)`; float64.
    """
    image = check_image(image).double()
    if color == "rgb":
        return image
    if color == "y":
        weights = torch.tensor([65.481, 128.553, 24.966], dtype=image.dtype, device=image.device) / 255
        return (image * weights.view(1, 3, 1, 1)).sum(1, keepdim=True) + 16 / 255
    if color == "grey":
        return image.mean(1, keepdim=True)
    raise ConfigurationError(f"Expected the measured colour as rgb, y or grey, got {color!r}: choose one of them.")


def rounded_to_8_bits(image: Tensor) -> Tensor:
    """`image` as an 8-bit file would hold it: clamped to `[0, 1]` and rounded to multiples of 1/255."""
    return (image.clamp(0, 1) * 255).round() / 255


def psnr(
    restored: Tensor, clean: Tensor, *, color: MeasuredColor = "rgb", crop: int = 0, rounded: bool = False
) -> Tensor:
    """Peak signal-to-noise ratio of every picture of a batch, in dB.

        PSNR = -10 log10(MSE),   MSE over all pixels and channels of one picture jointly, peak 1

    Identical pictures score `LARGEST_PSNR`, and nothing scores more.

    Args:
        restored: `(B, 3, H, W)`; values outside `[0, 1]` count as they are unless `rounded`.
        clean: the same shape.
        color: what is compared, see `measured_channels`.
        crop: pixels left out along every border.
        rounded: clamp `restored` to `[0, 1]` and round it to 8 bits first.

    Returns:
        `(B,)`, float64.

    Raises:
        ImageError: when the shapes differ or nothing is left inside the border.

    Example:
        >>> import torch
        >>> clean = torch.full((1, 3, 8, 8), 0.5)
        >>> round(psnr(clean + 0.1, clean).item(), 4)
        20.0
    """
    restored, clean = _compared(restored, clean, color, crop, rounded)
    error = (restored - clean).square().flatten(1).mean(1)
    return (-10 * torch.log10(error)).clamp(max=LARGEST_PSNR)


def ssim(
    restored: Tensor,
    clean: Tensor,
    *,
    variant: SsimVariant,
    color: MeasuredColor = "rgb",
    crop: int = 0,
    rounded: bool = False,
) -> Tensor:
    """Structural similarity of every picture of a batch.

        SSIM = mean of (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x^2 + m_y^2 + C1) (s_x^2 + s_y^2 + C2))

    over positions and channels, C1 = 0.01^2 and C2 = 0.03^2. Means, variances and covariances are taken in a window
    around each position; only windows that lie inside the picture count.

        skimage-7x7      uniform 7x7 window, sample covariance (N - 1): scikit-image's default, AdaIR, Perceive-IR
        gaussian-11x11   Gaussian 11x11 window of standard deviation 1.5: Wang et al., MATLAB, BasicSR, DIL

    Args:
        restored: `(B, 3, H, W)`.
        clean: the same shape.
        variant: which window.
        color: what is compared, see `measured_channels`.
        crop: pixels left out along every border.
        rounded: clamp `restored` to `[0, 1]` and round it to 8 bits first.

    Returns:
        `(B,)`, float64.

    Raises:
        ImageError: when the shapes differ or the picture is smaller than the window.

    Source:
        Wang et al., "Image quality assessment: from error visibility to structural similarity", TIP 2004, Eq. 13.

    Example:
        >>> import torch
        >>> picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> round(ssim(picture, picture, variant="gaussian-11x11").item(), 6)
        1.0
    """
    if variant not in SSIM_VARIANTS:
        raise ConfigurationError(f"Expected the SSIM variant as one of {', '.join(SSIM_VARIANTS)}, got {variant!r}.")
    x, y = _compared(restored, clean, color, crop, rounded)
    # Variances are differences of near numbers; around the middle of the range float32 keeps them to about 1e-8.
    x, y = x.float() - 0.5, y.float() - 0.5
    maps = _windowed(torch.cat([x, y, x * x, y * y, x * y], dim=1), variant)
    mean_x, mean_y, square_x, square_y, product = maps.chunk(5, dim=1)
    correction = 49 / 48 if variant == "skimage-7x7" else 1.0
    covariance = correction * (product - mean_x * mean_y)
    variances = correction * (square_x + square_y - mean_x**2 - mean_y**2)
    mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
    likeness = (2 * mean_x * mean_y + _K1**2) * (2 * covariance + _K2**2)
    likeness /= (mean_x**2 + mean_y**2 + _K1**2) * (variances + _K2**2)
    return likeness.flatten(1).mean(1, dtype=torch.float64)


def area_under_ab_curve(restored: Tensor, clean: Tensor) -> Tensor:
    """Colourfulness kept, in percent: the area under the curve of pixels whose colour error is at most t (AuC).

        AuC = mean over t = 0, 1, ..., 149 of the share of pixels with |ab(restored) - ab(clean)| <= t, times 100

    Lightness is left out; a grey picture of an ordinary room scores about 88, so small differences matter.

    Args:
        restored: `(B, 3, H, W)`, sRGB in `[0, 1]`.
        clean: the same shape.

    Returns:
        `(B,)`, float64.

    Source:
        Zhang et al., "Colorful image colorization", ECCV 2016; as BIGPrior measures it (CIE76, D65).
    """
    restored, clean = _compared(restored, clean, "rgb", 0, False)
    distance = (_ab(restored) - _ab(clean)).square().sum(1).sqrt().flatten(1)  # (B, H·W)
    # A pixel with distance d counts for every whole threshold from ceil(d) to 149.
    return ((150 - distance.ceil()).clamp(min=0) / 150).mean(1) * 100


def _compared(restored: Tensor, clean: Tensor, color: MeasuredColor, crop: int, rounded: bool) -> tuple[Tensor, Tensor]:
    if restored.shape != clean.shape:
        sizes = f"{tuple(restored.shape)} and {tuple(clean.shape)}"
        raise ImageError(f"Expected a restored picture of the clean picture's shape, got {sizes}: crop or pad first.")
    if min(restored.shape[-2:]) <= 2 * crop:
        raise ImageError(f"Expected a picture larger than its border of {crop}, got {tuple(restored.shape)}.")
    restored = rounded_to_8_bits(restored) if rounded else restored
    rows, columns = slice(crop, restored.shape[-2] - crop), slice(crop, restored.shape[-1] - crop)
    return (
        measured_channels(restored[..., rows, columns], color),
        measured_channels(clean[..., rows, columns].to(restored.device), color),
    )


def _windowed(maps: Tensor, variant: SsimVariant) -> Tensor:
    """Weighted means in the variant's window at every position where it lies inside."""
    if variant == "skimage-7x7":
        line = torch.ones(7, device=maps.device)
    else:
        line = torch.exp(-0.5 * (torch.arange(-5, 6, device=maps.device) / 1.5) ** 2)
    size, channels = len(line), maps.shape[1]
    if min(maps.shape[-2:]) < size:
        shape = tuple(maps.shape[-2:])
        raise ImageError(f"Expected a picture of at least {size}x{size} pixels for this SSIM, got {shape}.")
    line = (line / line.sum()).view(1, 1, -1).expand(channels, 1, -1)
    return F.conv2d(F.conv2d(maps, line.unsqueeze(-1), groups=channels), line.unsqueeze(-2), groups=channels)


def _ab(image: Tensor) -> Tensor:
    """The a and b channels of CIE Lab under D65 (2 degrees), `(B, 2, H, W)`, of an sRGB picture."""
    linear = torch.where(image > 0.04045, ((image + 0.055) / 1.055).clamp(min=0) ** 2.4, image / 12.92)
    to_xyz = torch.tensor(
        [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
        dtype=image.dtype,
        device=image.device,
    )
    white = torch.tensor([0.95047, 1.0, 1.08883], dtype=image.dtype, device=image.device)
    relative = torch.einsum("rc,bchw->brhw", to_xyz / white.view(3, 1), linear)
    curve = torch.where(relative > 0.008856, relative.clamp(min=0) ** (1 / 3), 7.787 * relative + 16 / 116)
    return torch.stack([500 * (curve[:, 0] - curve[:, 1]), 200 * (curve[:, 1] - curve[:, 2])], dim=1)
