"""A plain stack of residual blocks at half resolution: the shape that learns one degradation fastest."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.images.overview import Views
from pellucid.networks.guidance import Guidance
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
        guidance: arguments of `Guidance`, which then modulates the features before the blocks and in their middle; it
            does nothing at first, so that training may start from weights without it. `None` for none.

    Source:
        After EDSR's baseline (Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW
        2017): residual blocks without normalisation and one skip over all of them. Differs: works on 2x
        pixel-unshuffled input, predicts the residual of the picture, and may have the side path and Perceive-IR's
        guidance.
    """

    in_float32 = ("guidance",)

    def __init__(
        self,
        width: int = 64,
        blocks: int = 8,
        coarse_width: int = 0,
        coarse_blocks: int = 4,
        guidance: Mapping[str, Any] | None = None,
    ):
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
        self.guidance = None if guidance is None else Guidance((width, width), starts_at_rest=True, **guidance)
        self.needs_context = self.guidance is not None
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, ResidualBlock):
                    module.second.weight.mul_(0.5)
            self.tail.weight.mul_(0.02)
            if self.side is not None:
                self.side[-1].weight.mul_(0.1)  # pyright: ignore

    def context(self, views: Views) -> Tensor | None:
        """The guiding vectors of a whole picture, `(B, C, 1, 1)`; `None` without guidance."""
        if self.guidance is None:
            return None
        return torch.cat(self.guidance.vectors(views.overview, views.details), dim=1)[..., None, None]

    def forward(self, degraded: Tensor, context: Tensor | None = None, code_of: Tensor | None = None) -> Any:
        """The restored picture; the residual is added in the precision of `degraded`.

        Args:
            degraded: a picture, or a tile of one.
            context: of the whole picture, `(B, C, H, W)`, the same at every pixel, zeros may follow; without,
                `degraded` is all there is.
            code_of: further pictures, `(N, 3, h, w)`, whose codes a loss asks for.

        Returns:
            The restored picture; with `code_of` also the codes, `(N, C)`.
        """
        vectors: list[Tensor] = []
        if self.guidance is not None and context is None:
            vectors = self.guidance.vectors(degraded, degraded[:, None])
        elif self.guidance is not None and context is not None:
            widths = self.guidance.vector_widths
            vectors = list(context[:, : sum(widths), 0, 0].split(widths, dim=1))
        first = self._modulated(self.head(F.pixel_unshuffle(degraded, 2).to(self.head.weight.dtype)), 0, vectors)
        features = self._modulated(self.before(first), 1, vectors)
        if self.side is not None:
            features = features + self.side(features)
        residual = F.pixel_shuffle(self.tail(first + self.after(features)), 2)
        restored = degraded + residual.to(degraded.dtype)
        if code_of is None:
            return restored
        return restored, code_of.new_zeros((len(code_of), 0)) if self.guidance is None else self.guidance.codes(code_of)

    def _modulated(self, features: Tensor, level: int, vectors: Sequence[Tensor]) -> Tensor:
        return features if self.guidance is None else self.guidance.modulated(features, level, vectors)
