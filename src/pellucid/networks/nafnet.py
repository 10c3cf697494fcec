"""NAFNet: a U-Net of gated depth-wise blocks without activation functions.

Its simplified channel attention needs the mean of the whole picture, which breaks tiling and shifts between small
training patches and large test pictures; it is left out here.
"""

import torch
from torch import Tensor, nn

from pellucid.networks.channel_norm import ChannelNorm


class GatedBlock(nn.Module):
    """Depth-wise mixing, then a pointwise one, both gated by halves (Chen et al., Fig. 3c, without the attention)."""

    def __init__(self, width: int):
        super().__init__()
        self.first_norm, self.second_norm = ChannelNorm(width), ChannelNorm(width)
        self.expand = nn.Conv2d(width, 2 * width, 1)
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.project = nn.Conv2d(width, width, 1)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.narrow = nn.Conv2d(width, width, 1)
        self.first_scale = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.second_scale = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, H, W)` to the same."""
        one, other = self.depthwise(self.expand(self.first_norm(features))).chunk(2, dim=1)
        features = features + self.project(one * other) * self.first_scale
        one, other = self.widen(self.second_norm(features)).chunk(2, dim=1)
        return features + self.narrow(one * other) * self.second_scale


class NAFNet(nn.Module):
    """Degraded to restored, `(B, 3, H, W)` to the same; H and W multiples of `size_multiple`.

    Args:
        width: channels at full resolution; doubles at every level.
        encoder_blocks: per level, from full resolution down.
        middle_blocks: at the lowest resolution.
        decoder_blocks: per level, in the order of `encoder_blocks`.

    Source:
        Chen et al., "Simple Baselines for Image Restoration", ECCV 2022. Differs: no simplified channel attention.
    """

    def __init__(
        self,
        width: int = 16,
        encoder_blocks: tuple[int, ...] = (1, 1, 2, 4),
        middle_blocks: int = 4,
        decoder_blocks: tuple[int, ...] = (1, 1, 1, 1),
    ):
        super().__init__()
        self.head, self.tail = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        widths = [width * 2**level for level in range(len(encoder_blocks) + 1)]
        self.encoders = nn.ModuleList(_stack(w, n) for w, n in zip(widths, encoder_blocks, strict=False))
        self.decoders = nn.ModuleList(_stack(w, n) for w, n in zip(widths, decoder_blocks, strict=False))
        self.middle = _stack(widths[-1], middle_blocks)
        self.downs = nn.ModuleList(nn.Conv2d(w, 2 * w, 2, stride=2) for w in widths[:-1])
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * w, 4 * w, 1, bias=False), nn.PixelShuffle(2)) for w in widths[:-1]
        )
        self.size_multiple = 2 ** len(encoder_blocks)
        counts = [down + up for down, up in zip(encoder_blocks, decoder_blocks, strict=True)]
        self.receptive_radius = (
            2 + sum(n * 2**level for level, n in enumerate(counts)) + (middle_blocks + 1) * self.size_multiple
        )

    def forward(self, degraded: Tensor) -> Tensor:
        """The restored picture; the residual is added in the precision of `degraded`."""
        features = self.head(degraded.to(self.head.weight.dtype))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        features = self.middle(features)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            features = decoder(up(features) + skips.pop())
        return degraded + self.tail(features).to(degraded.dtype)


def _stack(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(GatedBlock(width) for _ in range(count)))
