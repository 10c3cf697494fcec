"""How good a picture looks, as one of three tiers, by directions among the features of a frozen encoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks.joint_encoders import JointEncoder

TIERS = ("terrible", "mediocre", "excellent")
"""From worst to best."""


class QualityPerceiver(nn.Module):
    """How good a picture looks, by prompts that were learned.

    Args:
        encoder: which they were learned through.
        vectors: what they say, `(3, D)`.
    """

    vectors: Tensor

    def __init__(self, encoder: JointEncoder, vectors: Tensor):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("vectors", vectors.detach().clone())

    def cosines(self, pictures: Tensor) -> Tensor:
        """`(B, 3, h, w)` of any size, resized, to the cosine with each tier's prompt, `(B, 3)`; with gradients.

        Source:
            Differs: antialiased where the picture shrinks; not enlarged for encoders of pixels rather than of things.
        """
        side = self.encoder.side
        seen = pictures.float().clamp(0, 1)
        fits = max(seen.shape[-2:]) <= side if self.encoder.takes_smaller else seen.shape[-2:] == (side, side)
        if not fits:
            seen = F.interpolate(seen, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        return self.encoder.pictures(seen) @ self.vectors.T

    def tiers(self, pictures: Tensor) -> Tensor:
        """How probable each of `TIERS` is, `(B, 3)`."""
        return (self.encoder.logit_scale * self.cosines(pictures)).softmax(dim=1)

    def score(self, pictures: Tensor) -> Tensor:
        """The expected tier, from 0 (terrible) to 2 (excellent), `(B,)`."""
        return expected_tier(self.tiers(pictures))


def expected_tier(probabilities: Tensor) -> Tensor:
    """From 0 (terrible) to 2 (excellent), of the probabilities of `TIERS`, `(..., 3)` to `(...)`."""
    return probabilities @ torch.arange(3.0, device=probabilities.device)
