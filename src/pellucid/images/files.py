"""Paths to pictures and back: the door of this room.

`read_picture` and `Canvas` for pictures that must be written back with nothing lost; `read_image` and `write_image` for
plain tensors. Reading a picture never changes it, and every file that is written is whole or not there.

What is refused, each with one sentence: missing, unreadable, empty, damaged and cut-short files; files that are no
picture; headers that claim more pixels than is believable; animations and files of several pages (one picture in, one
picture out: a result that silently drops pages would lose something; reduced copies of the same page are dropped and
named in the log); camera raw.
"""

import logging
import tempfile
from pathlib import Path

import pyvips
from torch import Tensor

from pellucid.errors import ImageError
from pellucid.images.atomic import replacing, temporary_beside
from pellucid.images.canvas import Canvas, unencodable
from pellucid.images.colour import integers, to_samples
from pellucid.images.containers.reading import ByteReader, printable
from pellucid.images.contract import check_image
from pellucid.images.decoding import is_cmyk, open_pixels, prepare_libvips, samples_of
from pellucid.images.encoding import encode, fitted
from pellucid.images.formats import FORMATS, format_of_target, read_header
from pellucid.images.header import Encoding, Header, Metadata
from pellucid.images.metadata import without_profile
from pellucid.images.picture import Picture
from pellucid.images.source import Source

_LOG = logging.getLogger(__name__)

MAX_MEGAPIXELS = 500
"""How many pixels a header may claim before it is taken for a trap; larger pictures are read when asked for."""

IN_MEMORY_BYTES = 128 << 20
"""How many bytes of unpacked pixels stay in memory; more go to a temporary file. 44 megapixels of 8-bit RGB."""

_PLAIN_QUALITY = 95
_HIGH_RANGE = {16: "PQ", 18: "HLG"}  # numbers of transfer curves in CICP


def read_picture(
    path: str | Path,
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
    scratch: str | Path | None = None,
    in_memory_bytes: int = IN_MEMORY_BYTES,
) -> Picture:
    """The picture at `path`, its header checked; pixels are decoded when they are first read.

    Args:
        path: of a JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, PGM or PPM file; its content decides, not its suffix.
        max_megapixels: a header that claims more is refused before anything is allocated.
        scratch: folder for the unpacked pixels of large pictures; the system's for temporary files when absent.
        in_memory_bytes: how many bytes of unpacked pixels stay in memory.

    Raises:
        ImageError: when it is none of these, or not whole as far as the header shows.

    Example:
        >>> import torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_image(Path(folder) / "photo.png", torch.zeros(1, 3, 40, 60))
        ...     picture = read_picture(Path(folder) / "photo.png")
        ...     picture.height, picture.width, picture.depth, tuple(picture.read(8, 8, 16, 24).shape)
        (40, 60, 8, (1, 3, 16, 24))
    """
    path = Path(path)
    if path.is_dir():
        raise ImageError(f"Expected a picture, {printable(str(path))} is a folder: name a file in it.")
    return _open(Source(printable(str(path)), path), max_megapixels, scratch, in_memory_bytes)


def write_picture(path: str | Path, picture: Picture, pixels: Tensor, *, quality: int | None = None) -> None:
    """Write `pixels` as a file that is like `picture` in everything else; see `Canvas`, which takes them box by box.

    Args:
        path: the target; its suffix decides the format.
        picture: the input.
        pixels: `(1, 3, H, W)` in `[0, 1]`, upright, as high and wide as `picture`.
        quality: see `Canvas.save`.

    Raises:
        ImageError: when sizes differ, or the file cannot be written.
    """
    check_image(pixels, "pixels")
    if pixels.shape[-2:] != (picture.height, picture.width) or len(pixels) != 1:
        raise ImageError(
            f"Expected pixels of shape (1, 3, {picture.height}, {picture.width}) for {picture.name}, "
            f"got {tuple(pixels.shape)}: restore the whole picture, or use a Canvas."
        )
    canvas = Canvas(picture, Path(path).parent)
    canvas.write(0, 0, pixels)
    canvas.save(path, quality=quality)
    canvas.close()


def writable_suffix(picture: Picture) -> str:
    """The suffix of files like this one, or of the format that loses least where it cannot be written: PNG or TIFF."""
    form = FORMATS[picture.format]
    if form.is_written:
        known = picture.path is not None and picture.path.suffix.lower() in form.suffixes
        return picture.path.suffix if known and picture.path is not None else form.suffixes[0]
    suffix = ".tif" if picture.is_float else ".png"
    _LOG.warning("%s: %s cannot be written; the result is %s", picture.name, picture.format.upper(), suffix)
    return suffix


def read_image(path: str | Path) -> Tensor:
    """The pixels at `path`, `(1, 3, H, W)` float32 in `[0, 1]`, upright; alpha is left out, profiles are not applied.

    Raises:
        ImageError: as `read_picture`, and when the data is damaged or cut short.
    """
    return _whole(read_picture(path, in_memory_bytes=1 << 62))


def read_image_bytes(data: bytes, name: str) -> Tensor:
    """As `read_image`, from the bytes of a file.

    Args:
        data: a whole file.
        name: how messages call it.
    """
    return _whole(_open(Source(name, data=data), MAX_MEGAPIXELS, None, 1 << 62))


def write_image(path: str | Path, image: Tensor, *, depth: int = 8, profile: bytes | None = None) -> None:
    """Write a plain picture, of all metadata only a profile; JPEG, WebP, AVIF at quality 95 in full colour resolution.

    Args:
        path: the target; its suffix decides the format.
        image: `(1, 3, H, W)` or `(3, H, W)`; clamped to `[0, 1]`.
        depth: bits per sample, 8, or 16 for PNG and TIFF.
        profile: ICC profile, for RGB.

    Raises:
        ImageError: when it is not one image, the format does not have the depth, or the file cannot be written.
    """
    path = Path(path)
    form = format_of_target(path)
    image = check_image(image if image.ndim == 4 else image.unsqueeze(0))
    if len(image) != 1:
        raise ImageError(f"Expected one image for {path}, got {len(image)}: write them one by one.")
    if depth not in (8, 16) or (depth == 16 and form.name not in ("png", "tiff")):
        raise ImageError(f"Expected a depth of 8, or 16 for PNG and TIFF, got {depth} for {path}: choose one of these.")
    prepare_libvips()
    samples = integers(depth, 3)
    array = to_samples(samples, image, None)
    raw = pyvips.Image.new_from_memory(
        array.data, array.shape[1], array.shape[0], 3, "uchar" if depth == 8 else "ushort"
    )
    raw, _ = fitted(raw, samples, form.name)
    encoding = Encoding(lossless=form.name in ("png", "tiff"), compression="deflate", predictor="horizontal")
    try:
        with replacing(path) as whole, temporary_beside(path) as bare:
            first = whole if profile is None else bare
            encode(raw, first, form.name, encoding, is_same_format=True, quality=_PLAIN_QUALITY)
            if profile is not None:
                form.module.embed(bare, whole, form.module.pieces(Metadata(profile=profile)))
    except pyvips.Error as error:
        raise unencodable(path, error) from error


def _open(source: Source, max_megapixels: float, scratch: str | Path | None, in_memory_bytes: int) -> Picture:
    try:
        with source.open() as file:
            header = read_header(ByteReader(file, source.name))
    except FileNotFoundError:
        raise ImageError(f"Expected a picture at {source.name}, there is no such file: check the path.") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"Expected to read {source.name}, but that failed ({reason}): check the file.") from error
    _check_size(header, source, max_megapixels)
    image = open_pixels(source, header)
    samples = samples_of(image, header, source)
    if is_cmyk(image):
        metadata = without_profile(header.metadata)
        header = Header(header.format, header.height, header.width, metadata, header.encoding, header.patches)
        _LOG.warning("%s: CMYK is converted to sRGB, and written as RGB", source.name)
    if header.metadata.transfer in _HIGH_RANGE:
        text = "%s: brightness is coded for HDR (%s); it is restored as it stands, as if it were an ordinary picture's"
        _LOG.warning(text, source.name, _HIGH_RANGE[header.metadata.transfer])
    folder = Path(tempfile.gettempdir() if scratch is None else scratch)
    return Picture(source, header, samples, folder, in_memory_bytes)


def _check_size(header: Header, source: Source, max_megapixels: float) -> None:
    megapixels = header.height * header.width / 1e6
    if megapixels > max_megapixels:
        raise ImageError(
            f"Expected at most {max_megapixels:g} megapixels in {source.name}, its header claims {megapixels:.3g}: "
            "raise max_megapixels if that is true."
        )


def _whole(picture: Picture) -> Tensor:
    image = picture.read()
    picture.close()
    return image
