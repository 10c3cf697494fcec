"""Training batches cut from pairs, and batches that are part made on the fly and part cut from pairs."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.data.crops import ResidentPictures
from pellucid.data.degraded_batches import DegradedBatches, generator_of
from pellucid.degradations.mixing import allotted
from pellucid.errors import ConfigurationError

Pair = tuple[Tensor, Tensor]


class PairedBatches:
    """A batch for every step, the same crops from the degraded and the clean picture of a pair.

    Args:
        sets: name to pairs `(degraded, clean)`, each `(3, H, W)` uint8; the name becomes the samples' domain.
        weights: name to how often it is drawn, any unit.
        patch_size: pixels.
        seed: of everything random.
        is_balanced: every batch has the same number of samples of each set, in proportion to the weights, instead of
            sets drawn sample by sample.
        device: where the pictures live.
        rank: of this process among several.
    """

    def __init__(
        self,
        sets: Mapping[str, Sequence[Pair]],
        weights: Mapping[str, float],
        *,
        patch_size: int,
        seed: int = 0,
        is_balanced: bool = False,
        device: torch.device | str = "cpu",
        rank: int = 0,
    ):
        self.names, self.is_balanced = tuple(sets), is_balanced
        self.weights = torch.tensor([weights[name] for name in self.names], dtype=torch.float64)
        self.degraded = [ResidentPictures([pair[0] for pair in sets[name]], device) for name in self.names]
        self.clean = [ResidentPictures([pair[1] for pair in sets[name]], device) for name in self.names]
        self.patch_size, self.seed, self.rank = patch_size, seed, rank

    def __call__(self, step: int, count: int) -> Batch:
        """`count` samples for `step`."""
        # The plus one keeps these draws apart from those of the batches made on the fly.
        draws = generator_of(self.seed + 1, step, self.rank)
        if self.is_balanced:
            weights = dict(zip(self.names, self.weights.tolist(), strict=True))
            chosen = [self.names.index(name) for name in allotted(weights, count, draws)]
        else:
            chosen = torch.multinomial(self.weights, count, replacement=True, generator=draws).tolist()
        degraded, clean, domains = [], [], []
        for row, name in enumerate(self.names):
            number = chosen.count(row)
            if number:
                crops = self.clean[row].draw(number, self.patch_size, draws)
                degraded.append(self.degraded[row].gather(crops))
                clean.append(self.clean[row].gather(crops))
                domains += [name] * number
        return Batch(torch.cat(degraded), torch.cat(clean), tuple(domains), step)


class MixedBatches:
    """Batches of which a fixed share is cut from pairs.

    Args:
        made: batches made on the fly; gives the batch size.
        paired: batches cut from pairs.
        share: of each batch that is paired, in `[0, 1]`.
    """

    def __init__(self, made: DegradedBatches, paired: PairedBatches, share: float):
        self.made, self.paired = made, paired
        self.num_paired = round(share * made.batch_size)
        if 0 < share < 1 and self.num_paired in (0, made.batch_size):
            kind = "pairs" if self.num_paired == 0 else "the mixture"
            raise ConfigurationError(
                f"Expected room for the mixture and for pairs in every batch, but {share:g} of {made.batch_size} "
                f"patches leaves none for {kind}: raise data.batch_size, or change data.pairs_share."
            )

    def __call__(self, step: int) -> Batch:
        """The batch of `step`."""
        num_made = self.made.batch_size - self.num_paired
        parts = [self.made(step, num_made)] if num_made else []
        parts += [self.paired(step, self.num_paired)] if self.num_paired else []
        return Batch(
            torch.cat([part.degraded for part in parts]),
            torch.cat([part.clean for part in parts]),
            tuple(domain for part in parts for domain in part.domains),
            step,
            tuple(chain for part in parts for chain in part.chains),
        )
