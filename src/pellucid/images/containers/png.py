"""PNG: ancillary chunks kept verbatim.

Source:
    W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", sections 5, 11 and 14 (editors and chunks).
"""

import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

from pellucid.errors import ImageError
from pellucid.images.containers.exif import exif_entries, orientation_of, resolution_of
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata, Piece

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_COLOUR = {"gAMA", "cHRM", "sRGB", "cICP", "mDCV", "mDCv", "cLLI", "cLLi", "sBIT"}
_DEPEND_ON_COLOUR_TYPE = {"sBIT", "bKGD", "hIST"}
_PALETTE, _TRANSPARENCY = 3, "tRNS"
_LARGEST_PIECE = 64 << 20
_LARGEST_PROFILE = 16 << 20


def read(reader: ByteReader) -> Header:
    """The header of a PNG file.

    Raises:
        ImageError: when its chunks are not whole, or it is an animation.
    """
    reader.seek(len(_SIGNATURE))
    kind, size = _chunk_start(reader)
    if kind != "IHDR" or size != 13:
        raise reader.damaged("it does not begin with a PNG header")
    header = reader.read(13)
    reader.read(4)
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits, colour = header[8], header[9]
    chunks, lost, structure = _ancillary(reader)
    if colour == _PALETTE or bits < 8 or _TRANSPARENCY in structure:
        outdated = [kind for kind, _ in chunks if kind in _DEPEND_ON_COLOUR_TYPE]
        lost += [f"PNG chunk {kind} (it described the old colour type)" for kind in outdated]
        chunks = [chunk for chunk in chunks if chunk[0] not in _DEPEND_ON_COLOUR_TYPE]
    metadata = _metadata(chunks, lost, _changes(colour, bits, structure))
    encoding = Encoding(bits=8 if colour == _PALETTE else bits, progressive=header[12] == 1)
    return Header("png", height, width, metadata, encoding)


def _chunk_start(reader: ByteReader) -> tuple[str, int]:
    size = reader.number(4)
    kind = reader.read(4)
    if not kind.isalpha():
        raise reader.damaged("its chunks are not those of a PNG")
    return kind.decode("ascii"), size


def _ancillary(reader: ByteReader) -> tuple[list[tuple[str, bytes]], list[str], set[str]]:
    """The chunks worth keeping, the names of those that cannot be kept, and the kinds that make up the picture."""
    chunks: list[tuple[str, bytes]] = []
    lost: list[str] = []
    structure: set[str] = set()
    while True:
        kind, size = _chunk_start(reader)
        if kind == "IEND":
            reader.read(size + 4)
            if rest := reader.bytes_left_over():
                lost.append(f"{rest} bytes after the picture")
            return chunks, lost, structure
        if kind == "acTL" and size == 8 and reader.number(4) > 1:
            raise ImageError(f"Expected one picture, {reader.name} is an animated PNG: extract the frame to restore.")
        if kind in ("IHDR", "PLTE", "IDAT", _TRANSPARENCY, "acTL", "fcTL", "fdAT"):
            structure.add(kind)
            reader.seek(reader.tell() + size + 4 - (4 if kind == "acTL" and size == 8 else 0))
            continue
        if size > _LARGEST_PIECE:
            raise reader.damaged(f"its {kind} chunk claims {size} bytes")
        data, checksum = reader.read(size), reader.number(4)
        if zlib.crc32(kind.encode("latin-1") + data) != checksum:
            lost.append(f"PNG chunk {kind} (damaged)")
        elif kind == "caBX":
            lost.append("content credentials (they sign the old pixels)")
        elif _role(kind, data) or kind[3:4].islower():
            chunks.append((kind, data))
        else:
            lost.append(f"PNG chunk {kind} (unknown, and not safe to copy)")


def _role(kind: str, data: bytes) -> str | None:
    if kind == "iTXt" and data.startswith(_XMP_KEYWORD + b"\0"):
        return "xmp"
    if kind in ("tEXt", "zTXt", "iTXt"):
        return f"text {data.split(bytes(1), 1)[0].decode('latin-1')!r}"
    if kind in _COLOUR:
        return f"PNG colour chunk {kind}"
    names = {"eXIf": "exif", "iCCP": "profile", "pHYs": "resolution", "tIME": "time of change", "bKGD": "background"}
    return names.get(kind)


def _changes(colour: int, bits: int, structure: set[str]) -> tuple[str, ...]:
    changes = []
    if colour == _PALETTE:
        changes.append("the palette becomes full colour")
    elif bits < 8:
        changes.append(f"{bits}-bit grey becomes 8-bit grey")
    if _TRANSPARENCY in structure:
        changes.append("the transparent colour becomes an alpha channel")
    return tuple(changes)


def _metadata(chunks: list[tuple[str, bytes]], lost: list[str], changes: tuple[str, ...]) -> Metadata:
    by_role = {_role(kind, data): data for kind, data in reversed(chunks)}
    exif = by_role.get("exif")
    entries = exif_entries(exif) if exif else ()
    physical = by_role.get("resolution", b"")
    resolution = resolution_of(entries)
    if len(physical) == 9 and physical[8] == 1:
        x, y = (int.from_bytes(physical[k : k + 4], "big") * 0.0254 for k in (0, 4))
        resolution = (x, y) if x and y else None
    coded = next((data for kind, data in chunks if kind == "cICP" and len(data) == 4), None)
    return Metadata(
        orientation=orientation_of(entries),
        profile=_profile(by_role.get("profile")),
        exif=exif,
        xmp=_international_text(by_role.get("xmp")),
        resolution=resolution,
        transfer=None if coded is None else coded[1],
        pieces=tuple(Piece(kind, data, _role(kind, data) or f"PNG chunk {kind}") for kind, data in chunks),
        lost=tuple(lost),
        changes=changes,
    )


def _profile(data: bytes | None) -> bytes | None:
    return None if data is None else _inflated(data.partition(b"\0")[2][1:])


def _international_text(data: bytes | None) -> bytes | None:
    """The text of an iTXt chunk: keyword, flag, method, language, translated keyword, text."""
    if data is None:
        return None
    after_keyword = data.partition(b"\0")[2]
    text = after_keyword[2:].partition(b"\0")[2].partition(b"\0")[2]
    return _inflated(text) if after_keyword[:1] == b"\1" else text


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, _LARGEST_PROFILE) or None
    except zlib.error:
        return None


def pieces(metadata: Metadata) -> tuple[Piece, ...]:
    """The chunks that carry `metadata` of another format. What does not fit is left out; compare the roles."""
    made = []
    if metadata.profile is not None:
        made.append(Piece("iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile), "profile"))
    if metadata.resolution is not None:
        x, y = (min(2**31 - 1, round(value / 0.0254)).to_bytes(4, "big") for value in metadata.resolution)
        made.append(Piece("pHYs", x + y + b"\1", "resolution"))
    if metadata.exif is not None:
        made.append(Piece("eXIf", metadata.exif, "exif"))
    if metadata.xmp is not None:
        made.append(Piece("iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp, "xmp"))
    return tuple(made)


def embed(bare: Path, target: Path, pieces: Sequence[Piece]) -> None:
    """Write to `target` the file `bare` with its ancillary chunks replaced by `pieces`."""
    with bare.open("rb") as source, target.open("wb") as out:
        reader = ByteReader(source, str(bare))
        out.write(reader.read(len(_SIGNATURE) + 25))
        for piece in pieces:
            kind = str(piece.kind).encode("latin-1")
            out.write(len(piece.data).to_bytes(4, "big") + kind + piece.data)
            out.write(zlib.crc32(kind + piece.data).to_bytes(4, "big"))
        while True:
            start = reader.tell()
            kind, size = _chunk_start(reader)
            if not kind[:1].islower() or kind == _TRANSPARENCY:
                reader.seek(start)
                break
            reader.seek(reader.tell() + size + 4)
        shutil.copyfileobj(source, out, 1 << 20)
