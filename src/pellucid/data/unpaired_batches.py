"""Training batches of two collections that do not belong together: rainy photographs here, clean ones there."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor

from pellucid.data.batch import Batch
from pellucid.data.cache import PixelCache
from pellucid.data.clean_pictures import (
    open_selected,
    opened_pictures,
    refuse_leaks_into,
    split_validation,
    store_pictures,
)
from pellucid.data.config import PictureSource
from pellucid.data.crops import ResidentPictures, SizedPictures
from pellucid.data.degraded_batches import generator_of
from pellucid.data.fingerprint import fingerprint_source
from pellucid.errors import DataError

DOMAIN = "unpaired"

MOST_VALIDATED = 16
"""Held-out patches of each kind that are looked at while training."""

LEAST_HELD_OUT = 4
"""Pictures that are held out of a small collection, or a quarter of one that is smaller still: of one picture a look
says next to nothing."""


class UnpairedBatches:
    """A batch for every step, each a pure function of `(seed, step, rank)`: resuming needs no state.

    Args:
        degraded: pictures to learn to restore, uint8, `(3, H, W)` each, to be kept on the device; or a store of them.
        clean: pictures of anything similar, likewise; no two of a batch belong together.
        patch_size: pixels.
        batch_size: patches of each.
        seed: of everything random.
        is_turned: any of the eight flips and turns.
        device: where pictures live.
        rank: of this process among several.

    Raises:
        DataError: when there are no pictures of a kind, or none is as large as a patch.
    """

    def __init__(
        self,
        degraded: Sequence[Tensor] | SizedPictures,
        clean: Sequence[Tensor] | SizedPictures,
        *,
        patch_size: int,
        batch_size: int,
        seed: int = 0,
        is_turned: bool = False,
        device: torch.device | str = "cpu",
        rank: int = 0,
    ):
        self.degraded, self.clean = (
            its if isinstance(its, SizedPictures) else ResidentPictures(its, device) for its in (degraded, clean)
        )
        self.patch_size, self.batch_size, self.seed = patch_size, batch_size, seed
        self.is_turned, self.rank = is_turned, rank

    def __call__(self, step: int) -> Batch:
        """The batch of `step`; in it `degraded` and `clean` have nothing to do with each other."""
        draws = generator_of(self.seed, step, self.rank)
        degraded = self._drawn(self.degraded, draws)
        return Batch(degraded, self._drawn(self.clean, draws), (DOMAIN,) * self.batch_size, step)

    def _drawn(self, pictures: SizedPictures, draws: Generator) -> Tensor:
        crops = pictures.draw(self.batch_size, self.patch_size, draws)
        if not self.is_turned:
            crops.turn.zero_()
        return pictures.gather(crops)


def unpaired_batches(
    degraded: Sequence[PictureSource],
    clean: Sequence[PictureSource],
    data_root: Path | None,
    *,
    patch_size: int,
    batch_size: int,
    is_turned: bool,
    validation_share: float,
    refuse_leaks: Sequence[str],
    memory_bytes: int,
    seed: int,
    device: torch.device | str,
    rank: int,
) -> tuple[UnpairedBatches, Batch, dict[str, object]]:
    """Batches, one of held-out patches, and the fingerprint of what was read.

    Args:
        degraded: where pictures to learn to restore are.
        clean: where clean ones are.
        data_root: folder that relative paths start from; `PELLUCID_DATA` when absent.
        patch_size: see `UnpairedBatches`, as the rest.
        batch_size: patches of each.
        is_turned: any of the eight flips and turns.
        validation_share: of both, held out.
        refuse_leaks: test sets that none of the pictures may occur in.
        memory_bytes: for decoded pictures of both; when they need more, they are decoded as they are drawn.
        seed: of everything random.
        device: where pictures live.
        rank: of this process among several.

    Raises:
        DataError: when pictures are not there, or occur in a test set.
    """
    sources = [[open_selected(wanted, data_root) for wanted in its] for its in (degraded, clean)]
    half = memory_bytes // 2
    opened = [opened_pictures(its, cache=PixelCache(half)) for its in sources]
    refuse_leaks_into(refuse_leaks, ((one.name, one.read()) for its in opened for one in its), data_root)
    large = [[one for one in its if min(one.height, one.width) >= patch_size] for its in opened]
    for kind, its in zip(("degraded", "clean"), large, strict=True):
        if not its:
            raise DataError(
                f"Expected {kind} pictures of at least {patch_size} pixels a side, got none: lower data.patch_size, or "
                "take larger pictures."
            )
    shares = [_held_out_share(validation_share, len(its)) for its in large]
    training, held_out = zip(*map(split_validation, large, shares), strict=True)
    few = [its[:: max(1, len(its) // MOST_VALIDATED)] for its in held_out]
    make = {"patch_size": patch_size, "is_turned": is_turned, "device": device}
    validation = UnpairedBatches(
        *([one.read() for one in its] for its in few), batch_size=MOST_VALIDATED, seed=seed + 1, **make
    )(0)
    stores = [store_pictures(its, half, device) for its in training]
    batches = UnpairedBatches(*stores, batch_size=batch_size, seed=seed, rank=rank, **make)
    prints: dict[str, object] = {}
    for name, its in zip(("degraded", "clean"), sources, strict=True):
        prints[name] = [fingerprint_source(source).to_json() for source in its]
    return batches, validation, prints


def _held_out_share(asked: float, count: int) -> float:
    """As asked, or more of a small collection; nothing is held out where nothing was asked."""
    return max(asked, 1 / max(4, count // LEAST_HELD_OUT)) if asked else 0.0
