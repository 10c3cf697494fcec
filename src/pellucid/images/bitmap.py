"""Windows bitmaps, which libvips does not read by itself: the uncompressed kinds with 8, 24 or 32 bits per pixel.

Source: Microsoft, "Bitmap Storage", BITMAPFILEHEADER and BITMAPINFOHEADER (and its longer successors V4 and V5).
"""

import struct

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import ImageError

_UNCOMPRESSED, _BIT_FIELDS = 0, 3
_BLUE_GREEN_RED_MASKS = (0x00FF0000, 0x0000FF00, 0x000000FF)  # written red, green, blue


def is_bitmap(data: bytes) -> bool:
    """Whether the bytes begin as a Windows bitmap does."""
    return data[:2] == b"BM"


def decode_bitmap(data: bytes, name: str) -> Tensor:
    """The pixels of an uncompressed Windows bitmap, uint8, `(3, H, W)`, RGB; a fourth byte per pixel is dropped.

    Raises:
        ImageError: when the file is cut short, compressed, or has another number of bits.
    """
    try:
        offset, header_size, width, height, _, depth, compression = struct.unpack_from("<10xIIiiHHI", data)
        palette_length = struct.unpack_from("<46xI", data)[0] or 256
    except struct.error as error:
        raise ImageError(
            f"Expected {name} to be a whole BMP, but its header is cut short: get the file anew."
        ) from error
    masks_are_plain = compression == _UNCOMPRESSED or (
        compression == _BIT_FIELDS and depth == 32 and struct.unpack_from("<54x3I", data) == _BLUE_GREEN_RED_MASKS
    )
    if depth not in (8, 24, 32) or header_size < 40 or width < 1 or height == 0 or not masks_are_plain:
        raise ImageError(
            f"Expected {name} as an uncompressed BMP of 8, 24 or 32 bits, got another kind: save it as PNG."
        )
    stride = (width * depth // 8 + 3) // 4 * 4  # every row is filled up to a multiple of four bytes
    if len(data) < offset + stride * abs(height):
        raise ImageError(f"Expected {name} to be a whole BMP, but its pixels are cut short: get the file anew.")

    rows = np.frombuffer(data, np.uint8, stride * abs(height), offset).reshape(abs(height), stride)
    rows = rows[:, : width * depth // 8]
    if height > 0:  # rows stand bottom up unless the height is negative
        rows = rows[::-1]
    if depth == 8:
        palette = np.zeros((256, 4), np.uint8)
        stored = np.frombuffer(data, np.uint8, offset=14 + header_size, count=min(palette_length, 256) * 4)
        palette[: len(stored) // 4] = stored.reshape(-1, 4)
        pixels = palette[rows]
    else:
        pixels = rows.reshape(abs(height), width, depth // 8)
    return torch.from_numpy(
        np.ascontiguousarray(pixels[..., 2::-1].transpose(2, 0, 1))
    )  # blue, green, red -> (3, H, W)
