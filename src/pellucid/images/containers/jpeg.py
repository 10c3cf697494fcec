"""JPEG: segments kept verbatim, quality and colour sampling read from the tables.

Good pictures of some cameras and programs have a header that libjpeg warns about: bytes between segments, a JFIF
version or an Adobe transform that it does not know, spectral numbers in a sequential scan. It decodes them all the
same; so it gets what the standard has there (`Header.patches`), and what it then still warns about is damage.

Source:
    ITU-T T.81 (JPEG), Annex B; JFIF 1.02; Adobe, "XMP Specification Part 3"; CIPA DC-007 (multi-picture format).
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from pellucid.errors import ImageError
from pellucid.images.containers.exif import exif_entries, orientation_of, resolution_of
from pellucid.images.containers.photoshop import holds_only_iptc, iptc_in_photoshop, photoshop_with_iptc
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata, Piece
from pellucid.images.quality import jpeg_quality

_APP0, _APP1, _APP2, _APP11, _APP13, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xFE
_EXIF, _XMP, _LONG_XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _PHOTOSHOP, _MULTI_PICTURE = b"ICC_PROFILE\0", b"Photoshop 3.0\0", b"MPF\0"
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
_LAST_ADOBE_TRANSFORM = 2
_WHOLE_SPECTRUM = b"\0\x3f\0"
_END, _START_OF_SCAN, _TABLES = 0xD9, 0xDA, 0xDB
_FRAMES = {0xC0 + number for number in range(16)} - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
# What ends the coded pixels of a scan: a marker, other than a stuffed zero, a restart or filling.
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_LARGEST_SEGMENT = 65533
_CHUNK = 1 << 20
_MOST_STEPS = 10_000  # segments and chunks after the first scan, so that a trap does not take minutes


def read(reader: ByteReader) -> Header:
    """The header of a JPEG file.

    Raises:
        ImageError: when the segments before the first scan are not whole.
    """
    tables: dict[int, tuple[int, ...]] = {}
    pieces: list[Piece] = []
    lost: list[str] = []
    patches: list[tuple[int, bytes]] = []
    interpreted: list[tuple[int, bytes, int]] = []
    frame, kind = b"", 0
    reader.seek(2)
    while True:
        before = reader.tell()
        marker = _next_marker(reader)
        after = reader.tell()
        filling = reader.read_at(before, after - before - 2)
        if filling.strip(b"\xff"):  # of which any number may stand before a marker
            patches.append((before, b"\xff" * len(filling)))
        reader.seek(after)
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        payload = reader.read(reader.number(2) - 2)
        if marker in (_APP0, _APP14, _START_OF_SCAN):
            interpreted.append((marker, payload, reader.tell() - len(payload)))
        if marker == _START_OF_SCAN:
            break
        if marker == _TABLES:
            tables.update(_tables(payload))
        elif marker in _FRAMES:
            frame, kind = payload, marker
        elif (0xE0 <= marker <= 0xEF or marker == _COMMENT) and marker != _APP14:
            name = _unkeepable(marker, payload)
            if name is None:
                pieces.append(Piece(marker, payload, _role(marker, payload)))
            else:
                lost.append(name)
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise reader.damaged("it has no frame header")
    if (rest := _bytes_after_picture(reader)) > 0:
        lost.append(f"{rest} bytes after the picture (a motion photo, a gain map, or further pictures)")
    for marker, payload, at in interpreted:
        patches += _oddities(marker, payload, at, is_sequential=kind in _SEQUENTIAL, components=frame[5])
    metadata = _metadata(pieces, tuple(dict.fromkeys(lost)))
    components = [frame[6 + 3 * row : 9 + 3 * row] for row in range(frame[5])]
    encoding = Encoding(
        quality=jpeg_quality([tables.get(component[2]) for component in components]),
        lossless=False,
        subsampled=len(components) >= 3 and components[0][1] == 0x22 and components[1][1] == 0x11,
        progressive=kind in _PROGRESSIVE,
        bits=frame[0],
    )
    return Header(
        "jpeg", int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"), metadata, encoding, tuple(patches)
    )


def _oddities(marker: int, payload: bytes, at: int, *, is_sequential: bool, components: int) -> list[tuple[int, bytes]]:
    """The places in a segment, which stands at `at`, that libjpeg warns about, and what it expects there."""
    if marker == _APP0 and payload.startswith(_JFIF) and payload[5:6] not in (b"", b"\1"):
        return [(at + 5, b"\1")]
    if marker == _APP14 and payload.startswith(_ADOBE) and len(payload) >= 12 and payload[11] > _LAST_ADOBE_TRANSFORM:
        return [(at + 11, b"\2" if components == 4 else b"\1")]  # what libjpeg takes it for
    if marker == _START_OF_SCAN and is_sequential and len(payload) > 3 and payload[-3:] != _WHOLE_SPECTRUM:
        return [(at + len(payload) - 3, _WHOLE_SPECTRUM)]
    return []


def _next_marker(reader: ByteReader) -> int:
    while reader.read(1) != b"\xff":
        pass
    marker = 0xFF
    while marker == 0xFF:
        marker = reader.number(1)
    if marker == _END:
        raise reader.damaged("it holds no picture data")
    return marker


def _tables(payload: bytes) -> dict[int, tuple[int, ...]]:
    """Quantisation tables by their number, in the order of the file (zigzag)."""
    found = {}
    while len(payload) >= 65:
        wide, number = payload[0] >> 4, payload[0] & 15
        size = 128 if wide else 64
        values = payload[1 : 1 + size]
        step = 2 if wide else 1
        found[number] = tuple(int.from_bytes(values[k : k + step], "big") for k in range(0, size, step))
        payload = payload[1 + size :]
    return found


def tables_of(stream: bytes) -> dict[int, tuple[int, ...]]:
    """The quantisation tables in an abbreviated stream, as a TIFF's JPEGTables tag holds it; empty when damaged."""
    reader = ByteReader.of_bytes(stream, "JPEGTables")
    found: dict[int, tuple[int, ...]] = {}
    try:
        reader.seek(2)
        while True:
            marker = _next_marker(reader)
            payload = reader.read(reader.number(2) - 2)
            if marker == _TABLES:
                found.update(_tables(payload))
    except ImageError:
        return found


def _role(marker: int, payload: bytes) -> str:
    if marker == _APP0:
        return "resolution" if payload.startswith(_JFIF) else "JFIF thumbnail"
    if marker == _APP1 and payload.startswith(_EXIF):
        return "exif"
    if marker == _APP1 and payload.startswith(_XMP):
        return "xmp"
    if marker == _APP1 and payload.startswith(_LONG_XMP):
        return "extended XMP"
    if marker == _APP2 and payload.startswith(_ICC):
        return "profile"
    if marker == _APP13 and payload.startswith(_PHOTOSHOP):
        return "iptc" if holds_only_iptc(payload[len(_PHOTOSHOP) :]) else "Photoshop's resources"
    return "comment" if marker == _COMMENT else f"APP{marker - _APP0} segment"


def _unkeepable(marker: int, payload: bytes) -> str | None:
    if marker == _APP2 and payload.startswith(_MULTI_PICTURE):
        return "the index of further pictures in the file (multi-picture format)"
    if marker == _APP11 and payload[:2] == b"JP":
        return "content credentials (they sign the old pixels)"
    return None


def _bytes_after_picture(reader: ByteReader) -> int:
    """How many bytes follow the end of the picture, 0 when they are only filling, or when it has no end.

    From the end of one scan to the next stand segments, whose bytes could look like the end of the picture.
    """
    start, place, chunk = reader.tell(), 0, b""
    for _ in range(_MOST_STEPS):
        if len(chunk) - place < 4:  # a marker and the length of its segment
            start, place = min(reader.size, start + place), 0
            chunk = reader.read_at(start, min(_CHUNK, reader.size - start))
        found = _AFTER_SCAN.search(chunk, place)
        if found is None:
            place = max(0, len(chunk) - 1)
        elif chunk[found.end() - 1] == _END:
            reader.seek(start + found.end())
            return reader.bytes_left_over()
        elif found.end() + 2 <= len(chunk):
            place = found.end() + int.from_bytes(chunk[found.end() : found.end() + 2], "big")
        elif start + len(chunk) < reader.size:
            place = found.end() - 2
        else:
            break
        if start + len(chunk) == reader.size and len(chunk) - place < 2:
            break
    return 0


def _metadata(pieces: list[Piece], lost: tuple[str, ...]) -> Metadata:
    roles = ("exif", "xmp", "profile", "resolution")
    payloads = {role: [piece.data for piece in pieces if piece.role == role] for role in roles}
    exif = payloads["exif"][0][len(_EXIF) :] if payloads["exif"] else None
    entries = exif_entries(exif) if exif else ()
    chunks = sorted(payloads["profile"], key=lambda payload: payload[len(_ICC) : len(_ICC) + 1])
    profile = b"".join(chunk[len(_ICC) + 2 :] for chunk in chunks)
    resources = [piece.data for piece in pieces if piece.kind == _APP13 and piece.data.startswith(_PHOTOSHOP)]
    photoshop = b"".join(payload[len(_PHOTOSHOP) :] for payload in resources)
    jfif = _jfif_resolution(payloads["resolution"][0]) if payloads["resolution"] else None
    return Metadata(
        orientation=orientation_of(entries),
        profile=profile or None,
        exif=exif,
        xmp=payloads["xmp"][0][len(_XMP) :] if payloads["xmp"] else None,
        iptc=iptc_in_photoshop(photoshop),
        resolution=jfif or resolution_of(entries),
        pieces=tuple(pieces),
        lost=lost,
    )


def _jfif_resolution(payload: bytes) -> tuple[float, float] | None:
    if len(payload) < 12 or payload[7] not in (1, 2):
        return None
    per_inch = 2.54 if payload[7] == 2 else 1.0
    x, y = int.from_bytes(payload[8:10], "big"), int.from_bytes(payload[10:12], "big")
    return (x * per_inch, y * per_inch) if x and y else None


def pieces(metadata: Metadata) -> tuple[Piece, ...]:
    """The segments that carry `metadata` of another format. What does not fit is left out; compare the roles."""
    x, y = (min(65535, round(value)) for value in metadata.resolution or (0, 0))
    density = b"\x01" + x.to_bytes(2, "big") + y.to_bytes(2, "big") if x and y else b"\0\0\x01\0\x01"
    made = [Piece(_APP0, b"JFIF\0\x01\x02" + density + b"\0\0", "resolution")]
    if metadata.exif is not None:
        made.append(Piece(_APP1, _EXIF + metadata.exif, "exif"))
    if metadata.xmp is not None:
        made.append(Piece(_APP1, _XMP + metadata.xmp, "xmp"))
    if metadata.profile is not None:
        step = _LARGEST_SEGMENT - len(_ICC) - 2
        chunks = [metadata.profile[k : k + step] for k in range(0, len(metadata.profile), step)]
        if len(chunks) <= 255:
            head = [_ICC + bytes((number, len(chunks))) for number in range(1, len(chunks) + 1)]
            made += [Piece(_APP2, start + chunk, "profile") for start, chunk in zip(head, chunks, strict=True)]
    if metadata.iptc is not None:
        made.append(Piece(_APP13, _PHOTOSHOP + photoshop_with_iptc(metadata.iptc), "iptc"))
    return tuple(piece for piece in made if len(piece.data) <= _LARGEST_SEGMENT)


def embed(bare: Path, target: Path, pieces: Sequence[Piece]) -> None:
    """Write to `target` the file `bare` with its own application segments replaced by `pieces`."""
    with bare.open("rb") as source, target.open("wb") as out:
        reader = ByteReader(source, str(bare))
        out.write(reader.read(2))
        for piece in pieces:
            assert isinstance(piece.kind, int)
            out.write(bytes((0xFF, piece.kind)) + (len(piece.data) + 2).to_bytes(2, "big") + piece.data)
        while True:
            start = reader.tell()
            marker = _next_marker(reader)
            length = reader.number(2)
            if not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
                reader.seek(start)
                break
            reader.seek(reader.tell() + length - 2)
        shutil.copyfileobj(source, out, _CHUNK)
