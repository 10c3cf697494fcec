"""AVIF: EXIF and XMP items, ICC and coded colour kept verbatim; orientation as the file's own turn and mirror.

Differs from the other formats: decoders apply the turn (`irot`) and the mirror (`imir`), and ignore EXIF's orientation.
So the orientation here is the one of the boxes, and EXIF keeps whatever it said.

Source:
    AOMedia, "AV1 Image File Format (AVIF)" 1.1; ISO/IEC 23008-12 (HEIF), sections 6.5, 7.2 and Annex A.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import ImageError
from pellucid.images.containers.boxes import (
    Box,
    Location,
    pack_locations,
    read_associations,
    read_items,
    read_locations,
    split,
)
from pellucid.images.containers.exif import exif_entries, resolution_of
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata, Piece

_XMP_TYPE = "application/rdf+xml"
_LARGEST_META = 64 << 20
# (quarter turns anticlockwise, then mirror: None, "rows" swaps top and bottom, "columns" left and right) to EXIF's.
_ORIENTATIONS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, "columns"): 2, (1, "columns"): 7, (2, "columns"): 4, (3, "columns"): 5,
    (0, "rows"): 4, (1, "rows"): 5, (2, "rows"): 2, (3, "rows"): 7,
}  # fmt: skip
_IDENTITY_MATRIX = 0


@dataclass(frozen=True)
class _Meta:
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


def read(reader: ByteReader) -> Header:
    """The header of an AVIF file.

    Raises:
        ImageError: when its boxes are not whole, or it is an image sequence.
    """
    if reader.read_at(8, 4) == b"avis":
        raise ImageError(f"Expected one picture, {reader.name} is an image sequence: extract the frame to restore.")
    meta = _read_meta(reader)
    properties = {box.kind: box.body for box in reversed(meta.properties)}
    size = properties.get("ispe", b"")
    if len(size) < 12:
        raise reader.damaged("it does not say how large it is")
    coding = properties.get("av1C", b"\0\0\0\0").ljust(4, b"\0")
    coded = [box.body for box in meta.properties if box.kind == "colr" and box.body[:4] == b"nclx"]
    encoding = Encoding(
        # A picture coded without a colour transform and without subsampling is how encoders write lossless AVIF.
        lossless=bool(coded) and _matrix(coded[0]) == _IDENTITY_MATRIX and not coding[2] & 0x0C,
        subsampled=coding[2] & 0x0C == 0x0C,
        bits=12 if coding[2] & 0x20 else 10 if coding[2] & 0x40 else 8,
    )
    width, height = (int.from_bytes(size[at : at + 4], "big") for at in (4, 8))
    return Header("avif", height, width, _metadata(reader, meta), encoding)


def _matrix(nclx: bytes) -> int:
    return int.from_bytes(nclx[8:10], "big") if len(nclx) >= 10 else 2


def _read_meta(reader: ByteReader) -> _Meta:
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


def _take_apart(start: int, size: int, boxes: tuple[Box, ...]) -> _Meta:
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
    return _Meta(start, size, boxes, primary, items, locations, own)


def _metadata(reader: ByteReader, meta: _Meta) -> Metadata:
    pieces: list[Piece] = []
    lost: list[str] = []
    for number, (kind, content) in meta.items.items():
        if kind == "Exif":
            pieces.append(Piece("Exif", _item(reader, meta, number), "exif"))
        elif kind == "mime" and content == _XMP_TYPE:
            pieces.append(Piece("mime", _item(reader, meta, number), "xmp"))
        elif kind not in ("av01", "grid"):
            lost.append(f"AVIF item {kind} (a gain map, a depth map or the like)")
    turns, mirror = 0, None
    profile = None
    for box in meta.properties:
        if box.kind == "irot" and box.body:
            turns = box.body[0] & 3
            pieces.append(Piece("irot", box.body, "orientation"))
        elif box.kind == "imir" and box.body:
            mirror = "columns" if box.body[0] & 1 else "rows"
            pieces.append(Piece("imir", box.body, "orientation"))
        elif box.kind == "colr":
            is_profile = box.body[:4] in (b"prof", b"rICC")
            profile = box.body[4:] if is_profile else profile
            pieces.append(Piece("colr", box.body, "profile" if is_profile else "coded colour (CICP)"))
        elif box.kind in ("clli", "mdcv", "pasp"):
            pieces.append(Piece(box.kind, box.body, f"AVIF property {box.kind}"))
        elif box.kind == "clap":
            lost.append("the crop of the whole picture (clean aperture; it has been applied)")
    block = next((piece.data for piece in pieces if piece.kind == "Exif"), b"")
    exif = block[4 + int.from_bytes(block[:4], "big") :] or None
    return Metadata(
        orientation=_ORIENTATIONS[turns, mirror],
        profile=profile,
        exif=exif,
        xmp=next((piece.data for piece in pieces if piece.kind == "mime"), None),
        resolution=resolution_of(exif_entries(exif)) if exif else None,
        pieces=tuple(pieces),
        lost=tuple(dict.fromkeys(lost)),
    )


def _item(reader: ByteReader, meta: _Meta, number: int) -> bytes:
    data = b""
    for location in meta.locations:
        for offset, length in location.extents if location.item == number else ():
            data += meta.body("idat")[offset : offset + length] if location.method else reader.read_at(offset, length)
    return data


def pieces(metadata: Metadata) -> tuple[Piece, ...]:
    """The items and properties that carry `metadata` of another format."""
    made = []
    if metadata.profile is not None:
        made.append(Piece("colr", b"prof" + metadata.profile, "profile"))
    if metadata.exif is not None:
        made.append(Piece("Exif", b"\0\0\0\0" + metadata.exif, "exif"))
    if metadata.xmp is not None:
        made.append(Piece("mime", metadata.xmp, "xmp"))
    return tuple(made)


def embed(bare: Path, target: Path, pieces: Sequence[Piece]) -> None:
    """Write to `target` the file `bare` with the items and properties of `pieces` added."""
    data = bare.read_bytes()
    meta = _read_meta(ByteReader.of_bytes(data, str(bare)))
    items = [piece for piece in pieces if piece.kind in ("Exif", "mime")]
    numbers = range(max(meta.items) + 1, max(meta.items) + 1 + len(items))
    # Two passes: offsets count from the start of the file, and depend on how long the box that holds them becomes.
    grown = len(_packed(meta, pieces, items, numbers, [(0, 0)] * len(items), 0)) - meta.size
    places, at = [], len(data) + grown + 8
    for piece in items:
        places.append((at, len(piece.data)))
        at += len(piece.data)
    packed = _packed(meta, pieces, items, numbers, places, grown)
    tail = Box("mdat", b"".join(piece.data for piece in items)).packed() if items else b""
    target.write_bytes(data[: meta.start] + packed + data[meta.start + meta.size :] + tail)


def _packed(
    meta: _Meta,
    pieces: Sequence[Piece],
    items: Sequence[Piece],
    numbers: Sequence[int],
    places: Sequence[tuple[int, int]],
    shift: int,
) -> bytes:
    """The meta box with everything added; offsets of what was there move by `shift`."""
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
        content = _XMP_TYPE.encode() + b"\0" if kind == b"mime" else b""
        body += Box("infe", b"\2\0\0\1" + number.to_bytes(2, "big") + b"\0\0" + kind + b"\0" + content).packed()
    return Box("iinf", body)


def _with_properties(box: Box, meta: _Meta, properties: Sequence[Piece]) -> Box:
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
            essential.add((meta.primary, count))
    rows[meta.primary] = [k for k in rows.get(meta.primary, []) if k not in replaced] + added
    body = b"\0\0\0\0" + len(rows).to_bytes(4, "big")
    for item, own in sorted(rows.items()):
        marks = bytes(k | (0x80 if (item, k) in essential else 0) for k in own)
        body += item.to_bytes(2, "big") + bytes((len(own),)) + marks
    return Box("iprp", Box("ipco", container).packed() + Box("ipma", body).packed())


def _essential(body: bytes) -> set[tuple[int, int]]:
    """Pairs of item and property that a reader must understand; libheif writes version 0 with narrow positions."""
    found, at = set(), 8
    for _ in range(int.from_bytes(body[4:8], "big")):
        item, count = int.from_bytes(body[at : at + 2], "big"), body[at + 2]
        found |= {(item, mark & 0x7F) for mark in body[at + 3 : at + 3 + count] if mark & 0x80}
        at += 3 + count
    return found
