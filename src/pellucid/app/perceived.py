"""What looking at pictures gave."""

from dataclasses import dataclass
from pathlib import Path

from pellucid.app.outcome import SetAside
from pellucid.errors import ConfigurationError
from pellucid.methods.perceiver import Perception


@dataclass(frozen=True)
class PerceivedPicture:
    """One picture that was looked at.

    Attributes:
        source: its file.
        height: pixels, upright.
        width: pixels, upright.
        perception: what was found.
        compressed_at: the quality of the last JPEG compression, read from the pixels, whatever the file is now, if
            contrast is as it was; `None` where nothing can be read, see `pellucid.degradations.jpeg_reading`.
    """

    source: Path
    height: int
    width: int
    perception: Perception
    compressed_at: int | None = None

    def __str__(self) -> str:
        told = (
            "" if self.compressed_at is None else f"; as if last compressed as a JPEG of quality {self.compressed_at}"
        )
        return f"{self.perception}{told}"


@dataclass(frozen=True)
class Perceived:
    """What a call of `pellucid.perceive` gave.

    Attributes:
        pictures: from worst to best quality.
        failed: those that could not be read, in the order of the inputs.
        table: the CSV file, when a folder was given.
        page: the contact sheet, likewise.
    """

    pictures: tuple[PerceivedPicture, ...]
    failed: tuple[SetAside, ...] = ()
    table: Path | None = None
    page: Path | None = None

    @property
    def perception(self) -> Perception:
        """What was found in the only picture.

        Raises:
            ConfigurationError: when it is another number of pictures.
        """
        if len(self.pictures) != 1:
            raise ConfigurationError(f"Expected one picture for perception, got {len(self.pictures)}: use pictures.")
        return self.pictures[0].perception
