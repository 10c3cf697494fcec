"""The head of a BigTIFF whose pixels follow raw, so that libvips can be handed a file of raw pixels.

libvips maps a headless raw file into memory as a whole, which then counts as the process's; a TIFF it reads strip by
strip.
"""

import numpy as np

from pellucid.images.containers.directory import Entry, write_directory

_STRIP_BYTES = 1 << 20
_SAMPLE_FORMATS = {"u": 1, "f": 3}


def raw_tiff_head(height: int, width: int, channels: int, dtype: np.dtype) -> bytes:
    """What must stand before `height * width * channels` samples, row by row, to make them a TIFF of plain channels."""
    row = width * channels * dtype.itemsize
    rows = max(1, min(height, _STRIP_BYTES // row))
    tops = np.arange(0, height, rows, dtype="<u8")
    sizes = np.minimum(rows, height - tops) * np.uint64(row)

    def shorts(tag: int, *values: int) -> Entry:
        return Entry(tag, 3, len(values), np.array(values, "<u2").tobytes())

    def longs(tag: int, value: int) -> Entry:
        return Entry(tag, 4, 1, value.to_bytes(4, "little"))

    def directory(start: int) -> bytes:
        entries = [
            longs(256, width),
            longs(257, height),
            shorts(258, *[dtype.itemsize * 8] * channels),
            shorts(259, 1),  # not compressed
            shorts(262, 1),  # black is 0
            Entry(273, 16, len(tops), (tops * np.uint64(row) + np.uint64(start)).astype("<u8").tobytes()),
            shorts(277, channels),
            longs(278, rows),
            Entry(279, 16, len(tops), sizes.astype("<u8").tobytes()),
            shorts(284, 1),  # channels side by side
            shorts(339, *[_SAMPLE_FORMATS[dtype.kind]] * channels),
        ]
        if channels > 1:
            entries.append(shorts(338, *[0] * (channels - 1)))
        return write_directory(entries, 16, big=True)

    head = b"II+\0\x08\0\0\0" + (16).to_bytes(8, "little")
    return head + directory(len(head) + len(directory(0)))
