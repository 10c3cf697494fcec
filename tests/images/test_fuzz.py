"""Must show 5: broken files never end in a traceback, never in a partial output, and never touch the original."""

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from sample_pictures import Extras, Kind, encoded, pixels, png_bytes

from pellucid.errors import ImageError
from pellucid.images.files import read_image_bytes, read_picture, writable_suffix, write_picture

CASES = 700


@cache
def whole_files() -> tuple[bytes, ...]:
    """A small file of every format and kind, to be broken."""
    kinds = [
        Kind("jpeg", 1), Kind("jpeg", 3), Kind("jpeg", 3, options={"progressive": True, "subsampling": 2}),
        Kind("png", 1, 16), Kind("png", 4, 8), Kind("png", 3, 16),
        Kind("tiff", 3, 8), Kind("tiff", 4, 16), Kind("tiff", 1, 32),
        Kind("tiff", 3, 8, {"compression": "zlib", "predictor": True}), Kind("tiff", 3, 8, {"tile": (16, 16)}),
        Kind("tiff", 4, 8, {"extrasamples": ["assocalpha"]}), Kind("tiff", 3, 8, {"bigtiff": True, "byteorder": ">"}),
        Kind("webp", 3), Kind("webp", 4, 8, {"lossless": False}),
        Kind("avif", 3), Kind("avif", 4),
    ]  # fmt: skip
    files = [encoded(kind, pixels(kind), Extras.full(1 + number % 8)) for number, kind in enumerate(kinds)]
    image = Image.fromarray(pixels(Kind("png", 3)))
    for name, options in (
        ("GIF", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
    ):
        file = io.BytesIO()
        image.save(file, name, **options)
        files.append(file.getvalue())
    for mode, name in (("CMYK", "JPEG"), ("P", "PNG"), ("1", "PNG"), ("1", "TIFF"), ("P", "BMP")):
        file = io.BytesIO()
        image.convert(mode).save(file, name)
        files.append(file.getvalue())
    return tuple(files)


@st.composite
def broken_files(draw: st.DrawFn) -> bytes:
    files = whole_files()
    data = bytearray(files[draw(st.integers(0, len(files) - 1))])
    for _ in range(draw(st.integers(1, 3))):
        harm = draw(st.sampled_from(["cut", "flip", "numbers", "splice", "remove", "repeat", "start", "zeros"]))
        # Headers break more interestingly than pixels: half of the places are near the start.
        place = draw(st.one_of(st.integers(0, min(400, len(data))), st.integers(0, len(data))))
        if harm == "cut":
            del data[place:]
        elif harm == "flip":
            for where in draw(st.lists(st.integers(0, max(0, len(data) - 1)), min_size=1, max_size=8)):
                if where < len(data):
                    data[where] ^= 1 << draw(st.integers(0, 7))
        elif harm == "numbers":
            value = draw(st.sampled_from([0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 60000]))
            order = draw(st.sampled_from("<>"))
            data[place : place + 4] = struct.pack(order + "I", value)
        elif harm == "splice":
            other = files[draw(st.integers(0, len(files) - 1))]
            data[place:] = other[draw(st.integers(0, len(other))) :]
        elif harm == "remove":
            del data[place : place + draw(st.integers(1, 64))]
        elif harm == "repeat":
            data[place:place] = data[place : place + draw(st.integers(1, 64))]
        elif harm == "start":
            other = files[draw(st.integers(0, len(files) - 1))]
            data[: draw(st.integers(1, 40))] = other[: draw(st.integers(1, 40))]
        else:
            length = draw(st.integers(1, 200))
            data[place : place + length] = bytes(min(length, max(0, len(data) - place)))
    return bytes(data)


def densest_png() -> bytes:
    """A whole file that claims more pixels per inch than a TIFF can say."""
    chunks = [(b"pHYs", struct.pack(">IIB", 2**31 - 1, 2**31 - 1, 1))]
    return png_bytes(np.zeros((4, 4, 3), np.uint8), colour=2, bits=8, chunks=chunks)


# libvips logs some bytes of a broken file as they are, which pyvips' own handler cannot decode; nothing comes of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(
    max_examples=CASES, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(data=broken_files(), suffix=st.sampled_from([None, None, ".jpg", ".png", ".tif", ".webp", ".avif"]))
@example(data=b"", suffix=None)
@example(data=b"\0", suffix=None)
@example(data=b"\xff\xd8\xff", suffix=None)
@example(data=b"\x89PNG\r\n\x1a\n", suffix=None)
@example(data=b"II*\0\x08\0\0\0", suffix=None)
@example(data=b"RIFF\xff\xff\xff\xffWEBPVP8 ", suffix=None)
@example(data=densest_png(), suffix=".tif")
def test_a_broken_file_is_an_image_error_or_a_whole_result(tmp_path_factory, capfd, data, suffix):
    """Into its own format, or into another."""
    folder = tmp_path_factory.mktemp("broken")
    source = folder / "source"
    source.write_bytes(data)
    target = None
    try:
        picture = read_picture(source)
        target = folder / f"target{suffix or writable_suffix(picture)}"
        write_picture(target, picture, picture.read())
        picture.close()
    except ImageError as error:
        assert_one_sentence(error)
        assert sorted(folder.iterdir()) == [source]
    else:
        assert sorted(folder.iterdir()) == [source, target]
        result = read_picture(target)
        assert (result.height, result.width) == (picture.height, picture.width)
        assert result.read().isfinite().all()
    assert source.read_bytes() == data
    assert capfd.readouterr() == ("", "")


def assert_one_sentence(error: ImageError) -> None:
    text = str(error)
    assert text.startswith("Expected ") and text.endswith(".") and "\n" not in text and len(text) < 400, text


@pytest.mark.parametrize("number", range(27))
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_every_truncation_is_an_error(number, fraction):
    data = whole_files()[number]
    with pytest.raises(ImageError) as caught:
        read_image_bytes(data[: int(len(data) * fraction)], "photo")
    assert_one_sentence(caught.value)


def png_trap(side: int) -> bytes:
    data = bytearray(png_bytes(np.zeros((4, 4, 3), np.uint8), colour=2, bits=8))
    data[16:24] = struct.pack(">II", side, side)
    import zlib

    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def tiff_trap(side: int) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((4, 4, 3), np.uint8), photometric="rgb")
    data = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as parsed:
        places = [parsed.pages[0].tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    for place in places:
        data[place : place + 2] = struct.pack("<H", side)
    return bytes(data)


def jpeg_trap(side: int) -> bytes:
    data = bytearray(encoded(Kind("jpeg"), pixels(Kind("jpeg")), Extras()))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", side, side)
    return bytes(data)


@pytest.mark.parametrize("trap", [png_trap, tiff_trap, jpeg_trap])
def test_a_header_that_claims_too_much_is_refused_before_anything_is_allocated(tmp_path, trap):
    path = tmp_path / "trap"
    path.write_bytes(trap(60000))
    with pytest.raises(ImageError, match="megapixels") as caught:
        read_picture(path)
    assert_one_sentence(caught.value)
    # Somebody who insists gets the next error, still without a traceback.
    with pytest.raises(ImageError, match=r"ends too early|damaged or cut short"):
        read_picture(path, max_megapixels=4000, scratch=tmp_path, in_memory_bytes=0).read(0, 0, 8, 8)
    assert list(Path(tmp_path).iterdir()) == [path]
