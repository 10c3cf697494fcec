"""The clean pictures of a training run: named, measured, decoded when asked for."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.cache import PixelCache
from pellucid.data.config import DataSettings, PictureSource
from pellucid.data.crops import DrawnPictures, ResidentPictures, SizedPictures
from pellucid.data.leaks import refuse_leaks, thumbnails
from pellucid.data.pairs import open_pairs
from pellucid.data.selection import select
from pellucid.data.shared_pictures import clean_pictures, load_pairs
from pellucid.data.shared_sets import data_root as root_of
from pellucid.data.sources import Source, open_source, read_pixels
from pellucid.errors import DataError
from pellucid.images.decode import picture_size

logger = logging.getLogger(__name__)

Picture = TypeVar("Picture")

NamedPicture = tuple[str, Tensor]
"""Name and pixels, `(3, H, W)`, uint8."""

NamedPair = tuple[str, Tensor, Tensor]
"""Name, degraded and clean pixels, each `(3, H, W)`, uint8."""


@dataclass(frozen=True)
class CleanPicture:
    """One picture that may not be decoded yet.

    Attributes:
        name: within its source.
        height: pixels.
        width: pixels.
        read: gives its pixels, `(3, height, width)`, uint8.
        forget: has the cache behind `read` keep it no longer.
    """

    name: str
    height: int
    width: int
    read: Callable[[], Tensor]
    forget: Callable[[], None]


def open_sources(settings: DataSettings, data_root: Path | None = None) -> list[Source]:
    """The sources that `settings` names, each showing the files it takes of it."""
    return [open_selected(wanted, data_root) for wanted in settings.sources]


def open_selected(wanted: PictureSource, data_root: Path | None = None) -> Source:
    """One source, showing the files that are taken of it."""
    return select(open_source(_found(wanted.path, data_root)), wanted.include, wanted.exclude)


def _found(path: Path, data_root: Path | None) -> Path:
    return path if path.is_absolute() or path.exists() else root_of(data_root) / path


def open_clean_pictures(
    settings: DataSettings, data_root: Path | None = None, cache: PixelCache | None = None
) -> list[CleanPicture]:
    """All pictures that `settings` names, in the order of sources and names; only their headers are read.

    Args:
        settings: the run's data section.
        data_root: folder that relative paths start from; `PELLUCID_DATA` when absent.
        cache: keeps decoded pictures; without one they are decoded each time.
    """
    return opened_pictures(open_sources(settings, data_root), settings.reduction, cache)


def opened_pictures(
    sources: Sequence[Source], reduction: int = 1, cache: PixelCache | None = None
) -> list[CleanPicture]:
    """All pictures of some sources, see `open_clean_pictures`.

    Args:
        sources: of pictures.
        reduction: they are averaged down by it.
        cache: keeps decoded pictures; without one they are decoded each time.
    """
    pictures, cache = [], PixelCache(0) if cache is None else cache
    for source in sources:
        for name in source.names:
            height, width = picture_size(source.read(name), f"{name} of {source.label}")
            decode = partial(_reduced, source, name, reduction)
            key = source.locate(name)
            read, forget = partial(cache.get, key, decode), partial(cache.drop, key)
            size = height // reduction, width // reduction
            pictures.append(CleanPicture(name, *size, read, forget))
    return pictures


def load_clean_pictures(settings: DataSettings, data_root: Path | None = None) -> list[NamedPicture]:
    """All pictures that `settings` names, decoded, in the order of sources and names.

    Args:
        settings: the run's data section.
        data_root: folder that relative paths start from; `PELLUCID_DATA` when absent.
    """
    return [(picture.name, picture.read()) for picture in open_clean_pictures(settings, data_root)]


def _reduced(source: Source, name: str, factor: int) -> Tensor:
    """Averaged over squares of `factor` pixels; what is left over at the right and below is cut off."""
    pixels = read_pixels(source, name)
    if min(pixels.shape[-2:]) < factor:
        raise DataError(
            f"Expected pictures of at least {factor} pixels to reduce them by {factor}, got {name} of "
            f"{pixels.shape[-1]} x {pixels.shape[-2]}: lower data.reduction, or exclude it."
        )
    return pixels if factor == 1 else F.avg_pool2d(pixels.float(), factor).round().to(pixels.dtype)


def store_pictures(pictures: Sequence[CleanPicture], budget_bytes: int, device: torch.device | str) -> SizedPictures:
    """Where crops are drawn from: pictures kept on the device when they fit the budget, else their files.

    Of pictures on the device the cache keeps none. Of a GPU's free memory they may take half: the rest is for training.
    """
    sizes = [(picture.height, picture.width) for picture in pictures]
    needed, device = sum(3 * height * width for height, width in sizes), torch.device(device)
    room = torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else needed
    if needed <= min(budget_bytes, room):
        return ResidentPictures(_forgotten_once_read(pictures), device, sizes)
    what = "data.memory" if needed > budget_bytes else "half of the GPU's free memory"
    logger.warning("The clean pictures need more than %s allows: they are decoded as they are drawn.", what)
    return DrawnPictures(sizes, lambda row: pictures[row].read(), device)


def _forgotten_once_read(pictures: Sequence[CleanPicture]) -> Iterator[Tensor]:
    for picture in pictures:
        yield picture.read()
        picture.forget()


def load_training_pairs(settings: DataSettings, data_root: Path | None = None) -> dict[str, list[NamedPair]]:
    """The pairs of every set in `settings.pairs`, by the set's name."""
    pairs = {
        wanted.name: load_pairs(wanted.name, data_root)
        if wanted.path is None
        else open_pairs(_found(wanted.path, data_root))
        for wanted in settings.pairs
    }
    return {name: [(pair.name, *pair.load()) for pair in found] for name, found in pairs.items()}


def check_leaks(settings: DataSettings, pictures: Iterable[NamedPicture], data_root: Path | None = None) -> None:
    """Refuse training pictures that also occur in the test sets that `settings` names, by content.

    Raises:
        DataError: when one does, or a test set is not at hand.
    """
    refuse_leaks_into(settings.refuse_leaks_into, pictures, data_root)


def refuse_leaks_into(sets: Sequence[str], pictures: Iterable[NamedPicture], data_root: Path | None = None) -> None:
    """Refuse pictures that also occur in the test sets of these names; nothing is read when there are none."""
    if sets:
        trained = thumbnails(pictures)
        refuse_leaks(trained, {name: thumbnails(clean_pictures(name, data_root)) for name in sets})


def split_validation(pictures: Sequence[Picture], share: float) -> tuple[list[Picture], list[Picture]]:
    """Training and validation pictures: every n-th is kept for validation; all are both when `share` is 0."""
    if share == 0 or len(pictures) < 2:
        return list(pictures), list(pictures)
    every = max(2, round(1 / share))
    kept = [picture for row, picture in enumerate(pictures) if row % every == every - 1] or [pictures[-1]]
    trained = [picture for row, picture in enumerate(pictures) if row % every != every - 1 and picture is not kept[0]]
    return trained, kept
