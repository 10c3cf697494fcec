"""Files that are either whole or not there: written under a temporary name in the target folder, then renamed."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from pellucid.errors import ImageError

SUFFIX = ".partial"
"""Ends every temporary name, so that what a killed process left can be told."""


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new temporary path beside `target`; it becomes `target` when the block ends, and is removed when it fails.

    A file that is replaced hands its permissions on. The new one is on the disc before it takes the old one's place: a
    system that fails just then must not leave an empty file where a picture was.

    Raises:
        ImageError: when the folder is missing or not writable, the disc is full, or `target` is a folder.
    """
    if target.is_dir():
        raise ImageError(f"Expected a file to write to, {target} is a folder: add a file name.")
    with temporary_beside(target) as temporary:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):  # a new file, or a file system without permissions
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)


@contextlib.contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """A new empty file in the folder of `target`, with the permissions that new files get; removed when the block ends.

    Raises:
        ImageError: when it cannot be made, or the block fails to write.
    """
    path, lock = None, None
    try:
        while path is None or not path.exists():  # gone when another run took it for a leftover before it was locked
            _release(lock)
            # A fixed short name: the target's own may be as long as the file system allows.
            path = target.parent / f".pellucid-{secrets.token_hex(8)}{SUFFIX}"
            lock = _locked(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield path
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        _release(lock)
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _locked(descriptor: int) -> int | None:
    """A lock that says, until the process ends, that the file is being written; `None` where there are no locks."""
    try:
        import fcntl
    except ImportError:  # and an open file could not be renamed there
        os.close(descriptor)
        return None
    with contextlib.suppress(OSError):  # not on this file system
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def unwritable(target: Path, error: OSError) -> ImageError:
    """The error for a target that cannot be written."""
    reason = (error.strerror or str(error)).lower()
    return ImageError(f"Expected to write {target}, but that failed ({reason}): check the folder and its free space.")
