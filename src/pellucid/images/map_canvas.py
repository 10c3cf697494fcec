"""Maps of a picture as they come in, box by box, and the 16-bit files that they become."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyvips
from torch import Tensor

from pellucid.images.atomic import replacing, unwritable
from pellucid.images.canvas import unencodable
from pellucid.images.containers.raw_tiff import raw_tiff_head
from pellucid.images.decoding import file_name, prepare_libvips
from pellucid.images.store import PixelStore

WHITE = 65535
"""What 1 is stored as."""


class MapCanvas:
    """Takes boxes of several maps of one picture, and saves each map as a grey PNG of 16 bits.

    Args:
        names: of the maps, in the order of the channels.
        height: rows.
        width: columns.
        folder: where samples go while they are many.
        in_memory_bytes: what may stay in memory.

    Raises:
        ImageError: when the folder cannot be written to.
    """

    def __init__(self, names: Sequence[str], height: int, width: int, folder: Path, in_memory_bytes: int) -> None:
        self.names = tuple(names)
        shape, dtype = (height, width, len(self.names)), np.dtype(np.uint16)
        is_large = height * width * len(self.names) * dtype.itemsize > in_memory_bytes
        try:
            self._store = PixelStore(*shape, dtype, folder if is_large else None, raw_tiff_head(*shape, dtype))
        except OSError as error:
            raise unwritable(folder, error) from error

    def write(self, top: int, left: int, maps: Tensor) -> None:
        """Put a box of all maps to its place; values are clamped to `[0, 1]`.

        Args:
            top: first row.
            left: first column.
            maps: `(1, C, h, w)`, one channel per map.

        Raises:
            ImageError: when the disc is full.
        """
        samples = (maps[0].float().clamp(0, 1) * WHITE).round().permute(1, 2, 0).cpu().numpy().astype(np.uint16)
        try:
            self._store.write(top, left, samples)
        except OSError as error:
            raise unwritable(self._store.path or Path(), error) from error

    def save(self, targets: Mapping[str, Path]) -> None:
        """Write maps to PNG files, each whole or not at all.

        Raises:
            ImageError: when that fails.
        """
        image = self._image()
        for name, target in targets.items():
            try:
                with replacing(target) as partial:
                    band = image.extract_band(self.names.index(name)).copy(interpretation="grey16")
                    pyvips.Operation.call("pngsave", band, file_name(partial), bitdepth=16, keep="none")
            except pyvips.Error as error:
                raise unencodable(target, error) from error

    def close(self) -> None:
        """Give the samples back."""
        self._store.close()

    def _image(self) -> pyvips.Image:
        prepare_libvips()
        height, width, channels = self._store.shape
        if self._store.array is not None:
            return pyvips.Image.new_from_memory(self._store.array.data, width, height, channels, "ushort")
        source = pyvips.Source.new_from_descriptor(self._store.descriptor())
        return pyvips.Operation.call("tiffload_source", source, access="random", fail_on="error")
