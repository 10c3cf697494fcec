"""Encoded pictures to plain 8-bit pixels, for data sets: what training and measuring need, and no metadata.

`images/files` is the door for pictures that must be written back with nothing lost; this is the quick one.
"""

import numpy as np
import pyvips
import torch
from torch import Tensor

from pellucid.errors import ImageError
from pellucid.images.bitmap import decode_bitmap, is_bitmap

_COLOUR = ("srgb", "rgb", "rgb16", "scrgb")
_GREY = ("b-w", "grey16")


def decode_pixels(data: bytes, name: str) -> Tensor:
    """The pixels of one encoded picture, uint8, `(3, H, W)`, RGB, as they are stored.

    The orientation tag is applied; grey becomes three equal channels; alpha is dropped; 16 bits become
    `round(v / 257)`; floats are taken as `[0, 1]`; CMYK and the like are converted to sRGB. Profiles are not applied:
    the numbers of the file are what benchmarks are measured on.

    Args:
        data: the bytes of a JPEG, PNG, WebP, TIFF, AVIF, GIF (first frame) or uncompressed BMP file.
        name: how a message calls the picture.

    Raises:
        ImageError: when the bytes are broken, cut short, or no picture.
    """
    if is_bitmap(data):
        return decode_bitmap(data, name)
    try:
        picture = pyvips.Image.new_from_buffer(data, "", fail_on="error").autorot()
        pixels = np.atleast_3d(_to_8_bit(_to_grey_or_rgb(picture)).numpy())
    except pyvips.Error as error:
        reason = error.detail.strip().splitlines() or ["unknown format"]
        raise ImageError(
            f"Expected {name} to be a whole picture, got broken bytes ({reason[-1]}): replace it."
        ) from error
    planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))  # (1 or 3, H, W)
    return planes if len(planes) == 3 else planes.repeat(3, 1, 1)


def picture_size(data: bytes, name: str) -> tuple[int, int]:
    """Height and width in pixels, upright, read from the header alone where the format allows it.

    Raises:
        ImageError: when the header is broken.
    """
    if is_bitmap(data):
        height, width = decode_bitmap(data, name).shape[-2:]
        return height, width
    try:
        picture = pyvips.Image.new_from_buffer(data, "").autorot()  # decodes nothing yet
    except pyvips.Error as error:
        raise ImageError(f"Expected {name} to be a picture, got bytes of no known format: replace it.") from error
    return picture.height, picture.width


def _to_grey_or_rgb(picture: pyvips.Image) -> pyvips.Image:
    """One or three bands, without alpha."""
    if picture.interpretation not in _COLOUR + _GREY:
        picture = picture.colourspace("srgb")
    return picture[0] if picture.interpretation in _GREY or picture.bands < 3 else picture[:3]


def _to_8_bit(picture: pyvips.Image) -> pyvips.Image:
    if picture.format == "ushort":
        picture = (picture / 257).rint()
    elif picture.format in ("float", "double"):
        picture = (picture * 255).rint()
    return picture.cast("uchar")  # clips to 0 ... 255
