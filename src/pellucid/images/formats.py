"""The file formats, as one table: how each is recognised, called, read and written."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pellucid.errors import ImageError
from pellucid.images.containers import avif, bmp, gif, jpeg, png, pnm, tiff, webp
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Header


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes:
        name: the key of the table.
        module: with `read`; with `pieces` and `embed` when it can be written, with `pixels` when it is decoded here.
        suffixes: lower case; the first is the usual one.
        loader: libvips's name of the reader, `None` when there is none.
        is_written: whether pictures can be saved in it.
    """

    name: str
    module: ModuleType
    suffixes: tuple[str, ...]
    loader: str | None
    is_written: bool


FORMATS = {
    row.name: row
    for row in (
        Format("jpeg", jpeg, (".jpg", ".jpeg", ".jpe", ".jfif"), "jpegload", True),
        Format("png", png, (".png",), "pngload", True),
        Format("tiff", tiff, (".tif", ".tiff"), "tiffload", True),
        Format("webp", webp, (".webp",), "webpload", True),
        Format("avif", avif, (".avif",), "heifload", True),
        Format("gif", gif, (".gif",), "gifload", False),
        Format("bmp", bmp, (".bmp", ".dib"), None, False),
        Format("pnm", pnm, (".ppm", ".pgm", ".pnm"), None, False),
    )
}

_WRITTEN = ", ".join(row.suffixes[0] for row in FORMATS.values() if row.is_written)
_READ = ", ".join(name.upper() for name in FORMATS)
_AVIF_BRANDS = (b"avif", b"avis")
_FOREIGN = {
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000", b"\xff\x0a": "JPEG XL", b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"8BPS": "Photoshop", b"%PDF": "PDF", b"FUJIFILMCCD-RAW": "camera raw",
}  # fmt: skip


def read_header(reader: ByteReader) -> Header:
    """What the file says about itself.

    Raises:
        ImageError: when the file is empty, is no picture that can be read, or its structure is not whole.
    """
    name = reader.name
    start = reader.read_at(0, min(reader.size, 64))
    if not start:
        raise ImageError(f"Expected a picture in {name}, but the file is empty: get a fresh copy of the file.")
    kind = _recognise(start)
    if kind is None:
        seen = next((label for mark, label in _FOREIGN.items() if start.startswith(mark)), "something else")
        if start[4:8] == b"ftyp":
            seen = "HEIC, or another kind of HEIF than AVIF"
        raise ImageError(f"Expected {_READ} in {name}, got {seen}: convert it to PNG or TIFF first.")
    return read_as(kind, reader)


def read_as(kind: str, reader: ByteReader) -> Header:
    """What the file says about itself, when its format is known to be `kind`."""
    try:
        header = FORMATS[kind].module.read(reader)
    except (ValueError, IndexError, KeyError, OverflowError, ArithmeticError) as error:
        # A length field that lies can break a parser in ways nobody lists; it is the file's fault all the same.
        raise reader.damaged(f"its {kind.upper()} structure is broken") from error
    if header.height < 1 or header.width < 1:
        raise reader.damaged("it says that it has no pixels")
    return header


def format_of_target(path: Path) -> Format:
    """The format that a file named `path` is to be written in.

    Raises:
        ImageError: when there is none.
    """
    for row in FORMATS.values():
        if row.is_written and path.suffix.lower() in row.suffixes:
            return row
    raise ImageError(f"Expected a target ending in {_WRITTEN}, got {path.name!r}: choose one of these.")


def _recognise(start: bytes) -> str | None:
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start[4:8] == b"ftyp" and any(start[at : at + 4] in _AVIF_BRANDS for at in range(8, len(start), 4)):
        return "avif"
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if start.startswith(b"BM"):
        return "bmp"
    return "pnm" if start[:2] in (b"P5", b"P6") and start[2:3] in (b" ", b"\n", b"\r", b"\t", b"#") else None
