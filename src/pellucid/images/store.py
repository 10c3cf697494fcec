"""Raw pixels at random access, in memory when they are few, else in a file that is read and written box by box.

Plain file reads and writes, no memory map: mapped pages would count as the process's memory.
"""

import os
import tempfile
import weakref
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.images.tiling import Box


class PixelStore:
    """A picture's samples, (H, W, C), of one type.

    Args:
        height: rows.
        width: columns.
        channels: samples per pixel.
        dtype: of a sample.
        folder: where the file goes; `None` to hold the pixels in memory.
        head: what the file begins with, before the pixels.
    """

    def __init__(
        self, height: int, width: int, channels: int, dtype: DTypeLike, folder: Path | None, head: bytes = b""
    ) -> None:
        self.shape = (height, width, channels)
        self.dtype = np.dtype(dtype)
        self.path: Path | None = None
        self._array: NDArray[Any] | None = None
        self._lock = Lock()
        if folder is None:
            self._array = np.empty(self.shape, self.dtype)
            return
        handle, name = tempfile.mkstemp(prefix=".pellucid-", suffix=".partial", dir=folder)
        self.path = Path(name)
        self._file: BinaryIO = os.fdopen(handle, "r+b", buffering=0)
        self._close = weakref.finalize(self, _close_and_remove, self._file, self.path)
        if os.name == "posix":
            # Without a name it goes with the process, however that ends.
            self.path.unlink()
        _drain(self._file, memoryview(head))
        self._start = len(head)

    @classmethod
    def of_array(cls, array: NDArray[Any]) -> "PixelStore":
        """A store in memory that holds `array`, (H, W, C), itself."""
        store = cls(0, 0, 0, array.dtype, None)
        store.shape = (array.shape[0], array.shape[1], array.shape[2])
        store._array = array
        return store

    @property
    def array(self) -> NDArray[Any] | None:
        """All samples, `None` when they are in a file."""
        return self._array

    def read(self, box: Box) -> NDArray[Any]:
        """The samples in `box`, (h, w, C); of a store in memory a view.

        Raises:
            OSError: when the file cannot be read.
        """
        if self._array is not None:
            return self._array[box.top : box.bottom, box.left : box.right]
        rows = np.empty((box.height, box.width, self.shape[2]), self.dtype)
        whole = box.width == self.shape[1]
        with self._lock:
            for row, part in ((0, rows),) if whole else enumerate(rows):
                self._file.seek(self._offset(box.top + row, box.left))
                _fill(self._file, memoryview(_bytes(part)))
        return rows

    def write(self, top: int, left: int, samples: NDArray[Any]) -> None:
        """Put `samples`, (h, w, C), to their place.

        Raises:
            OSError: when the file cannot be written, as on a full disc.
        """
        height, width, _ = samples.shape
        if self._array is not None:
            self._array[top : top + height, left : left + width] = samples
            return
        samples = np.ascontiguousarray(samples, self.dtype)
        with self._lock:
            for row, part in ((0, samples),) if width == self.shape[1] else enumerate(samples):
                self._file.seek(self._offset(top + row, left))
                _drain(self._file, memoryview(_bytes(part)))

    def descriptor(self) -> int:
        """The system's number of the file, standing at its beginning; of a store that has one."""
        self._file.seek(0)
        return self._file.fileno()

    def close(self) -> None:
        """Give the memory or the file back; the store cannot be used any more."""
        self._array = None
        if self.path is not None:
            self._close()

    def _offset(self, row: int, column: int) -> int:
        return self._start + (row * self.shape[1] + column) * self.shape[2] * self.dtype.itemsize


def _bytes(part: NDArray[Any]) -> Any:
    """The memory of a contiguous array, as bytes."""
    return part.reshape(-1).view(np.uint8)


def _fill(file: BinaryIO, view: memoryview) -> None:
    while len(view):
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise OSError("a temporary file is shorter than what was written to it")
        view = view[count:]


def _drain(file: BinaryIO, view: memoryview) -> None:
    while len(view):
        view = view[file.write(view) :]


def _close_and_remove(file: BinaryIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)
