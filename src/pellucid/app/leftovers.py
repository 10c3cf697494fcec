"""What a killed run left behind: found and removed, unless another run is still at work there."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from pellucid.app.journal import JOURNAL_NAME

logger = logging.getLogger(__name__)

PATTERN = ".pellucid-*.partial"
"""Temporary names, see `pellucid.images.atomic` and `pellucid.images.store`."""

_CERTAINLY_STALE_SECONDS = 24 * 3600


@contextmanager
def tidied(homes: Iterable[Path], folders: Iterable[Path]) -> Iterator[None]:
    """Remove stale temporary files from `folders`, and keep other runs from taking ours for stale until the block ends.

    Args:
        homes: folders with a journal; a lock on it tells runs of each other.
        folders: where results go. Those in a home are tidied when nobody else is at work there; in others, and where
            locks cannot be had, only what is a day old is removed.
    """
    with ExitStack() as stack:
        locks = {home: _lock(home, stack) for home in set(homes)}
        alone = {home for home, lock in locks.items() if lock is not None}
        for folder in set(folders):
            is_ours_alone = not alone.isdisjoint((folder, *folder.parents))
            _remove(folder, 0.0 if is_ours_alone else _CERTAINLY_STALE_SECONDS)
        for lock in locks.values():
            if lock is not None:
                _share(lock)
        yield


def _lock(home: Path, stack: ExitStack) -> IO[bytes] | None:
    """The journal of `home`, locked for us alone; `None` when others have it, and then we share it with them."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return None
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = stack.enter_context((home / JOURNAL_NAME).open("ab"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(file, fcntl.LOCK_SH)
            return None
    except OSError:  # no locks on this file system, or no right to write: the first picture will tell
        return None
    return file


def _share(lock: IO[bytes]) -> None:
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_SH)


def _remove(folder: Path, least_age_seconds: float) -> None:
    now = time.time()
    for path in folder.glob(PATTERN):
        with suppress(OSError):
            if now - path.stat().st_mtime >= least_age_seconds:
                path.unlink()
                logger.info("Removed %s, which a run that was stopped had left.", path)
