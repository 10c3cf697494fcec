"""Directories of tags: the tree that a TIFF file and an EXIF block are both made of.

Values are held in little-endian order whatever the file's order was, because that is what is written. A value that
points outside the file is left out; broken EXIF must not make a good picture unreadable.

Source:
    TIFF 6.0 (Adobe, 1992), section 2; BigTIFF (Adobe/LibTIFF, 2007); EXIF 3.0 (CIPA DC-008), section 4.6.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from pellucid.errors import ImageError
from pellucid.images.containers.reading import ByteReader

Order = Literal["big", "little"]

# Bytes per value, and bytes per number inside a value (a rational is two numbers), by TIFF's number of the type.
_SIZES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1,
}  # fmt: skip
_NUMBERS = {**_SIZES, 5: 4, 10: 4}

EXIF, GPS, INTEROPERABILITY = 34665, 34853, 40965
_CHILDREN = (EXIF, GPS, INTEROPERABILITY)
_LARGEST = 2**32 - 1
_MAX_ENTRIES = 4096
_MAX_DEPTH = 3


@dataclass(frozen=True)
class Entry:
    """One tag's value.

    Attributes:
        tag: its number.
        kind: TIFF's number of the type.
        count: how many values.
        data: the values, little-endian; empty when there are `children`.
        at: where in the file the value stands; of no matter for equality.
        children: the directory that the value points to.
    """

    tag: int
    kind: int
    count: int
    data: bytes
    at: int = field(default=0, compare=False)
    children: "tuple[Entry, ...] | None" = None

    def numbers(self) -> tuple[int, ...]:
        """The values as integers; of rationals, numerators and denominators in turn."""
        size = _NUMBERS[self.kind]
        signed = "i" if self.kind in (6, 8, 9, 10, 17) else "u"
        return tuple(np.frombuffer(self.data, dtype=f"<{signed}{size}").tolist())

    def first(self) -> int:
        """The first value, 0 when there is none."""
        numbers = self.numbers()
        return numbers[0] if numbers else 0


def short(tag: int, value: int) -> Entry:
    """An entry of one 16-bit number."""
    return Entry(tag, 3, 1, value.to_bytes(2, "little"))


def rational(tag: int, value: float) -> Entry:
    """An entry of one unsigned fraction, exact to a millionth as far as 32 bits go; 2^32 - 1 when that is less."""
    value = min(value, _LARGEST)
    ratio = Fraction(value).limit_denominator(min(1_000_000, _LARGEST // max(1, math.ceil(value))))
    return Entry(tag, 5, 1, ratio.numerator.to_bytes(4, "little") + ratio.denominator.to_bytes(4, "little"))


def read_start(reader: ByteReader, base: int = 0) -> tuple[Order, bool, int]:
    """Byte order, whether offsets have 64 bits, and where the first directory is."""
    mark = reader.read_at(base, 4)
    order: Order = "little" if mark[:2] == b"II" else "big"
    version = int.from_bytes(mark[2:], order)
    if mark[:2] not in (b"II", b"MM") or version not in (42, 43):
        raise reader.damaged("it has no valid TIFF header")
    if version == 42:
        return order, False, reader.number(4, order)
    reader.read(4)
    return order, True, reader.number(8, order)


def read_directory(
    reader: ByteReader, offset: int, order: Order, *, big: bool = False, base: int = 0, depth: int = 0
) -> tuple[tuple[Entry, ...], int]:
    """The entries of the directory at `base + offset`, and the offset of the next one (0 when it is the last).

    Args:
        reader: the file.
        offset: of the directory.
        order: of the bytes.
        big: whether offsets have 64 bits.
        base: what offsets count from.
        depth: how many directories led here; deeper ones are left out.

    Raises:
        ImageError: when the directory itself is not whole.
    """
    reader.seek(base + offset)
    count = reader.number(8 if big else 2, order)
    if count > _MAX_ENTRIES:
        raise reader.damaged("a directory of tags is not believable")
    table = reader.read(count * (20 if big else 12))
    following = reader.number(8 if big else 4, order)
    step, inline = (20, 8) if big else (12, 4)
    entries = []
    for row in range(count):
        raw = table[row * step : (row + 1) * step]
        tag, kind = int.from_bytes(raw[:2], order), int.from_bytes(raw[2:4], order)
        number = int.from_bytes(raw[4 : step - inline], order)
        size = _SIZES.get(kind, 0) * number
        if kind not in _SIZES:
            continue
        value = raw[step - inline :]
        at = base + offset + (8 if big else 2) + row * step + step - inline
        if size > inline:
            at = base + int.from_bytes(value, order)
            if at + size > reader.size:
                continue
            value = reader.read_at(at, size)
        entry = Entry(tag, kind, number, _little_endian(value[:size], kind, order), at)
        entries.append(_with_children(reader, entry, order, big=big, base=base, depth=depth))
    return tuple(entry for entry in entries if entry is not None), following


def _with_children(reader: ByteReader, entry: Entry, order: Order, *, big: bool, base: int, depth: int) -> Entry | None:
    if entry.tag not in _CHILDREN:
        return entry
    if depth >= _MAX_DEPTH or entry.kind not in (4, 13, 16, 18):
        return None
    try:
        children, _ = read_directory(reader, entry.first(), order, big=big, base=base, depth=depth + 1)
    except ImageError:
        return None
    return Entry(entry.tag, 4, 1, b"", entry.at, children)


def _little_endian(value: bytes, kind: int, order: Order) -> bytes:
    size = _NUMBERS[kind]
    if order == "little" or size == 1:
        return value
    return np.frombuffer(value, dtype=f">u{size}").astype(f"<u{size}").tobytes()


def write_directory(entries: Iterable[Entry], start: int, *, big: bool = False) -> bytes:
    """The bytes of a directory that will stand at offset `start`, little-endian, followed by its values and children.

    Args:
        entries: in any order; of two with one tag the later wins.
        start: offset in the file, an even number.
        big: whether offsets have 64 bits.
    """
    unique = sorted({entry.tag: entry for entry in entries}.values(), key=lambda entry: entry.tag)
    step, inline, width = (20, 8, 8) if big else (12, 4, 2)
    tail_at = start + width + step * len(unique) + inline
    table, tail = bytearray(len(unique).to_bytes(width, "little")), bytearray()
    for entry in unique:
        data, kind, count = entry.data, entry.kind, entry.count
        if entry.children is not None:
            data = (tail_at + len(tail)).to_bytes(inline, "little")
            kind, count = (16 if big else 4), 1
            tail += write_directory(entry.children, tail_at + len(tail), big=big)
        elif len(data) > inline:
            place = tail_at + len(tail)
            tail += data + b"\0" * (len(data) % 2)
            data = place.to_bytes(inline, "little")
        table += entry.tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + count.to_bytes(inline, "little")
        table += data.ljust(inline, b"\0")
    tail += b"\0" * (len(tail) % 2)
    return bytes(table) + b"\0" * inline + bytes(tail)
