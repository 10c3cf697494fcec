"""The clean pictures of a training run, decoded once."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from pellucid.data.config import DataSettings
from pellucid.data.selection import select
from pellucid.data.shared_sets import data_root as root_of
from pellucid.data.sources import open_source
from pellucid.images.decode import decode_pixels


def load_clean_pictures(settings: DataSettings, data_root: Path | None = None) -> list[Tensor]:
    """All pictures that `settings` names, each `(3, H, W)`, uint8, in the order of sources and names.

    Args:
        settings: the run's data section.
        data_root: folder that relative paths start from; `PELLUCID_DATA` when absent.
    """
    pictures = []
    for wanted in settings.sources:
        path = wanted.path if wanted.path.is_absolute() or wanted.path.exists() else root_of(data_root) / wanted.path
        chosen = select(open_source(path), wanted.include, wanted.exclude)
        pictures += [decode_pixels(chosen.read(name), name) for name in chosen.names]
    return pictures


def split_validation(pictures: Sequence[Tensor], share: float) -> tuple[list[Tensor], list[Tensor]]:
    """Training and validation pictures: every n-th is kept for validation, at least one; all are used when `share` is 0."""
    if share == 0 or len(pictures) < 2:
        return list(pictures), list(pictures)
    every = max(2, round(1 / share))
    kept = [picture for row, picture in enumerate(pictures) if row % every == every - 1] or [pictures[-1]]
    trained = [picture for row, picture in enumerate(pictures) if row % every != every - 1 and picture is not kept[0]]
    return trained, kept
