"""Bounded reading: never past the end of a file, never more than there is, whatever a length field claims."""

import io
import os
from typing import BinaryIO, Literal

from pellucid.errors import ImageError

_FIRST_OF_REST = 1 << 20
_LONGEST_FILLING = 16


def damaged(name: str, reason: str) -> ImageError:
    """The error for a file whose structure or data is not whole."""
    return ImageError(f"Expected a whole picture in {name}, but {printable(reason)}: get a fresh copy of the file.")


def printable(text: str) -> str:
    """`text` on one line, without what a terminal would not show; names and messages come from broken files."""
    return "".join(character if character.isprintable() else "?" for character in text)


class ByteReader:
    """A binary file that knows its size and its name, and raises `ImageError` instead of returning too little.

    Args:
        file: seekable, open for reading.
        name: how messages call it.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)

    @classmethod
    def of_bytes(cls, data: bytes, name: str) -> "ByteReader":
        """A reader over `data`."""
        return cls(io.BytesIO(data), name)

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes from here.

        Raises:
            ImageError: when the file ends before.
        """
        if count < 0 or count > self.size - self.file.tell():
            raise damaged(self.name, "the file ends too early")
        return self.file.read(count)

    def read_at(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes from `offset`."""
        self.seek(offset)
        return self.read(count)

    def number(self, count: int, order: Literal["big", "little"] = "big") -> int:
        """The unsigned number in the next `count` bytes."""
        return int.from_bytes(self.read(count), order)

    def seek(self, offset: int) -> None:
        """Go to `offset`, which may be the end but not past it."""
        if not 0 <= offset <= self.size:
            raise damaged(self.name, "the file ends too early")
        self.file.seek(offset)

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self.file.tell()

    def bytes_left_over(self) -> int:
        """How many bytes follow here, where the picture has ended; 0 when they are only filling."""
        rest = self.size - self.tell()
        return rest if len(self.read(min(_FIRST_OF_REST, rest)).strip(b"\0\xff")) > _LONGEST_FILLING else 0

    def damaged(self, reason: str) -> ImageError:
        """The error for this file, to be raised by the caller."""
        return damaged(self.name, reason)
