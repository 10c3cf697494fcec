"""Restormer's blocks: attention between channels, and a gated feed-forward network."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks.channel_norm import ChannelNorm

EPSILON = 1e-5
"""Of every normalisation."""

EXPANSION = 2.66
"""Of the feed-forward network: `int(2.66 C)` hidden channels, twice."""

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(queries, keys, temperature) -> weights`: `(B, heads, c, N)` twice and `(heads, 1, 1)` to `(B, heads, c, c)`."""


def attention_weights(queries: Tensor, keys: Tensor, temperature: Tensor) -> Tensor:
    """How much each channel attends to each, channels as points of N pixels.

        softmax(q k^T / (|q| |k|) * temperature)

    The weights are a fact about all pixels, whereas what is done with them is done pixel by pixel.
    """
    return (F.normalize(queries, dim=-1) @ F.normalize(keys, dim=-1).mT * temperature).softmax(dim=-1)


class ChannelAttention(nn.Module):
    """Multi-Dconv head transposed attention (MDTA), or the same guided by other features (PGCA).

    Args:
        width: channels; a multiple of `heads`.
        heads: groups of channels that attend within each other.
        is_guided: queries come from other features than keys and values.

    Source:
        Zamir et al., "Restormer", CVPR 2022, Eq. 1; guided: Perceive-IR (IEEE TIP 2026). Differs: convolutions have
        biases, as Perceive-IR's have.
    """

    def __init__(self, width: int, heads: int, *, is_guided: bool = False):
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.query = projected(width, width) if is_guided else None
        self.key_value = projected(width, (2 if is_guided else 3) * width)
        self.mixed = nn.Conv2d(width, width, 1)

    def forward(self, features: Tensor, guidance: Tensor | None = None, attend: Attend = attention_weights) -> Tensor:
        """`(B, width, H, W)` to the same; `guidance` is of that shape, too, and belongs to guided attention alone."""
        made = self.key_value(features)
        if self.query is not None:
            assert guidance is not None
            made = torch.cat([self.query(guidance), made], dim=1)
        queries, keys, values = made.unflatten(1, (3, self.heads, -1)).flatten(-2).unbind(1)
        attended = attend(queries, keys, self.temperature).to(values.dtype) @ values
        return self.mixed(attended.flatten(1, 2).unflatten(-1, features.shape[-2:]))


class GatedFeedForward(nn.Module):
    """Gated-Dconv feed-forward network (GDFN): two halves, one of which is the other one's gate.

    Source:
        Restormer, Eq. 2. Differs: with biases.
    """

    def __init__(self, width: int):
        super().__init__()
        hidden = int(EXPANSION * width)
        self.wide = projected(width, 2 * hidden)
        self.narrow = nn.Conv2d(hidden, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, H, W)` to the same."""
        gate, passed = self.wide(features).chunk(2, dim=1)
        return self.narrow(F.gelu(gate) * passed)


class TransformerBlock(nn.Module):
    """`x + MDTA(norm x)`, then `x + GDFN(norm x)`."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attention_norm, self.feed_norm = ChannelNorm(width, EPSILON), ChannelNorm(width, EPSILON)
        self.attention = ChannelAttention(width, heads)
        self.feed_forward = GatedFeedForward(width)

    def forward(self, features: Tensor, attend: Attend = attention_weights) -> Tensor:
        """`(B, width, H, W)` to the same."""
        features = features + self.attention(self.attention_norm(features), attend=attend)
        return features + self.feed_forward(self.feed_norm(features))


def projected(width: int, outputs: int) -> nn.Sequential:
    """A pointwise convolution and a depth-wise one of 3x3."""
    return nn.Sequential(nn.Conv2d(width, outputs, 1), nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs))
