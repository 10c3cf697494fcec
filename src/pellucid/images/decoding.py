"""Encoded pixels to raw ones: libvips decodes, strictly and within a bounded memory."""

import contextlib
import dataclasses
import functools
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from pellucid.errors import ImageError
from pellucid.images.colour import Samples, integers
from pellucid.images.containers.reading import ByteReader, damaged, printable
from pellucid.images.formats import FORMATS
from pellucid.images.header import Header
from pellucid.images.orientation import TURNS
from pellucid.images.source import Source
from pellucid.images.store import PixelStore
from pellucid.images.tiling import Box

_LOG = logging.getLogger(__name__)

_MOST_THREADS = 4
_BAND_PIXELS = 1 << 22
_LARGEST_FLOAT = 1e12
_INTEGER_WHITES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
_BRIGHTEST_HIGHLIGHTS = 16.0  # whole pictures brighter than this are no overexposed ones
# Those of libjpeg's warnings that are not about lost pixels. The first: all scans were whole, and only then came
# something before the end mark, as some cameras fill files up. The others: scans in an unusual order or number. What is
# odd in the header is put right before, see `containers.jpeg`: libjpeg puts only its first warning into words, and that
# one must not hide another.
_HARMLESS = ("extraneous bytes before marker 0xd9", "Inconsistent progression sequence", "too many scanlines")
_OTHER_SPACES = ("lab", "labs", "labq", "lch", "cmc", "xyz", "yxy", "hsv", "fourier", "histogram", "matrix")
_DTYPES = {"uchar": "uint8", "ushort": "uint16", "float": "float32"}


def file_name(path: Path | None) -> Any:
    """A path as libvips takes it: as bytes, so that names in no known encoding work, too."""
    return os.fsencode(str(path))


@functools.cache
def prepare_libvips() -> None:
    """Keep libvips modest, once: no cache of operations (it would hold files open), few threads, no words on stderr."""
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(  # pyright: ignore[reportAttributeAccessIssue] (the stub lacks it)
        min(_MOST_THREADS, os.cpu_count() or 1)
    )
    logger = logging.getLogger("pyvips")
    # With a handler of its own, Python does not print the library's warnings where nobody asked for them; and what it
    # has to say below errors is about its threads and about odd profiles. Errors are raised as exceptions anyway.
    logger.addHandler(logging.NullHandler())
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.ERROR)


def open_pixels(source: Source, header: Header, *, is_lenient: bool = False) -> pyvips.Image | None:
    """The pixels as libvips will decode them when they are asked for; `None` for formats that are decoded here.

    A JPEG decoder only warns when data is missing, and fills in grey; so its warnings count as errors.

    Args:
        source: where the bytes are.
        header: what they say.
        is_lenient: let such warnings pass.

    Raises:
        ImageError: when libvips cannot read the header, or finds another picture than the header says.
    """
    loader = FORMATS[header.format].loader
    if loader is None:
        return None
    prepare_libvips()
    fail_on = "warning" if header.format == "jpeg" and not is_lenient else "error"
    options = {"access": "sequential", "fail_on": fail_on}
    try:
        if source.path is not None:
            file = pyvips.Source.new_from_file(file_name(source.path))
            image = pyvips.Operation.call(f"{loader}_source", file, **options)
        else:
            image = pyvips.Operation.call(f"{loader}_buffer", source.data, **options)
    except pyvips.Error as error:
        raise damaged(source.name, _reason(error)) from error
    # libheif hands pictures out upright.
    turn = TURNS[header.metadata.orientation if header.format == "avif" else 1]
    if (image.height, image.width) != turn.size(header.height, header.width):
        raise damaged(source.name, "its size is not the one that its header says")
    return image


def samples_of(image: pyvips.Image | None, header: Header, source: Source) -> Samples:
    """What the samples mean, as far as it can be known before they are decoded: of floats, not yet the range.

    Raises:
        ImageError: when they are of a kind that cannot be restored.
    """
    encoding = header.encoding
    if image is None:
        pixels = _own_pixels(source, header)
        return integers(8 if pixels.dtype == np.uint8 else 16, pixels.shape[2])
    dtype = _DTYPES.get(str(image.format))
    if dtype is None or image.interpretation in _OTHER_SPACES or not 1 <= image.bands <= 5:
        raise ImageError(
            f"Expected grey, RGB or CMYK of 8 or 16 bits or 32-bit floats in {source.name}, "
            f"got {image.bands} x {image.format} ({image.interpretation}): convert it first."
        )
    colours = 1 if image.bands < 3 else 3
    if encoding.grey and colours == 3:
        return integers(encoding.bits, 1, image.bands - 3, opacity=image.bands > 3)
    extras = image.bands - colours - is_cmyk(image)
    opacity = extras > 0 and encoding.opacity
    if dtype == "float32":
        return Samples(dtype, colours, extras, opacity, encoding.premultiplied, 1.0, 1, 0.0, 1.0, 1.0)
    bits = encoding.bits if header.format == "avif" else 8 if dtype == "uint8" else 16
    return integers(bits, colours, extras, opacity=opacity, premultiplied=encoding.premultiplied and opacity)


def decode(source: Source, header: Header, scratch: Path, in_memory_bytes: int) -> PixelStore:
    """All samples as the file stores them, in memory when they take no more than `in_memory_bytes`, else in a file.

    Raises:
        ImageError: when the data is damaged or cut short, even if most of it could be shown.
    """
    try:
        with _put_right(source, header, scratch, in_memory_bytes) as readable:
            image = open_pixels(readable, header)
            if header.format == "jpeg" and header.patches:
                _LOG.info("%s: its header is not quite as the standard has it; that does not touch pixels", source.name)
            if image is None:
                return PixelStore.of_array(_own_pixels(source, header))
            try:
                return _unpack(_as_kept(image, header), scratch, in_memory_bytes)
            except pyvips.Error as error:
                # Only the last line is about this picture: libvips keeps the warnings of others that it let pass.
                complaint = last_complaint(error)
                is_harmless = any(words in complaint for words in _HARMLESS)
                image = open_pixels(readable, header, is_lenient=True) if is_harmless else None
                if image is None:
                    raise
                _LOG.info("%s: taken for whole, although its decoder says: %s", source.name, printable(complaint))
            return _unpack(_as_kept(image, header), scratch, in_memory_bytes)
    except pyvips.Error as error:
        raise damaged(source.name, _reason(error)) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"Expected to unpack {source.name} in {scratch}, but that failed ({reason}).") from error


def _as_kept(image: pyvips.Image, header: Header) -> pyvips.Image:
    """As the file stores it, in the channels that are worked with."""
    orientation = header.metadata.orientation
    if header.format == "avif" and orientation != 1:
        # EXIF's numbers undo themselves, but for the two quarter turns, which undo each other.
        image = turned(image.copy_memory(), {6: 8, 8: 6}.get(orientation, orientation))
    if is_cmyk(image):
        # libvips brings a general CMYK profile for files that have none.
        # Without the channels beyond the inks, which libvips would scale.
        extras = image[4:] if image.bands > 4 else []
        depth = 16 if image.format == "ushort" else 8
        converted = image[:4].icc_transform("srgb", input_profile="cmyk", embedded=True, intent="relative", depth=depth)
        image = converted.cast(image.format).bandjoin(extras)
    if header.encoding.grey and image.bands >= 3:
        image = image[0] if image.bands == 3 else image[0].bandjoin(image[3])
    return image


def _unpack(image: pyvips.Image, scratch: Path, in_memory_bytes: int) -> PixelStore:
    shape = (image.height, image.width, image.bands)
    dtype = np.dtype(_DTYPES[str(image.format)])
    if math.prod(shape) * dtype.itemsize <= in_memory_bytes:
        return PixelStore.of_array(image.numpy().reshape(shape))
    store = PixelStore(*shape, dtype, scratch)
    image.rawsave_target(pyvips.Target.new_to_descriptor(store.descriptor()))
    return store


def with_range(samples: Samples, store: PixelStore, name: str) -> Samples:
    """`samples` with the range of floats as found: a picture that exceeds 1 is scaled by a power of two.

    So nothing is lost, and scaling back is exact. A picture within `[0, 1]` is taken as it is; values below 0 stay so.

    Raises:
        ImageError: when values are larger than any picture's.
    """
    if not samples.is_float:
        return samples
    height, width, _ = store.shape
    lowest, highest = 0.0, 1.0
    positive = beyond_one = 0
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = store.read(Box(top, 0, min(rows, height - top), width))[..., : samples.colours]
        finite = band[np.isfinite(band)]
        lowest = min(lowest, float(finite.min(initial=0.0)))
        highest = max(highest, float(finite.max(initial=0.0)))
        positive += int(np.count_nonzero(finite > 0))
        beyond_one += int(np.count_nonzero(finite > 1))
    if max(highest, -lowest) > _LARGEST_FLOAT:
        raise ImageError(
            f"Expected floating point samples up to {_LARGEST_FLOAT:.0e} in {name}, got {max(highest, -lowest):.0e}: "
            "scale them first."
        )
    peak = 2.0 ** math.ceil(math.log2(highest))
    if peak > 1 or lowest < 0:
        text = "%s: samples from %g to %g; they are divided by %g for restoring, and multiplied by it afterwards"
        _LOG.info(text, name, lowest, highest, peak)
    white = _white(highest, has_bright_ones=2 * beyond_one > positive)
    return dataclasses.replace(samples, peak=peak, lowest=lowest, highest=peak, white=white, brightest=highest)


def _white(highest: float, *, has_bright_ones: bool) -> float:
    """The sample that is white in a picture of floats up to `highest`.

    As a rule 1, however bright the highlights. But where most of what is not black exceeds it, the samples are integers
    stored as floats, and white is the largest integer of their depth.
    """
    if highest <= _BRIGHTEST_HIGHLIGHTS or not has_bright_ones:
        return 1.0
    # Resampled integers overshoot a little.
    fitting = (white for white in _INTEGER_WHITES if highest <= 1.25 * white)
    return next(fitting, 2.0 ** math.ceil(math.log2(highest)))


def _own_pixels(source: Source, header: Header) -> np.ndarray:
    with source.open() as file:
        return FORMATS[header.format].module.pixels(ByteReader(file, source.name), header)


def is_cmyk(image: pyvips.Image | None) -> bool:
    """Whether the samples are inks; they are decoded to sRGB."""
    return image is not None and image.interpretation == "cmyk"


def turned(image: pyvips.Image, orientation: int) -> pyvips.Image:
    """A stored picture made upright; `image` must allow random access."""
    if orientation in (5, 6, 7, 8):
        image = image.rot("d270" if orientation == 8 else "d90")
    if orientation in (2, 5):
        image = image.fliphor()
    if orientation in (4, 7):
        image = image.flipver()
    return image.rot("d180") if orientation == 3 else image


@contextlib.contextmanager
def _put_right(source: Source, header: Header, scratch: Path, in_memory_bytes: int) -> Iterator[Source]:
    """The file, or a copy with `header.patches` applied when there are any."""
    if not header.patches:
        yield source
        return
    if source.path is None or source.path.stat().st_size <= in_memory_bytes:
        data = bytearray(source.data if source.path is None else source.path.read_bytes())
        for place, replacement in header.patches:
            data[place : place + len(replacement)] = replacement
        yield Source(source.name, data=bytes(data))
        return
    with tempfile.NamedTemporaryFile(prefix=".pellucid-", suffix=".partial", dir=scratch) as copy:
        with source.path.open("rb") as file:
            shutil.copyfileobj(file, copy)
        for place, replacement in header.patches:
            copy.seek(place)
            copy.write(replacement)
        copy.flush()
        yield Source(source.name, Path(copy.name))


def last_complaint(error: pyvips.Error) -> str:
    """The last line of what libvips says."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    return lines[-1] if lines else "libvips gives no reason"


def _reason(error: pyvips.Error) -> str:
    return f"its data is damaged or cut short ({last_complaint(error)})"
