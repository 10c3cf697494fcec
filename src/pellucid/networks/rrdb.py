"""RRDB: residual in residual dense blocks, without up-sampling for restoration, and the four-fold twin."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
"""Of every leaky ReLU."""

RESIDUAL_SCALE = 0.2
"""What a block adds is multiplied by it, in dense blocks and around three of them."""

DENSE_SCALE = 0.1
"""He's initial weights of the dense blocks are multiplied by it."""


class DenseBlock(nn.Module):
    """Five 3x3 convolutions, each of which sees the input and what all before it made; the last one's is added.

    Args:
        width: channels in and out.
        growth: channels that each of the first four adds.
        bias: whether convolutions have a bias.
    """

    def __init__(self, width: int, growth: int, bias: bool):
        super().__init__()
        outputs = [growth] * 4 + [width]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width + growth * position, channels, 3, padding=1, bias=bias)
            for position, channels in enumerate(outputs)
        )
        for convolution in self.convolutions:
            assert isinstance(convolution, nn.Conv2d)
            nn.init.kaiming_normal_(convolution.weight)
            with torch.no_grad():
                convolution.weight.mul_(DENSE_SCALE)
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, H, W)` to the same."""
        seen = features
        for convolution in list(self.convolutions)[:-1]:
            seen = torch.cat([seen, F.leaky_relu(convolution(seen), SLOPE)], dim=1)
        return features + RESIDUAL_SCALE * self.convolutions[-1](seen)


class ResidualInResidual(nn.Module):
    """Three dense blocks in a row, and a skip around them."""

    def __init__(self, width: int, growth: int, bias: bool):
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(width, growth, bias) for _ in range(3)))

    def forward(self, features: Tensor) -> Tensor:
        """`(B, width, H, W)` to the same."""
        return features + RESIDUAL_SCALE * self.blocks(features)


class RRDB(nn.Module):
    """Degraded to restored, `(B, 3, H, W)` to `(B, 3, scale H, scale W)`; any height and width.

        restored = last(lrelu(before_last(up(f + trunk(blocks(f)))))),   f = head(degraded)

    The picture itself is not added at the end: the network makes all of it. At full size it has 16.62 million
    parameters.

    Args:
        width: channels.
        growth: channels that each convolution of a dense block adds.
        blocks: of three dense blocks each.
        scale: 1, or 4 for the twin with two doublings, which enlarges and is no `Restorer` therefore.
        bias: whether convolutions have a bias. Without, `f(a x) = a f(x)` for `a >= 0`.

    Source:
        Wang et al., "ESRGAN", ECCVW 2018, Fig. 4; without up-sampling as in DIL (CVPR 2023), whose backbone it is.
        Differs: the bias-free switch is ours, after Mohan et al., ICLR 2020.
    """

    size_multiple = 1
    in_float32 = ("head", "blocks", "trunk", "ups", "before_last", "last")
    """All of it: without the picture added at the end, bf16 would round the picture itself."""

    def __init__(self, width: int = 64, growth: int = 32, blocks: int = 23, scale: int = 1, bias: bool = True):
        super().__init__()
        if scale not in (1, 4):
            raise TypeError(f"scale must be 1 or 4, got {scale}")

        def convolution(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)

        self.scale = scale
        self.head = convolution(3, width)
        self.blocks = nn.Sequential(*(ResidualInResidual(width, growth, bias) for _ in range(blocks)))
        self.trunk = convolution(width, width)
        self.ups = nn.ModuleList(convolution(width, width) for _ in range({1: 0, 4: 2}[scale]))
        self.before_last = convolution(width, width)
        self.last = convolution(width, 3)
        self.receptive_radius = 15 * blocks + 4  # in pixels of the input; the twin's ups see no further

    def forward(self, degraded: Tensor) -> Tensor:
        """The restored picture, in the precision of `degraded`."""
        first = self.head(degraded.to(self.head.weight.dtype))
        features = first + self.trunk(self.blocks(first))
        for up in self.ups:
            features = F.leaky_relu(up(F.interpolate(features, scale_factor=2, mode="nearest")), SLOPE)
        restored = self.last(F.leaky_relu(self.before_last(features), SLOPE))
        return restored.to(degraded.dtype)
