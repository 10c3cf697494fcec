"""The clean pictures of a training run, decoded once."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from pellucid.data.config import DataSettings
from pellucid.data.leaks import refuse_leaks, thumbnails
from pellucid.data.selection import select
from pellucid.data.shared_pictures import clean_pictures, load_pairs
from pellucid.data.shared_sets import data_root as root_of
from pellucid.data.sources import open_source
from pellucid.errors import DataError
from pellucid.images.decode import decode_pixels

NamedPicture = tuple[str, Tensor]
"""Name and pixels, `(3, H, W)`, uint8."""

NamedPair = tuple[str, Tensor, Tensor]
"""Name, degraded and clean pixels, each `(3, H, W)`, uint8."""


def load_clean_pictures(settings: DataSettings, data_root: Path | None = None) -> list[NamedPicture]:
    """All pictures that `settings` names, in the order of sources and names.

    Args:
        settings: the run's data section.
        data_root: folder that relative paths start from; `PELLUCID_DATA` when absent.
    """
    pictures = []
    for wanted in settings.sources:
        path = wanted.path if wanted.path.is_absolute() or wanted.path.exists() else root_of(data_root) / wanted.path
        chosen = select(open_source(path), wanted.include, wanted.exclude)
        pictures += [
            (name, _reduced(decode_pixels(chosen.read(name), name), settings.reduction, name)) for name in chosen.names
        ]
    return pictures


def _reduced(pixels: Tensor, factor: int, name: str) -> Tensor:
    """Averaged over squares of `factor` pixels; what is left over at the right and below is cut off."""
    if min(pixels.shape[-2:]) < factor:
        raise DataError(
            f"Expected pictures of at least {factor} pixels to reduce them by {factor}, got {name} of "
            f"{pixels.shape[-1]} x {pixels.shape[-2]}: lower data.reduction, or exclude it."
        )
    return pixels if factor == 1 else F.avg_pool2d(pixels.float(), factor).round().to(pixels.dtype)


def load_training_pairs(settings: DataSettings, data_root: Path | None = None) -> dict[str, list[NamedPair]]:
    """The pairs of every set in `settings.pairs`, by the set's name."""
    return {
        pair.name: [(found.name, *found.load()) for found in load_pairs(pair.name, data_root)]
        for pair in settings.pairs
    }


def check_leaks(settings: DataSettings, pictures: Iterable[NamedPicture], data_root: Path | None = None) -> None:
    """Refuse training pictures that also occur in the test sets that `settings` names, by content.

    Raises:
        DataError: when one does, or a test set is not at hand.
    """
    if not settings.refuse_leaks_into:
        return
    trained = thumbnails(pictures)
    tests = {name: thumbnails(clean_pictures(name, data_root)) for name in settings.refuse_leaks_into}
    refuse_leaks(trained, tests)


def split_validation(pictures: Sequence[Tensor], share: float) -> tuple[list[Tensor], list[Tensor]]:
    """Training and validation pictures: every n-th is kept for validation; all are both when `share` is 0."""
    if share == 0 or len(pictures) < 2:
        return list(pictures), list(pictures)
    every = max(2, round(1 / share))
    kept = [picture for row, picture in enumerate(pictures) if row % every == every - 1] or [pictures[-1]]
    trained = [picture for row, picture in enumerate(pictures) if row % every != every - 1 and picture is not kept[0]]
    return trained, kept
