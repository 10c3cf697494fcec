"""What restoring pictures gave, and what came between."""

import errno
from dataclasses import dataclass
from pathlib import Path

from pellucid.app.receipt import Receipt
from pellucid.errors import ConfigurationError, PellucidError


@dataclass(frozen=True)
class RestoredPicture:
    """One picture that is restored.

    Attributes:
        source: the original.
        target: the result.
        receipt: what was done.
        was_finished: whether an earlier run had done it.
    """

    source: Path
    target: Path
    receipt: Receipt
    was_finished: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether it was restored but not bettered, as far as can be perceived, so that the original was kept."""
        return self.receipt.kept is not None and self.receipt.quality_after is not None


@dataclass(frozen=True)
class SetAside:
    """One picture that could not be restored.

    Attributes:
        source: the original, as it was.
        reason: in one sentence.
    """

    source: Path
    reason: str


@dataclass(frozen=True)
class Restored:
    """What a call of `pellucid.restore` gave.

    Attributes:
        files: the restored pictures, in the order of the inputs.
        failed: those that were set aside.
        report: the page, when one was asked for.
    """

    files: tuple[RestoredPicture, ...]
    failed: tuple[SetAside, ...] = ()
    report: Path | None = None

    @property
    def doubtful(self) -> tuple[RestoredPicture, ...]:
        """Pictures that were restored but not bettered, as far as can be perceived, so that the original was kept."""
        return tuple(picture for picture in self.files if picture.is_doubtful)

    @property
    def path(self) -> Path:
        """Where the result lies, when it is one picture.

        Raises:
            ConfigurationError: when it is another number of pictures.
        """
        if len(self.files) != 1:
            raise ConfigurationError(f"Expected one restored picture for path, got {len(self.files)}: use files.")
        return self.files[0].target


def stops_all(error: Exception) -> bool:
    """Whether the next picture would meet the same: a setting out of range, a full disc."""
    causes = (error, error.__cause__)
    is_full = any(isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT) for cause in causes)
    return is_full or isinstance(error, ConfigurationError)


def reason_of(error: Exception, doing: str = "restore") -> str:
    """Why a picture was set aside, in one sentence."""
    if isinstance(error, PellucidError):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"Expected room to {doing} it, but the memory is full: give a smaller --memory or --tile."
    return f"Expected to {doing} it, but {type(error).__name__} happened ({text}): please report this as a bug."
