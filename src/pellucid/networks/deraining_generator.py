"""The generator of NLCL: residual blocks at full resolution, normalised picture by picture."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks.initial_weights import set_initial_weights

NO_TILES = 1 << 20
"""Receptive radius of what sees the whole picture: no picture is cut into tiles for it."""


class NormalisedBlock(nn.Module):
    """x + [conv 3x3, instance norm, ReLU, conv 3x3, instance norm], without the norms where asked."""

    def __init__(self, width: int, *, normalised: bool):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.normalised = normalised

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, H, W)` to the same."""
        inner = self.second(self._normed(self.first(features)).relu())
        return features + self._normed(inner)

    def _normed(self, features: Tensor) -> Tensor:
        return F.instance_norm(features) if self.normalised else features


class DerainingGenerator(nn.Module):
    """A rainy picture to its background, or to its rain, `(B, 3, H, W)` to the same.

        o = 2 O - 1,   b = tail(blocks(head(o))) [+ o],   background = (b + 1) / 2,   rain = b / 2

    Args:
        width: channels.
        blocks: residual blocks.
        gives: the background, in `[0, 1]`; or the rain, which is added to it, 0 where there is none.
        skip: the input is added to the output, so that brightness and colour follow it; only of a background. The last
            convolution then begins small, as that of rain without norms does.
        normalised: instance norm, as published. Its statistics are the whole picture's, so there are no tiles.

    Source:
        NLCL (CVPR 2022), as released: width 32, 16 blocks, no skip, instance norm without weights. The last norm takes
        brightness and contrast away and nothing brings them back. Differs: `skip` and `normalised` are our options;
        pictures are in `[0, 1]` outside.
    """

    size_multiple = 1

    def __init__(
        self, width: int = 32, blocks: int = 16, gives: str = "background", skip: bool = False, normalised: bool = True
    ):
        super().__init__()
        if gives not in ("background", "rain") or (gives == "rain" and skip):
            raise TypeError(f"gives must be background or rain, and rain has no skip; got {gives!r}, skip={skip}")
        self.gives_rain, self.skip, self.normalised = gives == "rain", skip, normalised
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(NormalisedBlock(width, normalised=normalised) for _ in range(blocks))
        self.before_tail, self.after_norm = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, 3, 3, padding=1)
        self.receptive_radius = NO_TILES if normalised else 2 * blocks + 4
        if not normalised:  # torch's own weights are meant for what a norm follows
            set_initial_weights(self)
            with torch.no_grad():
                for block in self.blocks:
                    block.second.weight.mul_(0.5)  # pyright: ignore
        if skip or (self.gives_rain and not normalised):  # at first nothing is rain
            with torch.no_grad():
                self.tail.weight.mul_(0.02)
                self.tail.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]

    def forward(self, degraded: Tensor) -> Tensor:
        """The background or the rain; a skip is added in the precision of `degraded`."""
        scaled = 2 * degraded - 1
        features = self.head(scaled.to(self.head.weight.dtype))
        for block in self.blocks:
            features = block(features)
        features = self.before_tail(features)
        if self.normalised:
            features = F.instance_norm(features)
        made = self.tail(self.after_norm(features.relu())).to(degraded.dtype)
        if self.gives_rain:
            return made / 2
        return degraded + made / 2 if self.skip else (made + 1) / 2
