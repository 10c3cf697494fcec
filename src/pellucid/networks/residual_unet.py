"""A residual U-Net on pixel-unshuffled input, bias-free or not: the shape that a CPU runs at its limit.

Dense 3x3 convolutions only, so that bf16 channels-last kernels reach the machine's matrix-multiply rate; no
normalisation, and on request no bias: scaling the input then scales the output, `f(a x) = a f(x)` for `a >= 0`, which
is what lets a denoiser hold on noise levels that it never saw.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks.initial_weights import set_initial_weights


class ResidualBlock(nn.Module):
    """`x + conv(relu(conv(x)))`, both 3x3."""

    def __init__(self, width: int, bias: bool = False):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, H, W)` to the same."""
        return features + self.second(F.relu(self.first(features), inplace=True))


class ResidualUNet(nn.Module):
    """Degraded to restored, `(B, 3, H, W)` to the same; H and W multiples of `size_multiple`.

    Args:
        widths: channels per level, from half resolution down.
        blocks: residual blocks per level: so many on the way down and again on the way up, at the last level once.
        bias: whether convolutions have a bias. Without, `f(a x) = a f(x)`: the network holds on unseen noise levels,
            but it cannot tell a dark picture from a bright one.

    Source:
        After DRUNet (Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior", TPAMI 2021): residual
        blocks without bias or normalisation, strided and transposed 2x2 convolutions, skips added. Bias-free for the
        reason of Mohan et al., "Robust and Interpretable Blind Image Denoising via Bias-Free CNNs", ICLR 2020.
        Differs: works on 2x pixel-unshuffled input, predicts the residual, takes no noise map.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (48, 96, 192),
        blocks: tuple[int, ...] = (2, 2, 4),
        bias: bool = False,
    ):
        super().__init__()
        self.head = nn.Conv2d(12, widths[0], 3, padding=1, bias=bias)
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1, bias=bias)
        levels = list(zip(widths, blocks, strict=True))
        self.encoders = nn.ModuleList(residual_blocks(width, count, bias) for width, count in levels[:-1])
        self.bottom = residual_blocks(*levels[-1], bias)
        self.decoders = nn.ModuleList(residual_blocks(width, count, bias) for width, count in levels[:-1])
        pairs = list(pairwise(widths))
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2, bias=bias) for fine, coarse in pairs)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=bias) for fine, coarse in pairs)
        self.size_multiple = 2 ** len(widths)
        # Two convolutions a block, down and up, each seeing one cell of its level further; plus the cell itself.
        reach = 2 * 2 + sum(4 * count * 2 ** (level + 1) for level, count in enumerate(blocks[:-1]))
        self.receptive_radius = reach + 2 * blocks[-1] * self.size_multiple + self.size_multiple
        set_initial_weights(self)
        # Blocks start as almost the identity, and the network as nearly the identity on its input.
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, ResidualBlock):
                    module.second.weight.mul_(0.1)
            self.tail.weight.mul_(0.01)

    def forward(self, degraded: Tensor) -> Tensor:
        """The restored picture; the residual is added in the precision of `degraded`."""
        features = self.head(F.pixel_unshuffle(degraded, 2).to(self.head.weight.dtype))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        features = self.bottom(features)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            features = decoder(up(features) + skips.pop())
        residual = F.pixel_shuffle(self.tail(features), 2)
        return degraded + residual.to(degraded.dtype)


def residual_blocks(width: int, count: int, bias: bool) -> nn.Sequential:
    """`count` blocks one after the other."""
    return nn.Sequential(*(ResidualBlock(width, bias) for _ in range(count)))
