"""Perceive-IR's guidance, for any backbone: a code of the degradation, and features modulated by global vectors."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

CODE_WIDTHS = (32, 64, 96, 128)
"""Of the code encoder's convolutions."""


class CodeEncoder(nn.Module):
    """What is wrong with a picture as one unit vector: compact feature extraction (CFE).

    Four convolutions of stride 2, their mean over the picture, and a linear map.

    Args:
        width: numbers of the code.

    Source:
        Perceive-IR (IEEE TIP 2026), as released. Differs: its figure draws two residual blocks and two linear maps.
    """

    def __init__(self, width: int = 128):
        super().__init__()
        widths = (3, *CODE_WIDTHS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1) for inputs, outputs in pairwise(widths)
        )
        self.last = nn.Linear(CODE_WIDTHS[-1], width)

    def forward(self, details: Tensor) -> Tensor:
        """Parts of each picture, `(B, N, 3, h, w)`, to its code, `(B, width)` of length 1; float32.

        A whole picture is one part of itself.
        """
        features = details.flatten(0, 1).to(self.last.weight.dtype)
        for convolution in self.convolutions:
            features = F.gelu(convolution(features))
        pooled = features.mean(dim=(2, 3)).unflatten(0, details.shape[:2]).mean(dim=1)
        return F.normalize(self.last(pooled).float(), dim=1)


class Modulation(nn.Module):
    """Features scaled and shifted by a global vector: the prompt guidance module (PGM).

        y = x (1 + gamma) + beta,   (gamma, beta) = MLP(vector)

    A new one does nothing: the MLP's last weights are zero.

    Args:
        vector_width: numbers of the vector.
        width: channels of the features.
        starts_at_rest: whether the last weights are zero at first.

    Source:
        Perceive-IR (IEEE TIP 2026), as released. Differs: it starts at rest on demand; the paper's figure has separate
        maps for gamma and beta, and draws `x gamma + beta`.
    """

    def __init__(self, vector_width: int, width: int, *, starts_at_rest: bool = False):
        super().__init__()
        self.first = nn.Linear(vector_width, 2 * width)
        self.second = nn.Linear(2 * width, 2 * width)
        if starts_at_rest:
            nn.init.zeros_(self.second.weight)
            nn.init.zeros_(self.second.bias)

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """`(B, width, H, W)` and `(B, vector_width)` to `(B, width, H, W)`."""
        made = self.second(F.gelu(self.first(vector.to(self.first.weight.dtype))))
        scale, shift = made[..., None, None].to(features.dtype).chunk(2, dim=1)
        return features * (1 + scale) + shift
