"""The meta box of a HEIF file taken apart, and put together again with items and properties added.

Source:
    ISO/IEC 14496-12, section 8.11; ISO/IEC 23008-12 (HEIF), sections 6.5, 9.3 and Annex A.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.images.containers.boxes import (
    Box,
    Location,
    pack_locations,
    read_associations,
    read_items,
    read_locations,
    split,
)
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Piece

XMP_TYPE = "application/rdf+xml"
_LARGEST_META = 64 << 20


@dataclass(frozen=True)
class Meta:
    """The meta box taken apart; `properties` are those of the primary item, `start` and `size` are of the box."""

    start: int
    size: int
    boxes: tuple[Box, ...]
    primary: int
    items: dict[int, tuple[str, str]]
    locations: list[Location]
    properties: tuple[Box, ...]

    def body(self, kind: str) -> bytes:
        """The body of the child box `kind`, empty when there is none."""
        return next((box.body for box in self.boxes if box.kind == kind), b"")


def read_meta(reader: ByteReader) -> Meta:
    """The meta box, wherever it stands in the file.

    Raises:
        ImageError: when there is none, or boxes are not whole.
    """
    offset = 0
    while offset + 8 <= reader.size:
        size, kind, head = int.from_bytes(reader.read_at(offset, 4), "big"), reader.read(4), 8
        if size == 1:
            size, head = reader.number(8), 16
        size = size or reader.size - offset
        if size < head or offset + size > reader.size:
            raise reader.damaged("the file ends too early")
        if kind == b"meta":
            if size > _LARGEST_META:
                raise reader.damaged("its description of items is not believable")
            body = reader.read(size - head)[4:]
            return _take_apart(offset, size, tuple(split(body)))
        offset += size
    raise reader.damaged("it holds no picture data")


def _take_apart(start: int, size: int, boxes: tuple[Box, ...]) -> Meta:
    body = {box.kind: box.body for box in reversed(boxes)}
    primary = int.from_bytes(body.get("pitm", b"")[4:], "big")
    properties: list[Box] = []
    parts = tuple(split(body.get("iprp", b"")))
    for part in parts:
        if part.kind == "ipco":
            properties += split(part.body)
    wanted: list[int] = []
    for part in parts:
        if part.kind == "ipma":
            wanted += read_associations(part.body).get(primary, [])
    own = tuple(properties[k - 1] for k in wanted if 0 < k <= len(properties))
    items, locations = read_items(body.get("iinf", b"")), read_locations(body.get("iloc", b""))
    return Meta(start, size, boxes, primary, items, locations, own)


def packed(
    meta: Meta,
    pieces: Sequence[Piece],
    items: Sequence[Piece],
    numbers: Sequence[int],
    places: Sequence[tuple[int, int]],
    shift: int,
) -> bytes:
    """The meta box with everything added, for a file whose other boxes stand after it.

    Args:
        meta: as it was.
        pieces: properties and items to add to the primary item.
        items: those of `pieces` that are items.
        numbers: of the new items.
        places: offset and length of each new item in the new file.
        shift: by how many bytes the data of the old items moves.
    """
    locations = [
        Location(row.item, row.method, tuple((o if row.method else o + shift, n) for o, n in row.extents))
        for row in meta.locations
    ]
    locations += [Location(number, 0, (place,)) for number, place in zip(numbers, places, strict=True)]
    made = []
    for box in meta.boxes:
        if box.kind == "iloc":
            made.append(pack_locations(locations))
        elif box.kind == "iinf":
            made.append(_with_items(box, items, numbers))
        elif box.kind == "iprp":
            made.append(_with_properties(box, meta, [piece for piece in pieces if piece not in items]))
        elif box.kind != "iref":
            made.append(box)
    whom = b"\0\1" + meta.primary.to_bytes(2, "big")
    describes = b"".join(Box("cdsc", number.to_bytes(2, "big") + whom).packed() for number in numbers)
    references = (meta.body("iref") or b"\0\0\0\0") + describes
    if len(references) > 4:
        made.append(Box("iref", references))
    return Box("meta", b"\0\0\0\0" + b"".join(box.packed() for box in made)).packed()


def _with_items(box: Box, items: Sequence[Piece], numbers: Sequence[int]) -> Box:
    count = int.from_bytes(box.body[4:6], "big") + len(items)
    body = box.body[:4] + count.to_bytes(2, "big") + box.body[6:]
    for piece, number in zip(items, numbers, strict=True):
        kind = str(piece.kind).encode("latin-1")
        content = XMP_TYPE.encode() + b"\0" if kind == b"mime" else b""
        body += Box("infe", b"\2\0\0\1" + number.to_bytes(2, "big") + b"\0\0" + kind + b"\0" + content).packed()
    return Box("iinf", body)


def _with_properties(box: Box, meta: Meta, properties: Sequence[Piece]) -> Box:
    """The property box with `properties` added for the primary item; coded colour keeps the new picture's matrix."""
    parts = {part.kind: part.body for part in split(box.body)}
    container = parts["ipco"]
    rows = read_associations(parts["ipma"])
    replaced = [
        k + 1
        for k, own in enumerate(split(container))
        if own.kind == "colr" and own.body[:4] == b"nclx" and any(p.data[:4] == b"nclx" for p in properties)
    ]
    coded = next((own.body for own in meta.properties if own.kind == "colr" and own.body[:4] == b"nclx"), None)
    essential = _essential(parts["ipma"])
    count = sum(1 for _ in split(container))
    added = []
    for piece in properties:
        data = piece.data
        if data[:4] == b"nclx":
            # The new picture's own matrix and range; 6 is BT.601, which libheif codes with when it writes no box.
            data = data[:8] + (coded[8:11] if coded else b"\0\6\x80")
        container += Box(str(piece.kind), data).packed()
        count += 1
        added.append(count)
        if piece.role == "orientation":
            # Opacity is a picture of its own, and must turn with the one it belongs to.
            turning = [meta.primary, *_auxiliaries(meta)]
            essential |= {(item, count) for item in turning}
            for item in turning[1:]:
                rows[item] = [*rows.get(item, []), count]
    rows[meta.primary] = [k for k in rows.get(meta.primary, []) if k not in replaced] + added
    body = b"\0\0\0\0" + len(rows).to_bytes(4, "big")
    for item, own in sorted(rows.items()):
        marks = bytes(k | (0x80 if (item, k) in essential else 0) for k in own)
        body += item.to_bytes(2, "big") + bytes((len(own),)) + marks
    return Box("iprp", Box("ipco", container).packed() + Box("ipma", body).packed())


def _auxiliaries(meta: Meta) -> list[int]:
    """The items that belong to the primary one, such as its opacity; of a reference box of version 0."""
    return [
        int.from_bytes(box.body[:2], "big")
        for box in split(meta.body("iref")[4:])
        if box.kind == "auxl" and int.from_bytes(box.body[4:6], "big") == meta.primary
    ]


def _essential(body: bytes) -> set[tuple[int, int]]:
    """Pairs of item and property that a reader must understand; libheif writes version 0 with narrow positions."""
    found, at = set(), 8
    for _ in range(int.from_bytes(body[4:8], "big")):
        item, count = int.from_bytes(body[at : at + 2], "big"), body[at + 2]
        found |= {(item, mark & 0x7F) for mark in body[at + 3 : at + 3 + count] if mark & 0x80}
        at += 3 + count
    return found
