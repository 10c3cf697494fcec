"""The quality that a lossy file was written with, read from the file's own quantiser.

A restored picture is written with at least that quality, so the numbers err upwards: a JPEG's estimate is the lowest
setting of the standard encoder that quantises no coefficient more coarsely than the file does.
"""

import functools
from collections.abc import Sequence

# ITU-T T.81, Annex K, tables K.1 and K.2, in zigzag order as files hold them.
_LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61,
    60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113,
    121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip
_CHROMINANCE = (17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66) + (99,) * 50


def jpeg_quality(tables: Sequence[Sequence[int] | None]) -> int:
    """The lowest quality, 1 to 100, at which the standard tables are nowhere coarser than `tables`.

    Args:
        tables: per component the 64 steps in zigzag order; the first is luminance, the others colour. `None` where
            the file names a table that it does not hold.

    Source:
        The scaling of the Independent JPEG Group's encoder (`jpeg_set_quality`), which libvips uses.

    Example:
        >>> jpeg_quality([[1] * 64])
        100
    """
    present = [(_CHROMINANCE if row else _LUMINANCE, table) for row, table in enumerate(tables) if table]
    low, high = 1, 100
    while low < high:
        middle = (low + high) // 2
        fine = all(
            step <= max(found, 1)
            for standard, table in present
            for step, found in zip(_scaled(standard, middle), table, strict=False)
        )
        low, high = (low, middle) if fine else (middle + 1, high)
    return low


@functools.cache
def _scaled(standard: tuple[int, ...], quality: int) -> list[int]:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(255, max(1, (step * scale + 50) // 100)) for step in standard]


def webp_quality(frame: bytes) -> int | None:
    """The quality, 1 to 100, of a lossy WebP, from the quantiser index in its VP8 frame; `None` when unreadable.

        index = 127 (1 - c),  c = linear^(1/3),  linear = 2/3 q below q = 0.75, else 2 q - 1

    Args:
        frame: the first bytes of the payload of the `VP8 ` chunk, 64 are enough.

    Source:
        RFC 6386, sections 7.3 (bool decoder), 9.2-9.6 and 19.2 (frame header); libwebp's mapping of quality.
    """
    if len(frame) < 24 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    bits = _BoolDecoder(frame[10:])
    bits.literal(2)  # colour space, clamping
    index_of_segments: list[int] = []
    absolute = False
    if bits.literal(1):
        absolute = _read_segments(bits, index_of_segments)
    bits.literal(1 + 6 + 3)  # loop filter: kind, level, sharpness
    if bits.literal(1) and bits.literal(1):
        for _ in range(8):
            if bits.literal(1):
                bits.literal(7)
    bits.literal(2)  # number of partitions
    base = bits.literal(7)
    segments = [value if absolute else base + value for value in index_of_segments]
    index = min([value for value in segments if value >= 0] or [base])
    linear = (1 - min(index, 127) / 127) ** 3
    quality = linear * 1.5 if linear < 0.5 else (linear + 1) / 2
    return max(1, min(100, round(100 * quality + 0.499)))


def _read_segments(bits: "_BoolDecoder", values: list[int]) -> bool:
    """Fill `values` with the segments' quantisers; whether they are absolute."""
    has_map, has_data = bits.literal(1), bits.literal(1)
    absolute = False
    if has_data:
        absolute = bool(bits.literal(1))
        for size in (7,) * 4 + (6,) * 4:
            value = 0
            if bits.literal(1):
                value = bits.literal(size)
                value = -value if bits.literal(1) else value
            if size == 7:
                values.append(value)
    if has_map:
        for _ in range(3):
            if bits.literal(1):
                bits.literal(8)
    return absolute


class _BoolDecoder:
    """VP8's arithmetic decoder, for flags and numbers of even probability (RFC 6386, section 7.3)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._value = int.from_bytes(data[:2], "big")
        self._next = 2
        self._range = 255
        self._shifts = 0

    def literal(self, count: int) -> int:
        number = 0
        for _ in range(count):
            number = number * 2 + self._flag()
        return number

    def _flag(self) -> int:
        split = 1 + (((self._range - 1) * 128) >> 8)
        if self._value >= split << 8:
            self._range -= split
            self._value -= split << 8
            bit = 1
        else:
            self._range = split
            bit = 0
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifts += 1
            if self._shifts == 8:
                self._shifts = 0
                self._value |= self._data[self._next] if self._next < len(self._data) else 0
                self._next += 1
        return bit
