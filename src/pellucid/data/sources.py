"""A named collection of encoded pictures: a folder, or a plain tar archive read where it lies."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from torch import Tensor

from pellucid.data.archive import TarArchive
from pellucid.errors import DataError
from pellucid.images.decode import decode_pixels

PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
"""Only files with these suffixes count, in either case; text and tables that lie beside pictures do not."""


class Source(Protocol):
    """What every collection of encoded pictures offers. Reading is safe from several threads and processes."""

    @property
    def label(self) -> str:
        """How messages call the collection."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Of all its pictures, relative, with `/` between folders, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """The encoded bytes of one picture."""
        ...

    def locate(self, name: str) -> str:
        """Where one picture lies; the same text for the same stored picture, whichever view it is reached by."""
        ...


@dataclass(frozen=True)
class Folder:
    """The pictures under a folder and its subfolders (links to folders are not followed)."""

    path: Path
    names: tuple[str, ...]

    @property
    def label(self) -> str:
        """The folder's own name."""
        return self.path.name

    def read(self, name: str) -> bytes:
        """The encoded bytes of one picture.

        Raises:
            DataError: when the file has gone since the folder was opened, or may not be read.
        """
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise DataError(f"Expected {name} in {self.path}, got {error.strerror}: restore the file.") from error

    def locate(self, name: str) -> str:
        """Where one picture lies."""
        return str(self.path / name)


def open_source(path: str | Path) -> Source:
    """The pictures of a folder or of a plain tar archive, ready to be read by name.

    Nothing is decoded and nothing extracted: a folder is walked and an archive's headers are read, once. Hidden files
    are left out. In an archive that holds everything in one top folder, that folder is not part of the names, so an
    archive and the folder packed into it have the same names.

    Raises:
        DataError: when the path is neither, holds no picture, or the archive is compressed or broken.
    """
    path = Path(path).resolve()
    if path.is_dir():
        source = Folder(path, tuple(sorted(_names_under(path))))
    elif path.is_file():
        source = TarArchive.open(path, is_picture_name)
    else:
        raise DataError(f"Expected a folder or a tar archive, got {path} where nothing is: check the path.")
    if not source.names:
        raise DataError(
            f"Expected pictures in {path}, got none with a suffix of {', '.join(sorted(PICTURE_SUFFIXES))}."
        )
    return source


def is_picture_name(name: str) -> bool:
    """Whether a relative name is that of a picture and neither it nor a folder on the way is hidden."""
    path = PurePosixPath(name)
    return path.suffix.lower() in PICTURE_SUFFIXES and not any(part.startswith(".") for part in path.parts)


def read_pixels(source: Source, name: str) -> Tensor:
    """One picture of a source, decoded: uint8, `(3, H, W)`, RGB.

    Raises:
        ImageError: when the picture is broken.
    """
    return decode_pixels(source.read(name), f"{name} of {source.label}")


def _names_under(folder: Path) -> list[str]:
    names = []
    for place, _, files in os.walk(folder):
        relative = Path(place).relative_to(folder)
        names.extend((relative / file).as_posix() for file in files)
    return [name for name in names if is_picture_name(name)]
