"""Binary PGM and PPM: read only, decoded here because libvips's binary builds have no reader for them.

Source:
    Netpbm, format specifications "PGM" and "PPM".
"""

import re

import numpy as np
from numpy.typing import NDArray

from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_START = re.compile(rb"P([56])" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,5})\s")
_LONGEST_START = 4096


def read(reader: ByteReader) -> Header:
    """The header of a binary PGM or PPM file.

    Raises:
        ImageError: when it is not whole, or its largest value is neither 255 nor 65535.
    """
    _, width, height, largest = (int(group) for group in _start(reader).groups())
    if largest not in (255, 65535):
        raise reader.damaged(f"its largest value is {largest}, where 255 or 65535 are read")
    return Header("pnm", height, width, encoding=Encoding(bits=8 if largest == 255 else 16))


def pixels(reader: ByteReader, header: Header) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The pixels, (H, W, 3) or (H, W, 1)."""
    match = _start(reader)
    channels, size = (1 if match.group(1) == b"5" else 3), header.encoding.bits // 8
    shape = (header.height, header.width, channels)
    data = reader.read_at(match.end(), header.height * header.width * channels * size)
    if size == 1:
        return np.frombuffer(data, np.uint8).reshape(shape)
    return np.frombuffer(data, ">u2").astype(np.uint16).reshape(shape)


def _start(reader: ByteReader) -> re.Match[bytes]:
    match = _START.match(reader.read_at(0, min(reader.size, _LONGEST_START)))
    if match is None:
        raise reader.damaged("its header is not that of a binary PGM or PPM")
    return match
