"""ISO base media boxes: what the AVIF module needs of them to find items, and to add some.

Source:
    ISO/IEC 14496-12, sections 4.2 and 8.11 (meta box, item location, item information, item properties).
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """One box.

    Attributes:
        kind: its four letters.
        body: what follows the size and the kind.
    """

    kind: str
    body: bytes

    def packed(self) -> bytes:
        """The bytes of the box in a file."""
        return (len(self.body) + 8).to_bytes(4, "big") + self.kind.encode("latin-1") + self.body


def split(body: bytes) -> Iterator[Box]:
    """The boxes in `body`, as far as they are whole."""
    offset = 0
    while offset + 8 <= len(body):
        size, kind, head = int.from_bytes(body[offset : offset + 4], "big"), body[offset + 4 : offset + 8], 8
        if size == 1:
            size, head = int.from_bytes(body[offset + 8 : offset + 16], "big"), 16
        size = size or len(body) - offset
        if size < head or offset + size > len(body):
            return
        yield Box(kind.decode("latin-1"), body[offset + head : offset + size])
        offset += size


@dataclass(frozen=True)
class Location:
    """Where an item's bytes are.

    Attributes:
        item: number of the item.
        method: 0 for an offset in the file, 1 for one in the `idat` box.
        extents: offset and length of each part.
    """

    item: int
    method: int
    extents: tuple[tuple[int, int], ...]


class Cursor:
    """Numbers in turn from a box's body; past its end they are 0."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def number(self, count: int) -> int:
        """The next `count` bytes as one number."""
        value = int.from_bytes(self.data[self.at : self.at + count], "big")
        self.at += count
        return value

    def text(self) -> str:
        """The next zero-terminated text."""
        end = self.data.find(b"\0", self.at)
        end = len(self.data) if end < 0 else end
        value = self.data[self.at : end].decode("latin-1")
        self.at = end + 1
        return value

    @property
    def is_inside(self) -> bool:
        """Whether there is something left."""
        return self.at < len(self.data)


def read_locations(body: bytes) -> list[Location]:
    """The rows of an `iloc` box."""
    cursor = Cursor(body)
    version = cursor.number(1)
    cursor.number(3)
    sizes, more = cursor.number(1), cursor.number(1)
    offset_size, length_size, base_size, index_size = sizes >> 4, sizes & 15, more >> 4, more & 15
    wide = 4 if version == 2 else 2
    rows = []
    for _ in range(cursor.number(wide)):
        item = cursor.number(wide)
        method = cursor.number(2) & 15 if version else 0
        cursor.number(2)
        base = cursor.number(base_size)
        extents = []
        for _ in range(cursor.number(2)):
            cursor.number(index_size if version else 0)
            extents.append((base + cursor.number(offset_size), cursor.number(length_size)))
            if not cursor.is_inside:
                break
        rows.append(Location(item, method, tuple(extents)))
        if not cursor.is_inside:
            break
    return rows


def pack_locations(rows: list[Location]) -> Box:
    """An `iloc` box, version 1, with offsets and lengths of 8 bytes."""
    body = b"\1\0\0\0" + b"\x88\0" + len(rows).to_bytes(2, "big")
    for row in rows:
        body += row.item.to_bytes(2, "big") + row.method.to_bytes(2, "big") + b"\0\0"
        body += len(row.extents).to_bytes(2, "big")
        for offset, length in row.extents:
            body += offset.to_bytes(8, "big") + length.to_bytes(8, "big")
    return Box("iloc", body)


def read_items(body: bytes) -> dict[int, tuple[str, str]]:
    """Item number to its kind and, for `mime` items, its content type, from an `iinf` box."""
    items = {}
    for box in split(body[6 if body[:1] == b"\0" else 8 :]):
        cursor = Cursor(box.body)
        version = cursor.number(1)
        cursor.number(3)
        if box.kind != "infe" or version < 2:
            continue
        number = cursor.number(4 if version == 3 else 2)
        cursor.number(2)
        kind = cursor.number(4).to_bytes(4, "big").decode("latin-1")
        cursor.text()
        items[number] = (kind, cursor.text() if kind == "mime" else "")
    return items


def read_associations(body: bytes) -> dict[int, list[int]]:
    """Item number to the positions (from 1) of its properties, in order, from an `ipma` box."""
    cursor = Cursor(body)
    version = cursor.number(1)
    wide = cursor.number(3) & 1
    rows: dict[int, list[int]] = {}
    for _ in range(cursor.number(4)):
        item = cursor.number(4 if version else 2)
        count = cursor.number(1)
        rows[item] = [cursor.number(2) & 0x7FFF if wide else cursor.number(1) & 0x7F for _ in range(count)]
        if not cursor.is_inside:
            break
    return rows
