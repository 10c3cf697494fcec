"""Colours for a grey picture: chosen from a small view of it, with the help of a network that knows things."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.degradations.grayscale import LUMA
from pellucid.images.overview import Views, spread
from pellucid.networks.initial_weights import set_initial_weights
from pellucid.networks.mobilenet_v2 import TAPS, MobileNetV2
from pellucid.weights.bundled import bundled_file

SIDE = 256
"""Pixels along the longest side of what is looked at, at most."""

MULTIPLE = 32
"""Sides of what is looked at are multiples of it."""

CELL = 8
"""Pixels of that along a side of a cell of coefficients."""


class Colorizer(nn.Module):
    """A grey picture with colours, `(B, 3, H, W)` to the same; its luma is kept, and only its luma is looked at.

        R - y = (a_1 y + b_1),   B - y = (a_2 y + b_2),   y = 0.299 R + 0.587 G + 0.114 B

    G follows from y. a and b are maps, an eighth as large as the view and interpolated, so that colours change where
    brightness does, and a large picture costs what a small one does. Where a colour would leave `[0, 1]` its distance
    from grey is shortened until it does not.

    Args:
        width: channels of the layer between the classifier's features and the maps.
        dropout: share of the features that are left out in training, at random: few photographs teach a lot by heart.

    Source:
        Features of a classifier, several depths of which are joined per pixel: "hypercolumns" of Larsson et al.,
        "Learning Representations for Automatic Colorization", ECCV 2016; coefficients from a small view applied at full
        size: Gharbi et al., "Deep Bilateral Learning for Real-Time Image Enhancement", SIGGRAPH 2017. Differs: the
        classifier is frozen, and the expected colour is learned in place of a distribution of colours.
    """

    size_multiple = 1
    receptive_radius = 0
    needs_context = True
    bytes_per_pixel = 120.0
    in_float32 = ("trunk", "joins", "everything", "coefficients")

    def __init__(self, width: int = 64, dropout: float = 0.5):
        super().__init__()
        self.trunk = MobileNetV2(bundled_file("mobilenet-v2.npz"))
        channels = list(TAPS.values())
        self.joins = nn.ModuleList(nn.Conv2d(own, width, 1, bias=False) for own in channels)
        self.everything = nn.Linear(channels[-1] + 1, width)
        self.coefficients = nn.Conv2d(width, 4, 1)
        self.dropout = nn.Dropout(dropout)
        set_initial_weights(self)
        with torch.no_grad():  # a new network leaves everything grey
            self.coefficients.weight.zero_()
            assert self.coefficients.bias is not None
            self.coefficients.bias.zero_()

    def choose(self, picture: Tensor) -> Tensor:
        """The maps a and b of whole pictures, `(B, 3, h, w)` of any size to `(B, 4, h', w')`, float32."""
        grey = luma(picture.float().clamp(0, 1))
        height, width = (_viewed(side, max(grey.shape[-2:])) for side in grey.shape[-2:])
        view = F.interpolate(grey, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
        cells = (height // CELL, width // CELL)
        with torch.autocast(view.device.type, enabled=False):
            with torch.no_grad():
                seen = [_normalised(tap) for tap in self.trunk(view.expand(-1, 3, -1, -1).contiguous())]
            whole = torch.cat([seen[-1].mean(dim=(2, 3)), view.mean(dim=(2, 3))], dim=1)
            features = self.everything(self.dropout(whole))[..., None, None]
            for tap, join in zip(seen, self.joins, strict=True):
                own = F.adaptive_avg_pool2d(tap, cells) if tap.shape[-2] > cells[0] else tap
                features = features + F.interpolate(
                    join(self.dropout(own)), size=cells, mode="bilinear", align_corners=False
                )
            return self.coefficients(self.dropout(features.relu()))

    def context(self, views: Views) -> Tensor:
        """The maps of whole pictures; details are not looked at."""
        return self.choose(views.overview)

    def taken_for(self, context: Tensor | None) -> str:
        """Always the same: it has one task."""
        return "grey"

    def forward(self, image: Tensor, context: Tensor | None = None) -> Tensor:
        """The picture in colours.

        Args:
            image: a picture, or a part of one.
            context: the maps of the picture at the pixels of `image`, `(B, 4, H, W)`; chosen from `image` when absent.
        """
        if context is None:
            context = spread(self.choose(image), (image.shape[-2], image.shape[-1]))
        grey = luma(image)
        red, blue = context[:, 0:1] * grey + context[:, 1:2], context[:, 2:3] * grey + context[:, 3:4]
        green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
        return within_range(grey, torch.cat([red, green, blue], dim=1))


def luma(image: Tensor) -> Tensor:
    """`(B, 3, H, W)` to `(B, 1, H, W)`, ITU-R BT.601."""
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _normalised(features: Tensor) -> Tensor:
    """Each cell's features at mean 0 and variance 1: their sizes differ by depth."""
    return F.layer_norm(features.movedim(1, -1), features.shape[1:2]).movedim(-1, 1)


def within_range(grey: Tensor, away: Tensor) -> Tensor:
    """`grey + f away` with the largest f of `[0, 1]` that keeps it in `[0, 1]`, per pixel.

    Args:
        grey: `(B, 1, H, W)`; where it is itself out of range there is no colour.
        away: `(B, 3, H, W)`, of luma 0.
    """
    room = torch.where(away > 0, 1 - grey, grey).clamp_min(0)
    share = torch.where(away.abs() > room, room / away.abs().clamp_min(1e-12), 1).amin(dim=1, keepdim=True)
    return grey + share * away


def _viewed(side: int, longest: int) -> int:
    """How long a side is looked at, pixels."""
    return max(MULTIPLE, round(side * min(1, SIDE / longest) / MULTIPLE) * MULTIPLE)
