"""A plain tar archive as a collection of pictures, read where it lies: nothing is extracted to disc."""

import posixpath
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import DataError


@dataclass(frozen=True)
class TarArchive:
    """The pictures of an uncompressed tar archive.

    Each read opens the file anew and takes one slice of it, so threads and worker processes share nothing.

    Attributes:
        path: of the archive.
        places: by name, where a picture's bytes begin and how many they are; sorted by name.
    """

    path: Path
    places: dict[str, tuple[int, int]]

    @classmethod
    def open(cls, path: Path, is_wanted: Callable[[str], bool]) -> "TarArchive":
        """Index the wanted members of an archive; where a name occurs twice the later one counts, as in tar.

        Raises:
            DataError: when the file is no tar archive, or a compressed or broken one.
        """
        places = {}
        try:
            with tarfile.open(path, "r:") as archive:
                for member in archive:
                    name = posixpath.normpath(member.name).lstrip("/")
                    if member.isreg() and not member.issparse() and is_wanted(name):
                        places[name] = (member.offset_data, member.size)
        except (tarfile.TarError, OSError) as error:
            raise DataError(
                f"Expected a plain tar archive, got {path.name} ({error}): unpack it, or pack it without compression."
            ) from error
        top = _one_top_folder(list(places))
        return cls(path, {name[len(top) :]: places[name] for name in sorted(places)})

    @property
    def label(self) -> str:
        """The archive's name without its suffix."""
        return self.path.stem

    @property
    def names(self) -> tuple[str, ...]:
        """Of all pictures, sorted."""
        return tuple(self.places)

    def read(self, name: str) -> bytes:
        """The encoded bytes of one picture.

        Raises:
            DataError: when there is no such member, or the archive has been cut short since it was opened.
        """
        if name not in self.places:
            raise DataError(f"Expected a picture of {self.path.name}, got {name!r} which is not in it: check the name.")
        offset, size = self.places[name]
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise DataError(f"Expected to read {self.path}, got {error.strerror}: restore the file.") from error
        if len(data) != size:
            raise DataError(
                f"Expected {size} bytes of {name} in {self.path.name}, got {len(data)}: get the archive anew."
            )
        return data

    def locate(self, name: str) -> str:
        """Where one picture lies."""
        return f"{self.path}:{name}"


def _one_top_folder(names: list[str]) -> str:
    """`"folder/"` when every name begins with it, else the empty string."""
    tops = {name.split("/", 1)[0] + "/" for name in names}
    return next(iter(tops)) if len(tops) == 1 and all("/" in name for name in names) else ""
