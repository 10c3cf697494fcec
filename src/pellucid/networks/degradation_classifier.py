"""Which degradation a patch shows, from its pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.networks.initial_weights import set_initial_weights


class DegradationClassifier(nn.Module):
    """Patches to one logit per domain, `(B, 3, H, W)` to `(B, len(domains))`; H and W any.

    Args:
        domains: what it tells apart (`"gaussian-noise"`, `"rain+jpeg"`, `"clean"`), in the order of the logits.
        width: channels of the first convolution.
    """

    def __init__(self, domains: Sequence[str], width: int = 32):
        super().__init__()
        self.domains = tuple(domains)
        self.features = patch_features(width)
        self.logits = nn.Sequential(nn.Linear(8 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, len(self.domains)))
        set_initial_weights(self)

    def forward(self, patches: Tensor) -> Tensor:
        """The logits; what is seen everywhere counts by its mean and by its peak."""
        return self.logits(summary(self.features, patches)).float()


def patch_features(width: int) -> nn.Sequential:
    """Six convolutions from four pixels at a time down to an eighth of the resolution, `4 width` channels."""
    return nn.Sequential(
        nn.Conv2d(12, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(4 * width, 4 * width, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def summary(features: nn.Sequential, patches: Tensor) -> Tensor:
    """Mean and peak of the features of patches of any size, `(B, 3, H, W)` to `(B, 8 width)`."""
    height, width = patches.shape[-2:]
    padded = F.pad(patches, (0, width % 2, 0, height % 2), mode="replicate")
    seen = features(F.pixel_unshuffle(padded, 2).to(next(features.parameters()).dtype))
    return torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1)
