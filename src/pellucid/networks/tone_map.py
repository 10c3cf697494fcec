"""A wrong exposure, undone by curves that vary slowly over the picture and are chosen from all of it.

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

    a, b, c, d are maps of `GRID` x `GRID` cells per colour, interpolated; all are zero in a new network. It says how
    a picture would have to be changed, not whether: asked both at once, a network takes the mean of what is possible,
    which for nearly every picture is to do nothing (notebook).

    Args:
        width: channels of the network that chooses.

    Source:
        Coefficients from a small view applied at full size: Gharbi et al., "Deep Bilateral Learning for Real-Time Image
        Enhancement", SIGGRAPH 2017. Differs: curves of the colour's own value in place of a third dimension of the
        grid, and no mixing of colours.
    """

    size_multiple = 1
    receptive_radius = 0
    in_float32 = ("down", "here", "everywhere", "mixed", "coefficients")

    def __init__(self, width: int = 48):
        super().__init__()
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

    def context(self, views: Views) -> Tensor:
        """The coefficients of a whole picture; a grey one has one curve for its three channels.

        Details are not looked at.
        """
        picture = views.overview
        by_colour = self.choose(picture).unflatten(1, (4, 3))
        is_grey = ((picture.amax(dim=1) - picture.amin(dim=1)).amax(dim=(1, 2)) < 1e-3).view(-1, 1, 1, 1, 1)
        return torch.where(is_grey, by_colour.mean(dim=2, keepdim=True), by_colour).flatten(1, 2)

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
