"""Haze undone by the dark channel prior: a formula, with nothing to train."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.images.overview import Views
from pellucid.networks.tone_map import GRID

LONGEST_SIDE = 256
"""Of the view that haze is estimated from, pixels."""

_PATCH_RADIUS = 6
_GUIDE_RADIUS = 20
_GUIDE_SMOOTHNESS = 1e-3  # variance of the guide, of values in [0, 1], below which the map is flat
_FARTHEST = 0.002  # share of the pixels whose colour is taken for that of the air


class DarkChannel(nn.Module):
    """The picture without the light that the air scatters into it, by how bright its darkest colours are.

        x = (y - A) / max(t, least) + A,   t = 1 - share * dark(y / A)

    where `dark` is the least value of any colour in a patch: without haze hardly any patch lacks something dark or
    colourful. A, the light of the air, is the mean colour where the dark channel is brightest. t follows the edges of
    the picture: it is a linear function of the grey value at each pixel, whose coefficients vary slowly, so that they
    can be found from a small view of the whole picture and applied to any part of it.

    Args:
        share: of the haze, that is removed. A little is left, or far things look near.
        least_transmission: where less than this came through, noise and JPEG's blocks would be all that is left.

    Source:
        He, Sun, Tang, "Single Image Haze Removal Using Dark Channel Prior", TPAMI 2011 (Eq. 5, 11, 12, 22), the map
        refined by He and Sun, "Fast Guided Filter", 2015. Differs: a share of 0.9 in place of 0.95 and a least
        transmission of 0.3 in place of 0.1, for files that are JPEGs (notebook); A is the mean of the haziest pixels,
        not the brightest of them; coefficients on a grid of `GRID` cells.
    """

    size_multiple = 1
    receptive_radius = 0

    def __init__(self, share: float = 0.9, least_transmission: float = 0.3):
        super().__init__()
        self.share, self.least_transmission = share, least_transmission

    def context(self, views: Views) -> Tensor:
        """Slope and offset of the transmission, and the light of the air: `(B, 5, GRID, GRID)`, float32."""
        small = _small(views.overview)
        air = _air_light(small)
        transmission = 1 - self.share * _darkest(small / air.clamp_min(0.1))
        slope, offset = _guided(small.mean(dim=1, keepdim=True), transmission)
        grid = F.adaptive_avg_pool2d(torch.cat([slope, offset], dim=1), GRID)
        return torch.cat([grid, air.expand(-1, -1, GRID, GRID)], dim=1).to(views.overview.device)

    def forward(self, image: Tensor, context: Tensor) -> Tensor:
        """`(B, 3, H, W)` to the same; `context` at the pixels of `image`, `(B, 5, H, W)`."""
        slope, offset, air = context[:, :1], context[:, 1:2], context[:, 2:]
        transmission = slope * image.mean(dim=1, keepdim=True) + offset
        return (image - air) / transmission.clamp(self.least_transmission, 1) + air


def _small(picture: Tensor) -> Tensor:
    """Averaged down to `LONGEST_SIDE`, float32 in `[0, 1]`, on the CPU: small, and not every device averages so."""
    height, width = picture.shape[-2:]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return F.adaptive_avg_pool2d(picture.float().cpu().clamp(0, 1), size)


def _darkest(image: Tensor) -> Tensor:
    """The least value of any colour within `_PATCH_RADIUS` pixels, `(B, 3, h, w)` to `(B, 1, h, w)`."""
    least = F.pad(-image.amin(dim=1, keepdim=True), (_PATCH_RADIUS,) * 4, mode="replicate")
    return -F.max_pool2d(least, 2 * _PATCH_RADIUS + 1, stride=1)


def _air_light(small: Tensor) -> Tensor:
    """The mean colour where the dark channel is brightest, `(B, 3, 1, 1)`."""
    dark = _darkest(small).flatten(1)
    places = dark.topk(max(1, int(_FARTHEST * dark.shape[1])), dim=1).indices
    return small.flatten(2).gather(2, places[:, None].expand(-1, 3, -1)).mean(dim=2)[..., None, None]


def _mean(image: Tensor) -> Tensor:
    padded = F.pad(image, (_GUIDE_RADIUS,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * _GUIDE_RADIUS + 1, stride=1)


def _guided(guide: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset that make of the guide what follows its edges and is close to `values`, at every pixel."""
    guide_mean, value_mean = _mean(guide), _mean(values)
    variance = _mean(guide * guide) - guide_mean * guide_mean
    slope = (_mean(guide * values) - guide_mean * value_mean) / (variance + _GUIDE_SMOOTHNESS)
    return _mean(slope), _mean(value_mean - slope * guide_mean)
