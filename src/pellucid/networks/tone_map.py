"""Exposure and air light, undone by curves that vary slowly over the picture and are chosen from all of it.

How bright a picture should be is a fact about the whole picture that no network with a bounded view can see. So it is
decided once, from an overview; a tile gets its part of the decision.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.images.overview import Views, spread

THUMBNAIL = 64
"""Height and width, in cells, that an overview is averaged down to."""

GRID = THUMBNAIL // 4
"""Height and width of the map of coefficients, in cells."""

_SOFT = 1e-3  # keeps the slope of the square root finite at black, where there is nothing but noise


class ToneMap(nn.Module):
    """The picture through one curve per colour and place, chosen from the whole of it.

        out = x + a + b x + c x^2 + d (sqrt(x + s) - sqrt(s)),   s = 0.001

    a, b, c, d are maps of `GRID` x `GRID` cells per colour, interpolated. b and a undo haze, `x = (y - A (1 - t)) / t`,
    where depth changes slowly; c and d undo a dark exposure and its curve. All are zero in a new network.

    Args:
        width: channels of the network that chooses.
        smallest_change: mean change of a picture, in `[0, 1]`, up to which `context` leaves it alone: when it would
            become brighter, and when darker. What needs nothing is more often taken for hazy than for dark.

    Source:
        Coefficients from a small view applied at full size: Gharbi et al., "Deep Bilateral Learning for Real-Time Image
        Enhancement", SIGGRAPH 2017. Differs: curves of the colour's own value in place of a third dimension of the
        grid, no mixing of colours, and a threshold below which nothing is done.
    """

    size_multiple = 1
    receptive_radius = 0
    in_float32 = ("down", "here", "everywhere", "mixed", "coefficients")

    def __init__(self, width: int = 48, smallest_change: tuple[float, float] = (0.0, 0.0)):
        super().__init__()
        self.smallest_change = (smallest_change[0], smallest_change[1])
        self.down = nn.Sequential(
            nn.Conv2d(6, width // 2, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.here = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=2, dilation=2), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=4, dilation=4), nn.ReLU(),
        )  # fmt: skip
        self.everywhere = nn.Sequential(
            nn.Linear(2 * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width), nn.ReLU()
        )
        self.mixed = nn.Sequential(nn.Conv2d(2 * width, width, 1), nn.ReLU())
        self.coefficients = nn.Conv2d(width, 12, 1)
        nn.init.zeros_(self.coefficients.weight)
        nn.init.zeros_(self.coefficients.bias)  # pyright: ignore[reportArgumentType]

    def choose(self, picture: Tensor) -> Tensor:
        """The coefficients of a whole picture, `(B, 3, h, w)` of any size to `(B, 12, GRID, GRID)`, float32."""
        small = thumbnail(picture)
        seen = torch.cat([small, small.sqrt()], dim=1).to(self.coefficients.weight.dtype)
        features = self.down(seen)
        summary = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        wide = self.everywhere(summary)[..., None, None].expand(-1, -1, GRID, GRID)
        return self.coefficients(self.mixed(torch.cat([self.here(features), wide], dim=1))).float()

    def change(self, picture: Tensor, coefficients: Tensor) -> Tensor:
        """How much they would change a whole picture, mean of the absolute values, negative when darker: `(B,)`."""
        small = thumbnail(picture)
        toned = self.apply_curves(small, spread(coefficients, (THUMBNAIL, THUMBNAIL)))
        change = toned.clamp(0, 1) - small
        return change.abs().mean(dim=(1, 2, 3)) * change.mean(dim=(1, 2, 3)).sign()

    def context(self, views: Views) -> Tensor:
        """The coefficients of a whole picture, all zero when they would change it by less than `smallest_change`.

        A grey picture has one curve for its three channels. Details are not looked at.
        """
        picture = views.overview
        by_colour = self.choose(picture).unflatten(1, (4, 3))
        is_grey = ((picture.amax(dim=1) - picture.amin(dim=1)).amax(dim=(1, 2)) < 1e-3).view(-1, 1, 1, 1, 1)
        chosen = torch.where(is_grey, by_colour.mean(dim=2, keepdim=True), by_colour).flatten(1, 2)
        change, (brighter, darker) = self.change(picture, chosen), self.smallest_change
        is_needed = (change > brighter) | (change < -darker)
        return torch.where(is_needed.view(-1, 1, 1, 1), chosen, 0.0)

    @staticmethod
    def apply_curves(image: Tensor, coefficients: Tensor) -> Tensor:
        """`(B, 3, H, W)` through the curves of each pixel, `(B, 12, H, W)`."""
        constant, linear, square, root = coefficients.chunk(4, dim=1)
        bent = (image.clamp_min(0) + _SOFT).sqrt() - _SOFT**0.5
        return image + constant + linear * image + square * image.square() + root * bent

    def forward(self, image: Tensor, context: Tensor | None = None) -> Tensor:
        """`(B, 3, H, W)` to the same.

        Args:
            image: a picture, or a part of one.
            context: of the picture, at the pixels of `image`, `(B, 12, H, W)`; chosen from `image` when absent.
        """
        if context is None:
            context = spread(self.choose(image), (image.shape[-2], image.shape[-1]))
        return self.apply_curves(image, context)


def thumbnail(picture: Tensor) -> Tensor:
    """`(B, 3, h, w)` averaged down to `THUMBNAIL` x `THUMBNAIL`, float32 in `[0, 1]`."""
    device = picture.device
    picture = picture.cpu() if device.type == "mps" else picture  # there, averaging needs sizes that divide
    return F.adaptive_avg_pool2d(picture.float().clamp(0, 1), THUMBNAIL).to(device)
