"""How natural a picture looks, without a clean one to compare with: NIQE.

Papers on real rain, haze and darkness report it where there is no ground truth. It knows nothing of what was removed:
rain raises it, and so does every other loss or gain of detail.
"""

from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.errors import ImageError
from pellucid.images.contract import check_image
from pellucid.weights.bundled import bundled_file

Luma = Literal["y", "rgb2gray"]

BLOCK = 96
"""Pixels along a side of what is described at once; half as many at half the size."""

SCALES = (1, 2)
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Rows and columns from a pixel to those it is multiplied with."""

SHAPES = torch.arange(0.2, 10.0005, 0.001, dtype=torch.float64)
"""Exponents that are tried for a distribution."""


def niqe(image: Tensor, *, luma: Luma = "y") -> Tensor:
    """Distance of every picture from natural ones, `(B,)`, float64; more is worse.

    Two good photographs in the tests have 3.1 and 4.1.

        D = sqrt((m1 - m2)^T ((S1 + S2) / 2)^-1 (m1 - m2))

    with mean and covariance of 36 features over the blocks of this picture and over those of natural ones.

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`, at least 96 pixels high and wide; what is left over by blocks of 96 at the
            bottom and on the right is not looked at. Of few blocks the covariance is poor: compare pictures of a size.
        luma: `"y"` of BT.601 in its limited range, as BasicSR and most papers on restoration; `"rgb2gray"`, full
            range, as the authors' release. Either is rounded to whole levels of 255; their figures differ a little.

    Raises:
        ImageError: when `image` is not such a tensor.

    Source:
        Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer", IEEE Signal Processing
        Letters 2013; mean and covariance of natural pictures are the authors', as BasicSR gives them (NOTICE).
        Differs: a picture without any block that can be described (one colour) has no figure, NaN.
    """
    image = check_image(image).double().clamp(0, 1)
    if min(image.shape[-2:]) < BLOCK:
        raise ImageError(
            f"Expected a picture of at least {BLOCK} x {BLOCK} pixels for NIQE, got {image.shape[-1]} x "
            f"{image.shape[-2]}: take a larger one."
        )
    height, width = (side // BLOCK * BLOCK for side in image.shape[-2:])
    levels = _levels(image[..., :height, :width], luma)
    features = []
    for scale in SCALES:
        levels = levels if scale == 1 else halved(levels)
        features.append(_described(normalised(levels), BLOCK // scale))
    mean, covariance = _natural(image.device)
    return torch.stack([_distance(its, mean, covariance) for its in torch.cat(features, dim=2)])


def normalised(levels: Tensor) -> Tensor:
    """Each pixel less the mean of its 7 x 7 neighbourhood, in parts of its deviation and one level more.

        (I - mu) / (sigma + 1)

    Args:
        levels: `(B, 1, H, W)`, from 0 to 255; beyond the border its pixels are repeated.
    """
    window = torch.exp(-0.5 * (torch.arange(-3.0, 4.0, dtype=levels.dtype, device=levels.device) * 6 / 7) ** 2)
    window = window / window.sum()

    def local_mean(values: Tensor) -> Tensor:
        values = F.pad(values, (3, 3, 3, 3), mode="replicate")
        return F.conv2d(F.conv2d(values, window.view(1, 1, 1, 7)), window.view(1, 1, 7, 1))

    mean = local_mean(levels)
    deviation = (local_mean(levels.square()) - mean.square()).abs().sqrt()
    return (levels - mean) / (deviation + 1)


def halved(levels: Tensor) -> Tensor:
    """Half the height and width, `(B, C, H, W)`: bicubic with its kernel twice as wide, as MATLAB's `imresize`.

    Beyond the border the picture is mirrored, its last pixel twice.
    """
    return _halved_rows(_halved_rows(levels).transpose(2, 3)).transpose(2, 3)


def _halved_rows(levels: Tensor) -> Tensor:
    height = levels.shape[2]
    far = torch.arange(-3.5, 4, dtype=levels.dtype, device=levels.device).abs() / 2
    inner = 1.5 * far**3 - 2.5 * far**2 + 1
    outer = -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2
    weights = torch.where(far <= 1, inner, outer)
    rows = torch.arange(-(-height // 2), device=levels.device)[:, None] * 2 + torch.arange(-3, 5, device=levels.device)
    rows = rows % (2 * height)
    rows = torch.where(rows < height, rows, 2 * height - 1 - rows)
    return torch.einsum("bcrkw,k->bcrw", levels[:, :, rows], weights / weights.sum())


def asymmetric_fit(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The asymmetric generalised Gaussian distributions that samples come from, by their moments.

        p(x) = a / ((b_l + b_r) G(1/a)) exp(-(|x| / b)^a),   b = b_l for x < 0, else b_r

    Args:
        values: `(..., N)`.

    Returns:
        Shape a, and the scales b_l and b_r, `(...)` each; shape and scale are NaN where a side has no value.

    Source:
        Lasmar, Stitou and Berthoumieu, "Multiscale Skewed Heavy Tailed Model for Texture Analysis", ICIP 2009.
    """
    squares = values.square()
    left, right = (
        ((squares * side).sum(-1) / side.sum(-1)).sqrt() for side in ((values < 0).double(), (values > 0).double())
    )
    ratio = left / right
    moment = values.abs().mean(-1).square() / squares.mean(-1)
    wanted = moment * (ratio**3 + 1) * (ratio + 1) / (ratio.square() + 1).square()
    shapes = SHAPES.to(values.device)
    moments = torch.exp(2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes))
    above = torch.searchsorted(moments, wanted.nan_to_num().contiguous()).clamp(1, len(shapes) - 1)
    nearer = (wanted - moments[above - 1]).abs() <= (moments[above] - wanted).abs()
    shape = shapes[torch.where(nearer, above - 1, above)]
    scale = torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)
    return torch.where(wanted.isfinite(), shape, torch.nan), left * scale, right * scale


def _levels(image: Tensor, luma: Luma) -> Tensor:
    """Whole levels, `(B, 1, H, W)`, from 0 to 255."""
    weights, offset = ([65.481, 128.553, 24.966], 16) if luma == "y" else ([76.2195, 149.685, 29.0955], 0)
    shares = torch.tensor(weights, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return ((image * shares).sum(1, keepdim=True) + offset).round()


def _described(values: Tensor, side: int) -> Tensor:
    """18 features of every block, `(B, 1, H, W)` to `(B, blocks, 18)`."""
    blocks = values[:, 0].unfold(1, side, side).unfold(2, side, side).flatten(1, 2)
    shape, left, right = asymmetric_fit(blocks.flatten(2))
    features = [shape, (left + right) / 2]
    for neighbour in NEIGHBOURS:
        products = blocks * torch.roll(blocks, neighbour, dims=(2, 3))
        shape, left, right = asymmetric_fit(products.flatten(2))
        mean = (right - left) * torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))
        features += [shape, mean, left, right]
    return torch.stack(features, dim=2)


def _distance(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Of one picture, `(blocks, 36)`, from what is natural."""
    features = features[features.isfinite().all(dim=1)]
    if not len(features):
        return features.new_tensor(torch.nan)
    own = torch.cov(features.T) if len(features) > 1 else torch.zeros_like(covariance)
    apart = features.mean(dim=0) - mean
    return (apart @ torch.linalg.pinv((covariance + own) / 2) @ apart).sqrt()


@cache
def _natural(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean, `(36,)`, and covariance, `(36, 36)`, of natural pictures."""
    with np.load(bundled_file("niqe.npz")) as held:
        return tuple(torch.from_numpy(held[name]).to(device).squeeze(0) for name in ("mean", "covariance"))  # pyright: ignore
