"""Small networks that bring features into the space where they are compared."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ProjectionHeads(nn.Module):
    """One head per level of features: `(B, N, C_l)` to unit vectors, `(B, N, width)`.

        z = h / (|h| + 1e-7),   h = W2 ReLU(W1 f)

    Args:
        channels: of the features, by level.
        width: of the vectors.

    Source:
        CUT (Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020), as NLCL has it.
    """

    def __init__(self, channels: Sequence[int], width: int = 256):
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(its, width), nn.ReLU(), nn.Linear(width, width)) for its in channels
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight, gain=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The vectors of every level, float32."""
        found = []
        for head, its in zip(self.heads, features, strict=True):
            vectors: Tensor = head(its)
            vectors = vectors.float()
            found.append(vectors / (torch.linalg.vector_norm(vectors, dim=-1, keepdim=True) + 1e-7))
        return found
