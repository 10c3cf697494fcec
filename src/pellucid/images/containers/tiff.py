"""TIFF: every tag that does not describe the storage of the pixels is kept verbatim, EXIF and GPS directories with it.

Source:
    TIFF 6.0 (Adobe, 1992), sections 2 to 19; TIFF Technical Note 1 (sub-directories); Adobe, "TIFF Photoshop".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import ImageError
from pellucid.images.containers.directory import (
    EXIF,
    GPS,
    Entry,
    rational,
    read_directory,
    read_start,
    short,
    write_directory,
)
from pellucid.images.containers.exif import (
    ORIENTATION,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    exif_block,
    exif_entries,
    orientation_of,
    resolution_of,
)
from pellucid.images.containers.jpeg import tables_of
from pellucid.images.containers.photoshop import iptc_in_photoshop
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata, Piece
from pellucid.images.quality import jpeg_quality

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA_SAMPLES, _JPEG_TABLES, _PALETTE = 317, 322, 323, 338, 347, 320
_SAMPLE_FORMAT = 339
_SUB_DIRECTORIES, _LAYERS, _DNG = 330, 37724, 50706
_XMP, _IPTC, _PHOTOSHOP, _PROFILE = 700, 33723, 34377, 34675
_ROLES = {
    _XMP: "xmp", _IPTC: "iptc", _PROFILE: "profile", EXIF: "exif", GPS: "exif",
    X_RESOLUTION: "resolution", Y_RESOLUTION: "resolution", RESOLUTION_UNIT: "resolution",
    _PHOTOSHOP: "Photoshop's resources", _EXTRA_SAMPLES: "storage",
}  # fmt: skip
# What describes the storage of the pixels: libvips writes its own.
_STORAGE = {
    254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291, 292,
    293, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 333, 334, 336, 339, 340, 341, 342, 343, 344,
    345, 346, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 559, 37724,
}  # fmt: skip
# What an EXIF block may carry of a TIFF's first directory, besides the EXIF and GPS directories.
_IN_EXIF = {270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 33432, EXIF, GPS}
_IN_EVERY = {ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT}
_COMPRESSIONS = {
    1: "none", 2: "ccittfax4", 3: "ccittfax4", 4: "ccittfax4", 5: "lzw", 6: "jpeg", 7: "jpeg", 8: "deflate",
    32773: "packbits", 32946: "deflate", 34925: "lzma", 50000: "zstd", 50001: "webp", 50002: "jxl", 33004: "jp2k",
}  # fmt: skip
_PREDICTORS = {2: "horizontal", 3: "float"}
_MAX_PAGES = 1000


def read(reader: ByteReader) -> Header:
    """The header of a TIFF file.

    Raises:
        ImageError: when its directories or its pixels are not whole, it holds several pictures, or it is camera raw.
    """
    order, big, offset = read_start(reader)
    entries, following = read_directory(reader, offset, order, big=big)
    tags = {entry.tag: entry for entry in entries}
    if _DNG in tags or reader.read_at(8, 2) == b"CR":
        raise ImageError(f"Expected a developed picture, {reader.name} is camera raw: export it as TIFF first.")
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise reader.damaged("it does not say how large it is")
    _check_pixels(reader, tags)
    lost = _other_pages(reader, order, big, following, {offset})
    if _SUB_DIRECTORIES in tags:
        lost.append("sub-pictures of the page (a pyramid or previews)")
    if _LAYERS in tags:
        lost.append("Photoshop's layers")
    extra = tags[_EXTRA_SAMPLES].numbers() if _EXTRA_SAMPLES in tags else ()
    encoding = _encoding(tags, big, extra)
    patches = ()
    if encoding.premultiplied:
        patches = ((tags[_EXTRA_SAMPLES].at, (2).to_bytes(len(tags[_EXTRA_SAMPLES].data) // len(extra), order)),)
    metadata = _metadata(entries, lost, encoding, tags)
    return Header("tiff", tags[_HEIGHT].first(), tags[_WIDTH].first(), metadata, encoding, patches)


def _check_pixels(reader: ByteReader, tags: dict[int, Entry]) -> None:
    """Each strip and tile lies inside the file: libvips would read what is missing of an uncompressed one as zeros."""
    where = (_TILES, _TILE_BYTES) if _TILES in tags else (_STRIPS, _STRIP_BYTES)
    starts, sizes = (tags.get(tag) for tag in where)
    if starts is None:
        raise reader.damaged("it holds no picture data")
    ends = zip(starts.numbers(), sizes.numbers() if sizes else [0] * starts.count, strict=False)
    if any(start + size > reader.size for start, size in ends):
        raise reader.damaged("the file ends too early")


def _other_pages(reader: ByteReader, order: Any, big: bool, offset: int, seen: set[int]) -> list[str]:
    """Names of further pages that cannot be kept: reduced copies. Further full pictures are refused."""
    reduced = pages = 0
    while offset and offset not in seen and len(seen) < _MAX_PAGES:
        seen.add(offset)
        entries, offset = read_directory(reader, offset, order, big=big)
        is_reduced = any(entry.tag == _SUBFILE and entry.first() & 1 for entry in entries)
        reduced, pages = reduced + is_reduced, pages + (not is_reduced)
    if pages:
        raise ImageError(f"Expected one picture, {reader.name} has {pages + 1} pages: extract the page to restore.")
    return [f"{reduced} reduced copies of the page"] if reduced else []


def _encoding(tags: dict[int, Entry], big: bool, extra: tuple[int, ...]) -> Encoding:
    def first(tag: int, default: int) -> int:
        return tags[tag].first() if tag in tags else default

    compression = _COMPRESSIONS.get(first(_COMPRESSION, 1), "unknown")
    quality = None
    if compression == "jpeg":
        tables = tables_of(tags[_JPEG_TABLES].data) if _JPEG_TABLES in tags else {}
        quality = jpeg_quality([tables[number] for number in sorted(tables)]) if tables else None
    tile = (first(_TILE_WIDTH, 0), first(_TILE_HEIGHT, 0))
    return Encoding(
        quality=quality,
        lossless=compression not in ("jpeg", "webp", "jxl", "jp2k"),
        bits=first(_BITS, 1),
        compression=compression,
        predictor=_PREDICTORS.get(first(_PREDICTOR, 1), "none"),
        tile=tile if _TILES in tags and all(tile) else None,
        big=big,
        premultiplied=extra[:1] == (1,),
        opacity=extra[:1] != (0,),
    )


def _metadata(entries: tuple[Entry, ...], lost: list[str], encoding: Encoding, tags: dict[int, Entry]) -> Metadata:
    kept = tuple(entry for entry in entries if entry.tag not in _STORAGE and (encoding.bits > 4 or entry.tag != 301))
    photoshop = tags[_PHOTOSHOP].data if _PHOTOSHOP in tags else b""
    changes = []
    if encoding.bits == 16 and _SAMPLE_FORMAT in tags and tags[_SAMPLE_FORMAT].first() == 3:
        changes.append("16-bit floats become 32-bit floats")
    if encoding.bits < 8:
        changes.append(f"{encoding.bits}-bit samples become 8-bit samples")
    if _PALETTE in tags:
        changes.append("the palette becomes full colour")
    if _PHOTOMETRIC in tags and tags[_PHOTOMETRIC].first() == 0:
        changes.append("grey stored with white as 0 is stored with black as 0")

    in_exif = tuple(entry for entry in entries if entry.tag in _IN_EXIF)

    def data(tag: int) -> bytes | None:
        return tags[tag].data if tag in tags else None

    return Metadata(
        orientation=orientation_of(entries),
        profile=data(_PROFILE),
        exif=exif_block(in_exif) if any(entry.tag not in _IN_EVERY for entry in in_exif) else None,
        xmp=data(_XMP),
        iptc=iptc_in_photoshop(photoshop) or data(_IPTC),
        resolution=resolution_of(entries),
        pieces=tuple(Piece(entry.tag, entry, _role(entry.tag)) for entry in kept),
        lost=tuple(lost),
        changes=tuple(changes),
    )


def pieces(metadata: Metadata) -> tuple[Piece, ...]:
    """The tags that carry `metadata` of another format."""
    entries = [entry for entry in exif_entries(metadata.exif or b"") if entry.tag not in _STORAGE]
    if metadata.resolution is not None:
        x, y = metadata.resolution
        entries += [rational(X_RESOLUTION, x), rational(Y_RESOLUTION, y), short(RESOLUTION_UNIT, 2)]
    blobs = ((_XMP, 1, metadata.xmp), (_IPTC, 7, metadata.iptc), (_PROFILE, 7, metadata.profile))
    entries += [Entry(tag, kind, len(data), data) for tag, kind, data in blobs if data is not None]
    return tuple(Piece(entry.tag, entry, _role(entry.tag)) for entry in entries)


def _role(tag: int) -> str:
    return _ROLES.get(tag, "exif" if tag in _IN_EXIF else f"TIFF tag {tag}")


def embed(bare: Path, target: Path, pieces: Sequence[Piece]) -> None:
    """Turn the file `bare` into `target` with the tags of `pieces` added, by appending a new directory."""
    bare.replace(target)
    with target.open("r+b") as file:
        reader = ByteReader(file, str(target))
        order, big, offset = read_start(reader)
        own, _ = read_directory(reader, offset, order, big=big)
        resolution = {X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, ORIENTATION}
        # ExtraSamples is the input's where it brings one: only that says whether colours are premultiplied.
        kept = [entry for entry in own if entry.tag in _STORAGE | {_EXTRA_SAMPLES} and entry.tag not in resolution]
        start = reader.size + reader.size % 2
        file.seek(start)
        file.write(write_directory([*kept, *(piece.data for piece in pieces)], start, big=big))
        file.seek(8 if big else 4)
        file.write(start.to_bytes(8 if big else 4, "little"))
