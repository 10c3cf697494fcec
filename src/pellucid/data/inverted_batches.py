"""Training batches of pictures that were observed in grey, and of a prior's guess at their colours."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor

from pellucid.data.batch import Batch
from pellucid.data.clean_pictures import split_validation
from pellucid.data.crops import Crops, ResidentPictures
from pellucid.data.degraded_batches import generator_of
from pellucid.data.fingerprint import fingerprint_pixels
from pellucid.data.inversions import CLEAN_FOLDER, INVERSION_FOLDER, grey_input, open_inversions, split_inversions
from pellucid.data.shared_sets import data_root as root_of
from pellucid.errors import DataError

DOMAIN = "grayscale"

MOST_VALIDATED = 16
"""Held-out pictures that are looked at while training."""


class InvertedBatches:
    """A batch for every step, each a pure function of `(seed, step, rank)`: resuming needs no state.

    Every epoch takes each picture once, in an order of its own; the last batch of an epoch may be smaller.

    Args:
        pictures: each its clean picture and the prior's guess, uint8 `(3, H, W)` of one size.
        patch_size: of patches that are cut from pictures of any size, pixels; `None` for whole pictures of one size.
        batch_size: pictures.
        seed: of everything random.
        is_turned: any of the eight flips and turns.
        device: where pictures live.
        rank: of this process among several; each has its own order.

    Raises:
        DataError: when there is no picture, one is smaller than a patch, or whole ones differ in size.
    """

    def __init__(
        self,
        pictures: Sequence[tuple[Tensor, Tensor]],
        *,
        patch_size: int | None,
        batch_size: int,
        seed: int = 0,
        is_turned: bool = False,
        device: torch.device | str = "cpu",
        rank: int = 0,
    ):
        self.clean = ResidentPictures([clean for clean, _ in pictures], device)
        self.prior = ResidentPictures([prior for _, prior in pictures], device)
        self.grey = ResidentPictures([grey_input(clean).expand(3, -1, -1) for clean, _ in pictures], device)
        sides = torch.cat([self.clean.heights, self.clean.widths])
        if patch_size is None and bool((sides != sides[0]).any()):
            raise DataError("Expected square pictures of one size, got several: give data.patch_size.")
        self.patch_size = int(sides[0]) if patch_size is None else patch_size
        if int(sides.min()) < self.patch_size:
            raise DataError(
                f"Expected pictures of at least {self.patch_size} pixels, got one of {int(sides.min())}: lower "
                "data.patch_size."
            )
        self.batch_size, self.seed, self.is_turned, self.rank = batch_size, seed, is_turned, rank
        self.steps_per_epoch = -(-len(self.clean) // batch_size)

    def __call__(self, step: int) -> Batch:
        """The batch of `step`: grey pictures as three equal colours, clean ones, and the prior's."""
        epoch, row = divmod(step, self.steps_per_epoch)
        # The plus one keeps the order apart from the crops.
        order = torch.randperm(len(self.clean), generator=generator_of(self.seed + 1, epoch, self.rank))
        rows = order[row * self.batch_size : (row + 1) * self.batch_size]
        crops = self._crops(rows, generator_of(self.seed, step, self.rank))
        grey, clean, prior = (pictures.gather(crops) for pictures in (self.grey, self.clean, self.prior))
        return Batch(grey, clean, (DOMAIN,) * len(rows), step, prior=prior)

    def _crops(self, rows: Tensor, draws: Generator) -> Crops:
        size, count = self.patch_size, len(rows)
        position = torch.rand(2, count, dtype=torch.float64, generator=draws)
        top = (position[0] * (self.clean.heights[rows] - size + 1)).long()
        left = (position[1] * (self.clean.widths[rows] - size + 1)).long()
        turn = torch.randint(8 if self.is_turned else 1, (count,), generator=draws)
        return Crops(rows, top, left, turn, size)


def whole_batch(pictures: Sequence[tuple[Tensor, Tensor]], device: torch.device | str = "cpu") -> Batch:
    """Some pictures of one size, whole and in their order, as one batch."""
    clean, prior = (torch.stack(list(ones)).to(device).float() / 255 for ones in zip(*pictures, strict=True))
    grey = torch.stack([grey_input(clean) for clean, _ in pictures]).to(device).float() / 255
    return Batch(grey.expand(-1, 3, -1, -1), clean, (DOMAIN,) * len(pictures), prior=prior)


def batches_of_inversions(
    path: Path,
    data_root: Path | None,
    *,
    training: int,
    validation_share: float,
    patch_size: int | None,
    batch_size: int,
    seed: int,
    is_turned: bool,
    device: torch.device | str,
    rank: int,
) -> tuple[InvertedBatches, Batch, dict[str, object]]:
    """Batches of a set's training pictures, one of held-out ones, and the fingerprint of what was read.

    The pictures that are kept for tests are not read.

    Args:
        path: of the set, see `open_inversions`; relative ones start at the data root.
        data_root: `PELLUCID_DATA` when absent.
        training: pictures that may be learned from, the first by number.
        validation_share: of them that is held out.
        patch_size: see `InvertedBatches`, as the rest.
        batch_size: pictures.
        seed: of everything random.
        is_turned: any of the eight flips and turns.
        device: where pictures live.
        rank: of this process among several.

    Raises:
        DataError: when the set is not there, or is too small.
    """
    found = path if path.is_absolute() or path.exists() else root_of(data_root) / path
    read = [(pair.name, *pair.load()) for pair in split_inversions(open_inversions(found), training)[0]]
    named = [(f"{CLEAN_FOLDER}/{name}", clean) for name, _, clean in read]
    named += [(f"{INVERSION_FOLDER}/{name}", prior) for name, prior, _ in read]
    learned, held_out = split_validation([(clean, prior) for _, prior, clean in read], validation_share)
    batches = InvertedBatches(
        learned,
        patch_size=patch_size,
        batch_size=batch_size,
        seed=seed,
        is_turned=is_turned,
        device=device,
        rank=rank,
    )
    few = held_out[:: -(-len(held_out) // MOST_VALIDATED)]
    return batches, whole_batch(few, device), {"inversions": fingerprint_pixels(named).to_json()}
