"""Where results go: what may be replaced, and which disc will hold them."""

import os
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


def first_existing(folder: Path) -> Path:
    """`folder`, or the nearest above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.exists()), folder)
