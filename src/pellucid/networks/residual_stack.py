"""A plain stack of residual blocks at half resolution: the shape that learns one degradation fastest."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks.initial_weights import set_initial_weights
from pellucid.networks.residual_unet import ResidualBlock, residual_blocks


class ResidualStack(nn.Module):
    """Degraded to restored, `(B, 3, H, W)` to the same; H and W multiples of `size_multiple`.

        restored = degraded + shuffle(tail(f + blocks(f))),   f = head(unshuffle(degraded))

    Args:
        width: channels at half resolution.
        blocks: residual blocks at half resolution.
        coarse_width: channels of a side path at an eighth of the resolution, which sees further; 0 for none.
        coarse_blocks: residual blocks of the side path.

    Source:
        After EDSR's baseline (Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW
        2017): residual blocks without normalisation and one skip over all of them. Differs: works on 2x
        pixel-unshuffled input, predicts the residual of the picture, and may have the side path.
    """

    def __init__(self, width: int = 64, blocks: int = 8, coarse_width: int = 0, coarse_blocks: int = 4):
        super().__init__()
        self.head = nn.Conv2d(12, width, 3, padding=1)
        self.tail = nn.Conv2d(width, 12, 3, padding=1)
        self.before = residual_blocks(width, blocks // 2, bias=True)
        self.after = residual_blocks(width, blocks - blocks // 2, bias=True)
        self.size_multiple = 2
        self.receptive_radius = 2 * (2 * blocks + 2) + 1
        self.side = None
        if coarse_width:
            # Down and up by four at once: one pass over memory each way.
            down, up = nn.Conv2d(width, coarse_width, 4, stride=4), nn.ConvTranspose2d(coarse_width, width, 4, stride=4)
            self.side = nn.Sequential(down, *residual_blocks(coarse_width, coarse_blocks, bias=True), up)
            self.size_multiple = 8
            self.receptive_radius += 8 * 2 * coarse_blocks + 8
        set_initial_weights(self)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, ResidualBlock):
                    module.second.weight.mul_(0.5)
            self.tail.weight.mul_(0.02)
            if self.side is not None:
                self.side[-1].weight.mul_(0.1)  # pyright: ignore

    def forward(self, degraded: Tensor) -> Tensor:
        """The restored picture; the residual is added in the precision of `degraded`."""
        first = self.head(F.pixel_unshuffle(degraded, 2).to(self.head.weight.dtype))
        features = self.before(first)
        if self.side is not None:
            features = features + self.side(features)
        residual = F.pixel_shuffle(self.tail(first + self.after(features)), 2)
        return degraded + residual.to(degraded.dtype)
