"""What a picture is like as a whole: a vector that is computed once and passed to every tile.

Exposure and air light are facts about the whole picture that no network with a bounded view can see for certain.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

THUMBNAIL = 32
"""Height and width that a picture is averaged down to, in cells."""


class GlobalContext(nn.Module):
    """A picture to a vector, `(B, 3, H, W)` of any size to `(B, width)`.

    Args:
        width: of the vector.
    """

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.mix = nn.Linear(2 * width, width)

    def forward(self, image: Tensor) -> Tensor:
        """Mean and maximum over the places of a small convolutional network on the thumbnail, mixed."""
        thumbnail = F.adaptive_avg_pool2d(image.float(), THUMBNAIL).to(self.mix.weight.dtype)
        features = self.layers(thumbnail)
        return F.relu(self.mix(torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)))


class Modulation(nn.Module):
    """Features scaled and shifted per channel as the vector says; at the start not at all.

        out = features (1 + scale(context)) + shift(context)

    Source:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018, Eq. 2.
    """

    def __init__(self, context_width: int, width: int):
        super().__init__()
        self.scale_and_shift = nn.Linear(context_width, 2 * width)
        nn.init.zeros_(self.scale_and_shift.weight)
        nn.init.zeros_(self.scale_and_shift.bias)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """`(B, width, H, W)` and `(B, context_width)` to `(B, width, H, W)`."""
        scale, shift = self.scale_and_shift(context)[..., None, None].chunk(2, dim=1)
        return features * (1 + scale) + shift


class ToneCurve(nn.Module):
    """The picture through one curve per colour, chosen by the vector; at the start the identity.

        out = x + a x + b x^2 + c

    It carries what is the same everywhere (gain, contrast, offset) in float32, and leaves the rest to the network.

    Source:
        The quadratic curves of Guo et al., "Zero-Reference Deep Curve Estimation", CVPR 2020, Eq. 1. Differs: three
        free coefficients, one curve for the whole picture.
    """

    def __init__(self, context_width: int):
        super().__init__()
        self.coefficients = nn.Linear(context_width, 9)
        nn.init.zeros_(self.coefficients.weight)
        nn.init.zeros_(self.coefficients.bias)

    def forward(self, image: Tensor, context: Tensor) -> Tensor:
        """`(B, 3, H, W)` and `(B, context_width)` to `(B, 3, H, W)`, in the precision of `image`."""
        linear, square, constant = self.coefficients(context).to(image.dtype)[..., None, None].chunk(3, dim=1)
        return image + linear * image + square * image.square() + constant
