"""Clean pictures beside a prior's guess at each, made before: a generator's inversion of what was observed of it."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.pairs import PairedPicture, match_pairs
from pellucid.data.selection import subfolder
from pellucid.data.sources import open_source
from pellucid.degradations.grayscale import LUMA
from pellucid.errors import DataError

CLEAN_FOLDER, INVERSION_FOLDER = "gt", "inversion"
"""What the two folders of a set are called."""

NUM_TRAINING = 250
"""Of the 300 pictures of each published set, by name; the last 50 are its test set."""


def open_inversions(path: str | Path) -> list[PairedPicture]:
    """The pictures of a folder or archive with `gt/` and `inversion/`, in the order of the numbers in their names.

    Loading one gives the inversion and the clean picture, in this order, both uint8 `(3, H, W)`.

    Raises:
        DataError: when a folder is missing or a picture has no partner.

    Source:
        BIGPrior's released logs, which are in this order (`2` before `10`) picture by picture: sorted as text, another
        fifty pictures would be tested on.
    """
    source = open_source(path)
    pairs = match_pairs(subfolder(source, CLEAN_FOLDER), subfolder(source, INVERSION_FOLDER))
    return sorted(pairs, key=lambda pair: _by_number(pair.name))


def _by_number(name: str) -> list[tuple[int, str]]:
    """A key by which `bed_2` comes before `bed_10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def split_inversions(
    pictures: Sequence[PairedPicture], training: int = NUM_TRAINING
) -> tuple[list[PairedPicture], list[PairedPicture]]:
    """The first `training` pictures, which are learned from, and the others, which are measured on.

    Raises:
        DataError: when that leaves nothing to measure on.
    """
    if not 0 < training < len(pictures):
        raise DataError(
            f"Expected more than {training} pictures, so that some are left to measure on, got {len(pictures)}: train "
            "on fewer."
        )
    return list(pictures[:training]), list(pictures[training:])


def grey_input(clean: Tensor) -> Tensor:
    """The grey picture that is to be coloured, uint8 `(1, H, W)`, of a clean one, uint8 `(3, H, W)`.

        floor(0.299 R + 0.587 G + 0.114 B)

    Source:
        BIGPrior's released inputs, of which it gives 99.9 % of the pixels; the others are one level off.

    Example:
        >>> grey_input(torch.tensor([255, 0, 0], dtype=torch.uint8).view(3, 1, 1)).item()
        76
    """
    thousandths = torch.tensor([round(1000 * weight) for weight in LUMA], dtype=torch.int32).view(3, 1, 1)
    return ((clean.int() * thousandths).sum(0, keepdim=True) // 1000).to(torch.uint8)
