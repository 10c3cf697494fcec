"""Flowers of 64x64 pixels for the study of BIGPrior, in parts that do not overlap, and a generator of them."""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.data.shared_pictures import clean_pictures
from pellucid.weights.files import load_into, load_weights

SIDE = 64
FOR_PRIOR, FOR_WEIGHTS, FOR_TESTS = 1500, 1000, 300
"""The first of `flowers` are the prior's, then come those that weights are learned on and those for tests. What is left
may be the prior's, too."""


def flowers() -> Tensor:
    """All flowers in a random order, always the same, `(N, 3, SIDE, SIDE)`, in `[0, 1]`."""
    found = []
    for _, sheet in clean_pictures("Flowers64"):
        tiles = sheet.unfold(1, SIDE, SIDE).unfold(2, SIDE, SIDE)  # (3, rows, columns, SIDE, SIDE)
        found.append(tiles.permute(1, 2, 0, 3, 4).flatten(0, 1))
    every = torch.cat(found)
    is_there = every.flatten(1).float().std(dim=1) > 1
    every = every[is_there]
    return every[torch.randperm(len(every), generator=torch.Generator().manual_seed(0))].float() / 255


class FlowerGenerator(nn.Module):
    """Codes `(B, 64)`, drawn from N(0, I), to pictures `(B, 3, SIDE, SIDE)` in `[0, 1]`; a `SplitGenerator`.

    Four times the resolution is doubled and convolved; features of every pixel have length 1, so that no sample depends
    on others.

    Args:
        width: channels at half the resolution; more where it is coarser.
    """

    latent_size = 64

    def __init__(self, width: int = 32):
        super().__init__()
        widths = [6 * width, 4 * width, 2 * width, width]
        self.codes = nn.Linear(self.latent_size, widths[0] * 16)
        self.ups = nn.ModuleList(nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(widths))
        self.last = nn.Conv2d(width, 3, 3, padding=1)
        self.width = widths[0]

    def forward(self, latent: Tensor) -> Tensor:
        """The picture of each code."""
        return self.after(self.before(latent, 0), 0)

    def before(self, latent: Tensor, layer: int) -> Tensor:
        """The features at a layer, 0 to 3: of 4, 8, 16 and 32 pixels."""
        features = _of_length_one(F.leaky_relu(self.codes(latent).view(-1, self.width, 4, 4), 0.2))
        for up in self.ups[:layer]:
            features = _of_length_one(F.leaky_relu(up(_doubled(features)), 0.2))
        return features

    def after(self, features: Tensor, layer: int) -> Tensor:
        """The picture of features at a layer."""
        for up in self.ups[layer:]:
            features = _of_length_one(F.leaky_relu(up(_doubled(features)), 0.2))
        return self.last(_doubled(features)).sigmoid()


def _doubled(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2, mode="nearest")


def _of_length_one(features: Tensor) -> Tensor:
    return features * (features.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def flower_generator(path: Path) -> FlowerGenerator:
    """The generator of a weights file, frozen."""
    tensors, description = load_weights(path)
    generator = FlowerGenerator(**description["network"]["arguments"])
    load_into(generator, tensors, path)
    return generator.eval().requires_grad_(False)
