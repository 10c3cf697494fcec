"""Layer normalisation over the channels of every pixel."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.Module):
    """Every pixel's channels to mean 0 and variance 1, then scaled and shifted.

    Args:
        width: channels.
        epsilon: added to the variance.
    """

    def __init__(self, width: int, epsilon: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.epsilon = epsilon

    def forward(self, features: Tensor) -> Tensor:
        """`(B, C, H, W)` to the same."""
        last = F.layer_norm(features.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.epsilon)
        return last.permute(0, 3, 1, 2)
