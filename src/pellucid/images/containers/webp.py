"""WebP: RIFF chunks kept verbatim, the quality read from the VP8 frame.

Source:
    Google, "WebP Container Specification"; RFC 9649.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from pellucid.errors import ImageError
from pellucid.images.containers.exif import exif_entries, orientation_of, resolution_of
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata, Piece
from pellucid.images.quality import webp_quality

_ROLES = {"ICCP": "profile", "EXIF": "exif", "XMP ": "xmp"}
_FLAGS = {"ICCP": 0x20, "EXIF": 0x08, "XMP ": 0x04}
_ALPHA = 0x10
_PICTURE = ("VP8 ", "VP8L", "ALPH", "VP8X", "ANIM", "ANMF")
_LARGEST_PIECE = 64 << 20


def read(reader: ByteReader) -> Header:
    """The header of a WebP file.

    Raises:
        ImageError: when its chunks are not whole, or it is an animation.
    """
    reader.seek(4)
    end = 8 + reader.number(4, "little")
    if end > reader.size:
        raise reader.damaged("the file ends too early")
    reader.seek(12)
    pieces: list[Piece] = []
    size: tuple[int, int] | None = None
    quality: int | None = None
    frames, lossless = 0, False
    while reader.tell() + 8 <= end:
        kind, count = reader.read(4).decode("latin-1"), reader.number(4, "little")
        start = reader.tell()
        if start + count > end:
            raise reader.damaged("the file ends too early")
        if kind in ("VP8 ", "VP8L"):
            frame = reader.read(min(count, 256))
            size = _size(kind, frame)
            lossless, quality = (True, None) if kind == "VP8L" else (False, webp_quality(frame))
        elif kind == "ANMF":
            frames += 1
        elif kind not in _PICTURE:
            if count > _LARGEST_PIECE:
                raise reader.damaged(f"its {kind} chunk claims {count} bytes")
            pieces.append(Piece(kind, reader.read(count), _ROLES.get(kind, f"WebP chunk {kind}")))
        reader.seek(min(end, start + count + count % 2))
    if frames:
        raise ImageError(f"Expected one picture, {reader.name} is an animated WebP: extract the frame to restore.")
    if size is None:
        raise reader.damaged("it holds no picture data")
    return Header("webp", size[0], size[1], _metadata(pieces), Encoding(quality, lossless, subsampled=not lossless))


def _size(kind: str, frame: bytes) -> tuple[int, int] | None:
    """Height and width."""
    if kind == "VP8 " and len(frame) >= 10:
        return int.from_bytes(frame[8:10], "little") & 0x3FFF, int.from_bytes(frame[6:8], "little") & 0x3FFF
    if kind == "VP8L" and len(frame) >= 5:
        bits = int.from_bytes(frame[1:5], "little")
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    return None


def _metadata(pieces: list[Piece]) -> Metadata:
    by_role = {piece.role: piece.data for piece in reversed(pieces)}
    # Some writers put JPEG's six-byte mark before the block.
    exif = by_role.get("exif", b"").removeprefix(b"Exif\0\0") or None
    entries = exif_entries(exif) if exif else ()
    return Metadata(
        orientation=orientation_of(entries),
        profile=by_role.get("profile"),
        exif=exif,
        xmp=by_role.get("xmp"),
        resolution=resolution_of(entries),
        pieces=tuple(pieces),
    )


def pieces(metadata: Metadata) -> tuple[Piece, ...]:
    """The chunks that carry `metadata` of another format. What does not fit is left out; compare the roles."""
    found = (("ICCP", metadata.profile), ("EXIF", metadata.exif), ("XMP ", metadata.xmp))
    return tuple(Piece(kind, data, _ROLES[kind]) for kind, data in found if data is not None)


def embed(bare: Path, target: Path, pieces: Sequence[Piece]) -> None:
    """Write to `target` the file `bare` with its metadata chunks replaced by `pieces`."""
    with bare.open("rb") as source, target.open("wb") as out:
        reader = ByteReader(source, str(bare))
        reader.seek(12)
        picture: list[tuple[int, int]] = []
        flags, size = 0, (1, 1)
        while reader.tell() + 8 <= reader.size:
            start = reader.tell()
            kind, count = reader.read(4).decode("latin-1"), reader.number(4, "little")
            if kind in ("VP8 ", "VP8L"):
                frame = reader.read(min(count, 16))
                size = _size(kind, frame) or size
                flags |= _ALPHA if kind == "VP8L" and frame[4] & 0x10 else 0
            flags |= _ALPHA if kind == "ALPH" else 0
            if kind in ("VP8 ", "VP8L", "ALPH"):
                picture.append((start, 8 + count + count % 2))
            reader.seek(min(reader.size, start + 8 + count + count % 2))
        for piece in pieces:
            flags |= _FLAGS.get(str(piece.kind), 0)
        out.write(b"RIFF\0\0\0\0WEBP")
        if flags & ~_ALPHA or len(picture) > 1:
            canvas = (size[1] - 1).to_bytes(3, "little") + (size[0] - 1).to_bytes(3, "little")
            out.write(b"VP8X" + (10).to_bytes(4, "little") + flags.to_bytes(4, "little") + canvas)
        before = [piece for piece in pieces if piece.kind == "ICCP"]
        _write_chunks(out, before)
        for start, count in picture:
            source.seek(start)
            out.write(source.read(count))
        _write_chunks(out, [piece for piece in pieces if piece.kind != "ICCP"])
        total = out.tell()
        out.seek(4)
        out.write((total - 8).to_bytes(4, "little"))


def _write_chunks(out: BinaryIO, pieces: Sequence[Piece]) -> None:
    for piece in pieces:
        count = len(piece.data)
        out.write(str(piece.kind).encode("latin-1") + count.to_bytes(4, "little") + piece.data + b"\0" * (count % 2))
