"""Training batches made on the fly: crops of clean pictures, degraded by a mixture."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.data.crops import ResidentPictures
from pellucid.degradations.mixing import Mixture, apply_chains, domain


class DegradedBatches:
    """A batch for every step, each a pure function of `(seed, step, rank)`: resuming needs no state.

    Args:
        pictures: clean, `(3, H, W)` uint8 each.
        mixture: which degradations, how often, how strong.
        patch_size: pixels.
        batch_size: patches.
        seed: of everything random.
        device: where pictures live and degradations are computed.
        rank: of this process among several; each draws its own batches.
    """

    def __init__(
        self,
        pictures: Sequence[Tensor],
        mixture: Mixture,
        *,
        patch_size: int,
        batch_size: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 0,
    ):
        self.pictures = ResidentPictures(pictures, device)
        self.mixture, self.patch_size, self.batch_size = mixture, patch_size, batch_size
        self.seed, self.device, self.rank = seed, torch.device(device), rank

    def __call__(self, step: int) -> Batch:
        """The batch of `step`."""
        state = np.random.SeedSequence((self.seed, step, self.rank)).generate_state(1, np.uint64)
        draws = torch.Generator().manual_seed(int(state[0] >> 1))
        crops = self.pictures.draw(self.batch_size, self.patch_size, draws)
        chains = [self.mixture.draw(draws) for _ in range(self.batch_size)]
        pixels = torch.Generator(self.device).manual_seed(int(torch.randint(2**62, (), generator=draws)))
        clean = self.pictures.gather(crops)
        return Batch(apply_chains(clean, chains, pixels), clean, tuple(domain(chain) for chain in chains), step)
