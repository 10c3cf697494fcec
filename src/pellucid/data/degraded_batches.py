"""Training batches made on the fly: crops of clean pictures, degraded by a mixture."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.data.batch import Batch
from pellucid.data.crops import ResidentPictures, SizedPictures
from pellucid.degradations.chain import Chain
from pellucid.degradations.grayscale import grayscale
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.degradations.noise import as_stored
from pellucid.errors import ConfigurationError


def generator_of(seed: int, step: int, rank: int) -> Generator:
    """The source of everything random in one step of one process."""
    state = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> 1))


def _averaged(crops: Tensor, factor: int) -> Tensor:
    """Averaged over squares of `factor` pixels, in 8 bits as all clean pictures are."""
    return crops if factor == 1 else as_stored(F.avg_pool2d(crops, factor), clip=False, round_to_8_bits=True)


class DegradedBatches:
    """A batch for every step, each a pure function of `(seed, step, rank)`: resuming needs no state.

    Args:
        pictures: clean, `(3, H, W)` uint8 each, to be kept on the device; or a store of them.
        mixture: which degradations, how often, how strong.
        patch_size: pixels.
        batch_size: patches.
        seed: of everything random.
        grey_share: share of the samples that are grey: the clean picture, and what the degradation made of it.
        reduced_share: share of the clean samples that are cut at twice the size and averaged down by two: finer detail
            than large photographs have, and nothing left of what their own JPEG did.
        rounded_share: share of the samples whose degraded picture is clipped and rounded to 8 bits, as files hold them.
        is_balanced: every batch has the same number of samples of each domain, in proportion to the weights, instead of
            domains drawn sample by sample.
        has_same_content: the clean patches of one domain are those of every other domain, in the same order
            (counterfactuals: what would this picture have been under another degradation). Needs `is_balanced`, equal
            weights and a batch that the number of domains divides.
        device: where pictures live and degradations are computed.
        rank: of this process among several; each draws its own batches.
    """

    def __init__(
        self,
        pictures: Sequence[Tensor] | SizedPictures,
        mixture: Mixture,
        *,
        patch_size: int,
        batch_size: int,
        seed: int = 0,
        grey_share: float = 0.0,
        reduced_share: float = 0.0,
        rounded_share: float = 0.0,
        is_balanced: bool = False,
        has_same_content: bool = False,
        device: torch.device | str = "cpu",
        rank: int = 0,
    ):
        is_store = isinstance(pictures, SizedPictures)
        self.pictures = pictures if is_store else ResidentPictures(pictures, device)
        self.mixture, self.patch_size, self.batch_size = mixture, patch_size, batch_size
        self.seed, self.grey_share = seed, grey_share
        self.reduced_share, self.rounded_share = reduced_share, rounded_share
        self.is_balanced, self.has_same_content = is_balanced, has_same_content
        self.device, self.rank = torch.device(device), rank

    def __call__(self, step: int, count: int | None = None) -> Batch:
        """The batch of `step`, of `count` samples when it is given."""
        count = self.batch_size if count is None else count
        draws = generator_of(self.seed, step, self.rank)
        copies = len(self.mixture.weights) if self.has_same_content else 1
        contents = _contents(count, copies, self.mixture)
        reduced = int((torch.rand(contents, generator=draws) < self.reduced_share).sum()) if self.reduced_share else 0
        shares = [(number, factor) for number, factor in ((contents - reduced, 1), (reduced, 2)) if number]
        crops = [(self.pictures.draw(number, factor * self.patch_size, draws), factor) for number, factor in shares]
        domains, chains = self._drawn(count, copies, draws)
        pixels = torch.Generator(self.device).manual_seed(int(torch.randint(2**62, (), generator=draws)))
        # The reduced ones come last; the chains are drawn one by one, so that says nothing about what is done to them.
        clean = torch.cat([_averaged(self.pictures.gather(at), factor) for at, factor in crops])
        grey = torch.zeros(contents, dtype=torch.bool)
        if self.grey_share:
            grey = torch.rand(contents, generator=draws) < self.grey_share
            clean = grayscale(clean, grey.float())
        if copies > 1:
            clean, grey = clean.repeat_interleave(copies, 0), grey.repeat_interleave(copies)
        degraded = apply_chains(clean, chains, pixels)
        if grey.any():  # one channel for all: their mean would have less noise than was asked for
            rows = grey.nonzero().flatten().to(degraded.device)
            degraded[rows] = degraded[rows, 1:2].expand(-1, 3, -1, -1)
        if self.rounded_share:
            rows = (torch.rand(count, generator=draws) < self.rounded_share).nonzero().flatten().to(degraded.device)
            degraded = degraded.index_copy(0, rows, as_stored(degraded[rows], clip=True, round_to_8_bits=True))
        return Batch(degraded, clean, tuple(domains), step, tuple(chains))

    def _drawn(self, count: int, copies: int, draws: Generator) -> tuple[list[str], list[Chain]]:
        """Domain and chain of every sample."""
        if not self.is_balanced:
            domains, chains = [], []
            for _ in range(count):
                domains.append(self.mixture.choose(draws))
                chains.append(self.mixture.draw_of(domains[-1], draws))
            return domains, chains
        if copies > 1:  # sample by sample: every domain of the first clean patch, then of the second
            domains = list(self.mixture.weights) * (count // copies)
        else:  # in any order, since the reduced patches come last
            given = self.mixture.allotted(count, draws)
            domains = [given[row] for row in torch.randperm(count, generator=draws).tolist()]
        return domains, [self.mixture.draw_of(name, draws) for name in domains]


def _contents(count: int, copies: int, mixture: Mixture) -> int:
    """How many clean patches a batch of `count` needs when each is degraded in `copies` ways."""
    if count % copies or (copies > 1 and len(set(mixture.weights.values())) > 1):
        raise ConfigurationError(
            f"Expected equal weights and patches for every one of {copies} domains alike where they share their "
            f"content, got {count} patches and weights {sorted(set(mixture.weights.values()))}: change "
            "data.batch_size or data.mixture."
        )
    return count // copies
