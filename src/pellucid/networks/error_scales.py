"""How far a restored picture, and the picture as it came, are from the truth, per pixel."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks.initial_weights import set_initial_weights
from pellucid.networks.residual_unet import residual_blocks

LEAST_SCALE = 0.25 / 255
"""Below it nothing is told apart: what rounding to 8 bits does on the average."""

CELL = 4
"""Pixels along a side that are looked at together."""


class ErrorScales(nn.Module):
    """Degraded and restored pictures to two scales of error per pixel, `(B, 3, H, W)` twice to `(B, 2, H, W)`.

        b_restored   how large |restored - clean| may be,   b_degraded   how large |degraded - clean| may be

    in the unit of pictures; of which share of the values is the loss's to say. H and W are multiples of
    `size_multiple`.

    Args:
        width: channels at a quarter of the resolution.
        blocks: residual blocks there.
        coarse_width: channels of a side path at a sixteenth, which sees further; 0 for none.

    Source:
        A second, small network that looks at what a frozen one has done, and says how wrong it is: as "post-hoc"
        uncertainty in Angelopoulos et al., "Image-to-Image Regression with Distribution-Free Uncertainty
        Quantification", ICML 2022. Differs: it looks at the pictures and not at the network's features, so that it
        fits every restorer.
    """

    in_float32 = ("tail",)
    bytes_per_pixel = 200.0

    def __init__(self, width: int = 48, blocks: int = 3, coarse_width: int = 96):
        super().__init__()
        self.head = nn.Conv2d(6 * CELL**2 + 3, width, 3, padding=1)
        self.body = residual_blocks(width, blocks, bias=True)
        self.tail = nn.Conv2d(width, 2 * CELL**2, 3, padding=1)
        self.size_multiple = CELL
        self.receptive_radius = CELL * (2 * blocks + 2) + CELL
        self.side = None
        if coarse_width:
            down, up = nn.Conv2d(width, coarse_width, 4, stride=4), nn.ConvTranspose2d(coarse_width, width, 4, stride=4)
            self.side = nn.Sequential(down, *residual_blocks(coarse_width, 2, bias=True), up)
            self.size_multiple = 4 * CELL
            self.receptive_radius += 4 * CELL * 2 * 2 + 4 * CELL
        set_initial_weights(self)
        with torch.no_grad():
            self.tail.weight.mul_(0.1)
            assert self.tail.bias is not None
            self.tail.bias.fill_(math.log(0.02))

    def forward(self, degraded: Tensor, restored: Tensor) -> Tensor:
        """Both scales, float32; at least `LEAST_SCALE`."""
        degraded, restored, dtype = degraded.float(), restored.float(), self.head.weight.dtype
        # In the precision of the weights before they are moved about: half as much to move.
        change = (4 * (restored - degraded)).to(dtype)
        cells, changes = F.pixel_unshuffle((restored - 0.5).to(dtype), CELL), F.pixel_unshuffle(change, CELL)
        # How lively a cell is, before and after, and how much was changed there, say most, and over several powers of
        # ten: a network of this size would take long to find that out.
        changed = changes.abs().mean(dim=1, keepdim=True).float() / 4
        told = (_logarithm(amount).to(dtype) for amount in (_liveliness(degraded), _liveliness(restored), changed))
        seen = torch.cat([cells, changes, *told], dim=1)
        first = self.head(seen)
        features = self.body(first)
        if self.side is not None:
            features = features + self.side(features)
        logarithms = F.pixel_shuffle(self.tail(features.to(self.tail.weight.dtype)), CELL).float()
        return logarithms.clamp(max=0).exp() + LEAST_SCALE


def _liveliness(image: Tensor) -> Tensor:
    """How far the grey values of each cell are from their mean, `(B, 3, H, W)` to `(B, 1, H / CELL, W / CELL)`."""
    cells = F.pixel_unshuffle(image.mean(dim=1, keepdim=True), CELL)
    return cells.sub_(cells.mean(dim=1, keepdim=True)).abs_().mean(dim=1, keepdim=True)


def _logarithm(amount: Tensor) -> Tensor:
    """From a tenth of a grey level to the whole range about -2 to 1."""
    return (amount + LEAST_SCALE).log2() / 4 + 1
