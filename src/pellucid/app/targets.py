"""Where results go: what may be replaced, and which disc will hold them."""

import os
from collections.abc import Iterable
from pathlib import Path

from pellucid.app.degradation_record import DegradationRecord
from pellucid.app.journal import Journal
from pellucid.errors import ImageError


def check_is_ours(target: Path, record: Journal | DegradationRecord) -> None:
    """Refuse to replace what is not ours.

    Raises:
        ImageError: when there is a file at `target` that the record of its folder does not name.
    """
    if os.path.lexists(target) and not record.wrote(target):
        raise ImageError(
            f"Expected no file at {target}, found one that Pellucid did not write, going by {record.path}: name "
            "another output, or use --overwrite."
        )


def check_is_not_there(target: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse to replace a file where nobody keeps a record of what is ours; an input never.

    Raises:
        ImageError: when `target` is one of the inputs, or a file is there and `overwrite` is not given.
    """
    if not os.path.lexists(target):
        return
    if any(target.exists() and path.exists() and path.samefile(target) for path in inputs):
        raise ImageError(f"Expected another file than the inputs, got {target}: name another output.")
    if not overwrite:
        raise ImageError(f"Expected no file at {target}, found one: name another output, or use --overwrite.")


def first_existing(folder: Path) -> Path:
    """`folder`, or the nearest above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.exists()), folder)
