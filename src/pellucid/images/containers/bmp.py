"""BMP: read only, decoded by `images/bitmap` because libvips's binary builds have no reader for it."""

import numpy as np
from numpy.typing import NDArray

from pellucid.images.bitmap import decode_bitmap
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Header, Metadata


def read(reader: ByteReader) -> Header:
    """The header of a BMP file.

    Raises:
        ImageError: when it is not whole.
    """
    width, height = (int.from_bytes(reader.read_at(at, 4), "little", signed=True) for at in (18, 22))
    x, y = (int.from_bytes(reader.read_at(at, 4), "little") * 0.0254 for at in (38, 42))
    lost = ("opacity (the fourth byte of each pixel)",) if _has_fourth(reader, 4 * width * abs(height)) else ()
    return Header("bmp", abs(height), width, Metadata(resolution=(x, y) if x and y else None, lost=lost))


def _has_fourth(reader: ByteReader, count: int) -> bool:
    """Whether the fourth byte of pixels says anything; where it is no opacity it is 0, or 255, everywhere."""
    if int.from_bytes(reader.read_at(28, 2), "little") != 32:
        return False
    start = int.from_bytes(reader.read_at(10, 4), "little")
    fourth = np.frombuffer(reader.read_at(start, max(0, min(count, reader.size - start))), np.uint8)[3::4]
    return len(fourth) > 0 and (fourth[0] not in (0, 255) or bool((fourth != fourth[0]).any()))


def pixels(reader: ByteReader, header: Header) -> NDArray[np.uint8]:
    """The pixels, (H, W, 3), or (H, W, 1) where there are only greys of 8 bits.

    Raises:
        ImageError: when the file is compressed, or has another depth than 8, 24 or 32 bits.
    """
    bits = int.from_bytes(reader.read_at(28, 2), "little")
    decoded = decode_bitmap(reader.read_at(0, reader.size), reader.name).numpy().transpose(1, 2, 0)  # (H, W, 3)
    is_grey = bits == 8 and bool((decoded == decoded[..., :1]).all())
    return np.ascontiguousarray(decoded[..., :1] if is_grey else decoded)
