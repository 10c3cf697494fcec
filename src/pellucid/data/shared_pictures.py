"""The pictures and pairs of the known sets, whatever form they are stored in."""

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from pellucid.data.pairs import PairedPicture, match_pairs, split_side_by_side
from pellucid.data.selection import select, subfolder
from pellucid.data.shared_sets import SharedSet, data_root, shared_set
from pellucid.data.sources import Source, open_source, read_pixels
from pellucid.errors import DataError


def open_set(name: str, root: str | Path | None = None) -> Source:
    """All files of a known set, as an archive or as a folder, whichever is there.

    Looked for are `KIND/ARCHIVE.tar`, `KIND/ARCHIVE/`, `ARCHIVE.tar` and `ARCHIVE/` under the root.

    Raises:
        DataError: when the set is not known or not there.
    """
    known = shared_set(name)
    archive = known.archive or known.name
    folder = data_root(root)
    for path in (folder / known.kind / archive, folder / archive):
        for candidate in (path.with_name(f"{archive}.tar"), path):
            if candidate.exists():
                source = open_source(candidate)
                return select(source, known.include) if known.include else source
    raise DataError(f"Expected {known.kind}/{archive}.tar or that folder in {folder}, got neither: get the set first.")


def load_pairs(name: str, root: str | Path | None = None) -> list[PairedPicture]:
    """The pairs of a known set, sorted by name, decoded only when each is loaded.

    Raises:
        DataError: when the set is not known, not there, or has no pairs of its own.
    """
    known = shared_set(name)
    if known.storage == "pairs":
        source = open_set(name, root)
        return match_pairs(subfolder(source, "gt"), subfolder(source, "input"), is_several=known.is_several)
    if known.storage == "side by side":
        source = subfolder(open_set(name, root), "pairs")
        return match_pairs(source, source, form="side by side")
    if known.storage == "rain layers":
        layers, may_spare = open_rain_layers(name, root), known.has_spare_layers
        return match_pairs(_clean_source(known, root), layers, form="rain layer", may_spare_degraded=may_spare)
    raise DataError(f"Expected a set of pairs, got {known.name} which holds {known.storage}: choose another set.")


def open_rain_layers(name: str, root: str | Path | None = None) -> Source:
    """The rain layers of a known set, to be put on any clean picture with `add_rain_layer`.

    Raises:
        DataError: when the set is not known, not there, or holds no layers.
    """
    return subfolder(open_set(name, root), "streak")


def clean_pictures(name: str, root: str | Path | None = None) -> Iterator[tuple[str, Tensor]]:
    """The clean pictures of a known set one by one, each once: name and uint8 pixels `(3, H, W)`.

    Of a set without clean pictures (`RealPhotos`) these are the pictures themselves.

    Raises:
        DataError: when the set is not known, not there, or consists of rain layers only.
    """
    known = shared_set(name)
    if known.storage == "side by side":
        source = subfolder(open_set(name, root), "pairs")
        for picture in source.names:
            yield picture, split_side_by_side(read_pixels(source, picture))[1]
        return
    source = _clean_source(known, root)
    for picture in source.names:
        yield picture, read_pixels(source, picture)


def _clean_source(known: SharedSet, root: str | Path | None) -> Source:
    if known.storage == "loose rain layers":
        raise DataError(
            f"Expected a set with clean pictures, got {known.name} which holds rain layers: choose another."
        )
    source = open_set(known.clean_set or known.name, root)
    return source if known.storage == "pictures" else subfolder(source, "gt")
