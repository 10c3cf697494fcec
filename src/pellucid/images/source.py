"""Where a picture's bytes are: in a file, or in memory."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Source:
    """Where a picture's bytes are.

    Attributes:
        name: how messages call it.
        path: of the file; `None` when the bytes are in memory.
        data: the bytes; not looked at when there is a path.
    """

    name: str
    path: Path | None = None
    data: bytes = field(default=b"", repr=False)

    def open(self) -> BinaryIO:
        """The bytes, open for reading.

        Raises:
            OSError: when the file cannot be opened.
        """
        return io.BytesIO(self.data) if self.path is None else self.path.open("rb")
