"""Pairs of a clean and a degraded picture, matched by name, decoded when asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pellucid.data.cache import PixelCache
from pellucid.data.selection import subfolder
from pellucid.data.sources import Source, open_source, read_pixels
from pellucid.errors import DataError

Form = Literal["two files", "rain layer", "side by side"]
"""How a pair is stored: each picture in its own file; a layer of light to add to the clean picture; or one file with
the clean picture in its left half and the degraded one in its right half."""

FOLDER_NAMES = (("gt", "input"), ("clean", "degraded"))
"""Folders that are looked for in one source, clean pictures first."""

_NUM_NAMED = 3


class Member(NamedTuple):
    """One picture of a source."""

    source: Source
    name: str


@dataclass(frozen=True)
class PairedPicture:
    """One pair, not yet decoded.

    Attributes:
        name: relative base name of the degraded picture, without suffix.
        clean: where the clean picture lies.
        degraded: where the degraded one, or its rain layer, lies.
        form: how the two make a pair.
    """

    name: str
    clean: Member
    degraded: Member
    form: Form = "two files"

    def load(self, cache: PixelCache | None = None) -> tuple[Tensor, Tensor]:
        """The degraded and the clean picture, both uint8 `(3, H, W)` and of one size.

        Raises:
            DataError: when the two files differ in size.
            ImageError: when a file is broken.
        """
        read = read_pixels if cache is None else cache.pixels
        if self.form == "side by side":
            return split_side_by_side(read(*self.clean))
        clean, degraded = read(*self.clean), read(*self.degraded)
        if self.form == "rain layer":
            return add_rain_layer(clean, degraded)
        if clean.shape != degraded.shape:
            raise DataError(
                f"Expected both pictures of {self.name} to have one size, got clean {_size(clean)} and degraded "
                f"{_size(degraded)}: crop them to the same part."
            )
        return degraded, clean


def split_side_by_side(both: Tensor) -> tuple[Tensor, Tensor]:
    """The degraded right and the clean left half, `(3, H, W // 2)` each; an odd last column is dropped."""
    half = both.shape[-1] // 2
    return both[..., half : 2 * half], both[..., :half]


def add_rain_layer(clean: Tensor, layer: Tensor) -> tuple[Tensor, Tensor]:
    """The rainy picture `min(white, clean + layer)` and the clean one, both cropped to their common top left part.

    Args:
        clean: uint8, `(3, H, W)`.
        layer: uint8, `(3, h, w)`, the light that the streaks add.
    """
    height, width = min(clean.shape[-2], layer.shape[-2]), min(clean.shape[-1], layer.shape[-1])
    clean, layer = clean[..., :height, :width], layer[..., :height, :width]
    white = torch.iinfo(torch.uint8).max
    return (clean.int() + layer.int()).clamp(max=white).to(torch.uint8), clean


def open_pairs(path: str | Path, degraded_path: str | Path | None = None) -> list[PairedPicture]:
    """The pairs of one folder or archive with `gt/` and `input/` (or `clean/` and `degraded/`), or of two.

    Args:
        path: holds both folders; or, when `degraded_path` is given, the clean pictures only.
        degraded_path: holds the degraded pictures.

    Raises:
        DataError: when the folders are missing or a picture has no partner.
    """
    source = open_source(path)
    if degraded_path is not None:
        return match_pairs(source, open_source(degraded_path))
    for clean, degraded in FOLDER_NAMES:
        if any(name.startswith(f"{clean}/") for name in source.names):
            return match_pairs(subfolder(source, clean), subfolder(source, degraded))
    expected = " or ".join(f"{clean}/ and {degraded}/" for clean, degraded in FOLDER_NAMES)
    raise DataError(
        f"Expected the folders {expected} in {path}, "
        f"got names like {source.names[0]}: rename the folders or give two paths."
    )


def match_pairs(
    clean: Source,
    degraded: Source,
    *,
    form: Form = "two files",
    is_several: bool = False,
    may_spare_degraded: bool = False,
) -> list[PairedPicture]:
    """One pair for each degraded picture, sorted by name; partners have the same base name, suffixes may differ.

    Args:
        clean: holds the clean pictures.
        degraded: holds the degraded ones, or the rain layers.
        form: how the two make a pair.
        is_several: a clean picture has several degraded ones, named after it: `scene` -> `scene_1`, `scene_2_hazy`.
        may_spare_degraded: leave degraded pictures without a partner out instead of refusing them.

    Raises:
        DataError: when a picture has no partner, or two of one source share a base name.
    """
    clean_names, degraded_names = _by_base_name(clean), _by_base_name(degraded)
    partner = {base: _partner(base, clean_names, is_several) for base in degraded_names}
    lonely = [name for base, name in degraded_names.items() if partner[base] is None]
    if lonely and not may_spare_degraded:
        _refuse_lonely(lonely, degraded, clean)
    lonely = [name for base, name in clean_names.items() if base not in partner.values()]
    if lonely:
        _refuse_lonely(lonely, clean, degraded)
    return [
        PairedPicture(base, Member(clean, clean_names[match]), Member(degraded, degraded_names[base]), form)
        for base, match in sorted(partner.items())
        if match is not None
    ]


def _partner(base: str, clean_names: dict[str, str], is_several: bool) -> str | None:
    """The clean base name that `base` belongs to: the same, or else the longest that ends before an underscore."""
    while base not in clean_names:
        base, underscore, _ = base.rpartition("_")
        if not (is_several and underscore):
            return None
    return base


def _by_base_name(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in source.names:
        base = name.rpartition(".")[0]
        if base in found:
            raise DataError(
                f"Expected one picture per base name in {source.label}, got {found[base]} and {name}: remove one."
            )
        found[base] = name
    return found


def _refuse_lonely(lonely: list[str], source: Source, other: Source) -> None:
    more = f" and {len(lonely) - _NUM_NAMED} more" if len(lonely) > _NUM_NAMED else ""
    raise DataError(
        f"Expected every picture of {source.label} to have one of the same base name in {other.label}, got none for "
        f"{', '.join(lonely[:_NUM_NAMED])}{more}: add the partners or remove these."
    )


def _size(pixels: Tensor) -> str:
    return f"{pixels.shape[-1]}x{pixels.shape[-2]}"
