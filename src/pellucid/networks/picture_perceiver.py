"""What is wrong with a whole picture, how badly, and how good it looks, from its details."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.images.overview import Views
from pellucid.networks.degradation_classifier import summary
from pellucid.networks.degradation_perceiver import DegradationPerceiver
from pellucid.networks.quality_perceiver import TIERS

CLUES = 4
"""What presence in a picture is concluded from: mean, greatest and least logit of its details, and its brightness."""

LOGIT_SCALE = 100.0
"""Of the cosines with the tiers' vectors, as the prompts were learned with."""


@dataclass(frozen=True)
class Sight:
    """What is seen in pictures and in each of their details.

    Attributes:
        presence: how probable every kind is in the picture, `(B, K)`.
        severity: of what is there, in `[0, 1]`, `(B, K)`.
        tiers: how probable each tier of quality is, `(B, 3)`.
        detail_presence: `(B, N, K)`.
        detail_severity: `(B, N, K)`.
        detail_tiers: `(B, N, 3)`.
    """

    presence: Tensor
    severity: Tensor
    tiers: Tensor
    detail_presence: Tensor
    detail_severity: Tensor
    detail_tiers: Tensor


class PicturePerceiver(nn.Module):
    """Looks at a picture's details, once, and concludes for the picture.

    A kind is in the picture by a logistic regression on what its details say: haze is where it is far, so one clear
    detail speaks for it; blur is where nothing is sharp, so one sharp detail speaks against it. How severe it is, the
    details say that show it. Tiers are averaged.

    Args:
        degradations: arguments of the `DegradationPerceiver` that looks.
    """

    clue_weights: Tensor
    clue_biases: Tensor
    tier_vectors: Tensor
    feature_centre: Tensor
    feature_spread: Tensor

    def __init__(self, degradations: Mapping[str, Any]):
        super().__init__()
        self.degradations = DegradationPerceiver(**degradations)
        kinds, width = len(self.degradations.kinds), self.degradations.summary_width
        first = torch.zeros(kinds, CLUES)
        first[:, 0] = 1  # the mean alone, until the regression is fitted
        self.register_buffer("clue_weights", first)
        self.register_buffer("clue_biases", torch.zeros(kinds))
        self.register_buffer("tier_vectors", torch.zeros(len(TIERS), width))
        self.register_buffer("feature_centre", torch.zeros(width))
        self.register_buffer("feature_spread", torch.ones(width))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is looked for."""
        return self.degradations.kinds

    def forward(self, views: Views) -> Sight:
        """What is seen; float32."""
        patches = views.details.flatten(0, 1).float().clamp(0, 1)
        seen = summary(self.degradations.features, patches).float()
        logits = self.degradations.tell(seen).unflatten(0, views.details.shape[:2])
        clues = picture_clues(logits[..., 0], views)
        presence = ((clues * self.clue_weights).sum(dim=-1) + self.clue_biases).sigmoid()
        detail_presence, detail_severity = logits.sigmoid().unbind(-1)
        severity = (detail_presence * detail_severity).sum(dim=1) / detail_presence.sum(dim=1).clamp_min(1e-6)
        directions = F.normalize((seen - self.feature_centre) / self.feature_spread, dim=-1)
        tiers = (LOGIT_SCALE * directions @ self.tier_vectors.T).softmax(dim=-1).unflatten(0, views.details.shape[:2])
        return Sight(presence, severity, tiers.mean(dim=1), detail_presence, detail_severity, tiers)


def picture_clues(presence: Tensor, views: Views) -> Tensor:
    """What a kind's presence is concluded from.

    Args:
        presence: logits of the details, `(B, N, K)`.
        views: of the pictures.

    Returns:
        `(B, K, CLUES)`: mean, greatest and least logit, and the logarithm of the overview's mean brightness.
    """
    bright = views.overview.float().clamp(0, 1).amax(dim=1).mean(dim=(1, 2)).clamp_min(1e-3).log()
    spread = [presence.mean(dim=1), presence.amax(dim=1), presence.amin(dim=1)]
    return torch.stack([*spread, bright[:, None].expand_as(spread[0])], dim=-1)
