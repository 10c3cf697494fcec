"""Perceive-IR's restorer: a U-Net of transformer blocks, its decoder guided by what a picture shows and what is wrong.

Attention between channels looks at all pixels at once, and so do the two guiding vectors. A picture that is restored in
tiles must not be seen differently by each of them. So all of it is decided once, from details of the picture
(`PerceiveIR.context`): the vectors, and the attention weights of every block. What is left is local.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pellucid.images.overview import Views
from pellucid.images.padding import pad_to_multiple
from pellucid.networks.channel_norm import ChannelNorm
from pellucid.networks.guidance import Guidance
from pellucid.networks.restormer import (
    EPSILON,
    Attend,
    ChannelAttention,
    GatedFeedForward,
    TransformerBlock,
    attention_weights,
)

Block = Literal["released", "figure", "plain"]


class GuidedBlock(nn.Module):
    """Enhanced transformer block (ETB): what the guidance asks of the features, added to the guidance.

        released:  c = PGCA(queries: norm y; keys, values: norm x);   x = y + MDTA(norm c);   x = x + GDFN(norm x)
        figure:    x = y + PGCA(queries: norm y; keys, values: norm x);                      x = x + GDFN(norm x)

    Args:
        width: channels.
        heads: of attention.
        is_released: the released block, or the one that the paper draws.

    Source:
        Perceive-IR (IEEE TIP 2026).
    """

    def __init__(self, width: int, heads: int, *, is_released: bool):
        super().__init__()
        self.guidance_norm, self.feature_norm = ChannelNorm(width, EPSILON), ChannelNorm(width, EPSILON)
        self.guided = ChannelAttention(width, heads, is_guided=True)
        self.own_norm = ChannelNorm(width, EPSILON) if is_released else None
        self.own = ChannelAttention(width, heads) if is_released else None
        self.feed_norm = ChannelNorm(width, EPSILON)
        self.feed_forward = GatedFeedForward(width)

    def forward(self, features: Tensor, guidance: Tensor, attend: Attend = attention_weights) -> Tensor:
        """Features and guidance, both `(B, width, H, W)`, to the same."""
        asked = self.guided(self.feature_norm(features), self.guidance_norm(guidance), attend)
        if self.own is not None and self.own_norm is not None:
            asked = self.own(self.own_norm(asked), attend=attend)
        features = guidance + asked
        return features + self.feed_forward(self.feed_norm(features))


class PerceiveIR(nn.Module):
    """Degraded to restored, `(B, 3, H, W)` to the same; H and W multiples of `size_multiple`.

    At every level of the decoder the features are modulated by a semantic vector and the code of the degradation, once;
    the blocks of the level are guided by the result.

    Args:
        width: channels at full resolution; doubles at every level.
        blocks: per level, from full resolution down; the encoder has as many as the decoder, the lowest level is one.
        heads: of attention, per level.
        refinement: plain blocks after the decoder.
        block: of the decoder: as released, as the paper's figure draws it, or plain, which leaves all guidance out
            and is Restormer in this shape (the "medium model").
        code_width: numbers of the degradation's code; 0 puts zeros in its place and has no encoder.
        semantics: the encoder of the semantic vectors, `name` and its arguments, see `SEMANTICS`. Its weights are in
            no weights file, but those of `perceived`.

    Source:
        Perceive-IR (IEEE TIP 2026) as released in 2026; Restormer (CVPR 2022) is what it grew from. Differs: a picture
        is restored, in tiles or not, by the guidance and attention weights that its details have together, where the
        authors take those of each tile or of the whole; the last convolution begins at a tenth, near the identity.
    """

    size_multiple = 8
    needs_context = True
    in_float32 = ("guidance",)

    def __init__(
        self,
        width: int = 48,
        blocks: Sequence[int] = (4, 6, 6, 8),
        heads: Sequence[int] = (1, 2, 4, 8),
        refinement: int = 4,
        block: Block = "released",
        code_width: int = 128,
        semantics: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if len(blocks) != 4 or len(heads) != 4 or block not in ("released", "figure", "plain"):
            raise TypeError(f"four levels, and a block released, figure or plain, are needed; got {blocks}, {block}")
        widths = [width * 2**level for level in range(4)]
        is_guided = block != "plain"
        self.head, self.tail = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        shapes = list(zip(widths, heads, blocks, strict=True))
        self.encoders = nn.ModuleList(
            nn.ModuleList(TransformerBlock(w, h) for _ in range(count)) for w, h, count in shapes[:-1]
        )
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, w // 2, 3, padding=1), nn.PixelUnshuffle(2)) for w in widths[:-1]
        )
        self.decoders = nn.ModuleList(
            nn.ModuleList(
                GuidedBlock(w, h, is_released=block == "released") if is_guided else TransformerBlock(w, h)
                for _ in range(count)
            )
            for w, h, count in shapes
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * w, 4 * w, 3, padding=1), nn.PixelShuffle(2)) for w in widths[:-1]
        )
        self.joins = nn.ModuleList(nn.Conv2d(2 * w, w, 1) for w in widths[:-1])
        self.refinement = nn.ModuleList(TransformerBlock(width, heads[0]) for _ in range(refinement))
        self.guidance = Guidance(widths, code_width=code_width, semantics=semantics) if is_guided else None
        with torch.no_grad():
            self.tail.weight.mul_(0.1)
        self.bytes_per_pixel = 48.0 * width  # a guess, until benchmarks/memory.py has measured trained weights
        per_block = {"released": 3, "figure": 2, "plain": 2}[block]  # depth-wise convolutions, a pixel each
        depths = [2 * count + per_block * count for count in blocks[:-1]] + [per_block * blocks[-1]]
        depths[0] += 2 * refinement
        between = sum(2**level + 2 ** (level + 1) for level in range(3))
        self.receptive_radius = 2 + sum(depth * 2**level for level, depth in enumerate(depths)) + between + 7

    def context(self, views: Views) -> Tensor:
        """The vectors and the attention weights of every block, `(B, C, 1, 1)`: a row of numbers per picture."""
        vectors = [] if self.guidance is None else self.guidance.vectors(views.overview, views.details)
        count = views.details.shape[1]
        together = _Together(count)
        parts = views.details.flatten(0, 1).to(self.head.weight.dtype)
        padded, _ = pad_to_multiple(parts, self.size_multiple)
        self._residual(padded, [vector.repeat_interleave(count, dim=0) for vector in vectors], together)
        return torch.cat([*vectors, *together.found], dim=1)[..., None, None]

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
        if context is not None:
            vectors, attend = self._taken_apart(context[:, :, 0, 0])
        else:
            vectors = [] if self.guidance is None else self.guidance.vectors(degraded, degraded[:, None])
            attend = attention_weights
        restored = degraded + self._residual(degraded.to(self.head.weight.dtype), vectors, attend).to(degraded.dtype)
        if code_of is None:
            return restored
        return restored, code_of.new_zeros((len(code_of), 0)) if self.guidance is None else self.guidance.codes(code_of)

    def _taken_apart(self, numbers: Tensor) -> tuple[list[Tensor], Attend]:
        """Vectors and attention weights of a context, `(B, C)`."""
        widths = () if self.guidance is None else self.guidance.vector_widths
        *vectors, weights = numbers.split([*widths, numbers.shape[1] - sum(widths)], dim=1)
        return vectors, _Given(weights)

    def _residual(self, degraded: Tensor, vectors: Sequence[Tensor], attend: Attend) -> Tensor:
        features = self.head(degraded)
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            for block in _blocks(encoder):
                features = block(features, attend)
            skips.append(features)
            features = down(features)
        for level in (3, 2, 1, 0):
            if level < 3:
                upper = self.ups[level](features)
                features = self.joins[level](torch.cat([upper, skips[level]], dim=1))
            # Modulated once per level; its blocks grow from the result.
            guidance = None if self.guidance is None else self.guidance.modulated(features, level, vectors)
            for block in _blocks(self.decoders[level]):
                features = block(features, attend) if guidance is None else block(features, guidance, attend)
        for block in self.refinement:
            features = block(features, attend)
        return self.tail(features)


class _Together:
    """Attention weights of pictures of which several parts each are seen, kept as they are found.

    Args:
        count: parts of each picture, one after the other in a batch.
    """

    def __init__(self, count: int):
        self.count = count
        self.found: list[Tensor] = []

    def __call__(self, queries: Tensor, keys: Tensor, temperature: Tensor) -> Tensor:
        def joined(points: Tensor) -> Tensor:  # the pixels of all parts in a row
            return points.unflatten(0, (-1, self.count)).movedim(1, 3).flatten(3)

        weights = attention_weights(joined(queries), joined(keys), temperature)
        self.found.append(weights.float().flatten(1))
        return weights.repeat_interleave(self.count, dim=0)


class _Given:
    """Attention weights that were found before, block by block.

    Args:
        weights: `(B, C)`, all of them in their order.
    """

    def __init__(self, weights: Tensor):
        self.left = weights

    def __call__(self, queries: Tensor, keys: Tensor, temperature: Tensor) -> Tensor:
        shape = (queries.shape[1], queries.shape[2], keys.shape[2])
        taken = shape[0] * shape[1] * shape[2]
        weights, self.left = self.left[:, :taken], self.left[:, taken:]
        return weights.unflatten(1, shape)


def _blocks(level: nn.Module) -> Iterator[Any]:
    assert isinstance(level, nn.ModuleList)
    return iter(level)
