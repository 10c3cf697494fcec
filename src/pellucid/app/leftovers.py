"""What a killed run left behind: found and removed, unless another run is still at work on it."""

import logging
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

PATTERN = ".pellucid-*.partial"
"""Temporary names, see `pellucid.images.atomic` and `pellucid.images.decoding`."""

_LOCKED_WHILE_WRITTEN = re.compile(r"\.pellucid-[0-9a-f]{16}\.partial")
"""Names that `pellucid.images.atomic` gives; of the others only their age tells."""

_CERTAINLY_STALE_SECONDS = 24 * 3600


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove the temporary files in `folders` whose writer is gone.

    A writer holds a lock on its file. Where locks cannot be had, only what is a day old is removed.
    """
    for folder in set(folders):
        found: list[Path] = []
        with suppress(OSError):  # no folder that could be there, such as one with too long a name
            found += folder.glob(PATTERN)
        for path in found:
            with suppress(OSError):
                if _removed_unlocked(path) or _removed_old(path):
                    logger.info("Removed %s, which a run that was stopped had left.", path)


def _removed_unlocked(path: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return False
    if not _LOCKED_WHILE_WRITTEN.fullmatch(path.name):
        return False
    with suppress(OSError), path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()  # under the lock: one that was made this moment and waits for it notices that it is gone
        return True
    return False


def _removed_old(path: Path) -> bool:
    is_old = time.time() - path.stat().st_mtime >= _CERTAINLY_STALE_SECONDS
    if is_old:
        path.unlink()
    return is_old
