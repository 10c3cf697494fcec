"""AVIF: EXIF and XMP items, ICC and coded colour kept verbatim; orientation as the file's own turn and mirror.

Differs from the other formats: decoders apply the turn (`irot`) and the mirror (`imir`), and ignore EXIF's orientation.
So the orientation here is the one of the boxes, and EXIF keeps whatever it said.

Source:
    AOMedia, "AV1 Image File Format (AVIF)" 1.1; ISO/IEC 23008-12 (HEIF), sections 6.5, 7.2 and Annex A.
"""

from collections.abc import Sequence
from pathlib import Path

from pellucid.errors import ImageError
from pellucid.images.containers.boxes import Box
from pellucid.images.containers.exif import exif_entries, resolution_of
from pellucid.images.containers.meta_box import XMP_TYPE, Meta, packed, read_meta
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata, Piece

# (quarter turns anticlockwise, then mirror: None, "rows" swaps top and bottom, "columns" left and right) to EXIF's.
_ORIENTATIONS = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, "columns"): 2, (1, "columns"): 7, (2, "columns"): 4, (3, "columns"): 5,
    (0, "rows"): 4, (1, "rows"): 5, (2, "rows"): 2, (3, "rows"): 7,
}  # fmt: skip
_IDENTITY_MATRIX = 0


def read(reader: ByteReader) -> Header:
    """The header of an AVIF file.

    Raises:
        ImageError: when its boxes are not whole, or it is an image sequence.
    """
    if reader.read_at(8, 4) == b"avis":
        raise ImageError(f"Expected one picture, {reader.name} is an image sequence: extract the frame to restore.")
    meta = read_meta(reader)
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
        grey=bool(coding[2] & 0x10),
    )
    width, height = (int.from_bytes(size[at : at + 4], "big") for at in (4, 8))
    return Header("avif", height, width, _metadata(reader, meta), encoding)


def _matrix(nclx: bytes) -> int:
    return int.from_bytes(nclx[8:10], "big") if len(nclx) >= 10 else 2


def _transfer(nclx: bytes) -> int | None:
    return int.from_bytes(nclx[6:8], "big") if len(nclx) >= 10 else None


def _metadata(reader: ByteReader, meta: Meta) -> Metadata:
    pieces: list[Piece] = []
    lost: list[str] = []
    for number, (kind, content) in meta.items.items():
        if kind == "Exif":
            pieces.append(Piece("Exif", _item(reader, meta, number), "exif"))
        elif kind == "mime" and content == XMP_TYPE:
            pieces.append(Piece("mime", _item(reader, meta, number), "xmp"))
        elif kind not in ("av01", "grid"):
            lost.append(f"AVIF item {kind} (a gain map, a depth map or the like)")
    turns, mirror = 0, None
    profile = transfer = None
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
            transfer = transfer if is_profile else _transfer(box.body)
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
        transfer=transfer,
        pieces=tuple(pieces),
        lost=tuple(dict.fromkeys(lost)),
    )


def _item(reader: ByteReader, meta: Meta, number: int) -> bytes:
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
    meta = read_meta(ByteReader.of_bytes(data, str(bare)))
    items = [piece for piece in pieces if piece.kind in ("Exif", "mime")]
    numbers = range(max(meta.items) + 1, max(meta.items) + 1 + len(items))
    # Two passes: offsets count from the start of the file, and depend on how long the box that holds them becomes.
    grown = len(packed(meta, pieces, items, numbers, [(0, 0)] * len(items), 0)) - meta.size
    places, at = [], len(data) + grown + 8
    for piece in items:
        places.append((at, len(piece.data)))
        at += len(piece.data)
    box = packed(meta, pieces, items, numbers, places, grown)
    tail = Box("mdat", b"".join(piece.data for piece in items)).packed() if items else b""
    target.write_bytes(data[: meta.start] + box + data[meta.start + meta.size :] + tail)
