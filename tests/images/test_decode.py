import io

import numpy as np
import pytest
import pyvips
from PIL import Image

from pellucid.errors import ImageError
from pellucid.images.decode import decode_pixels, picture_size

RNG = np.random.default_rng(3)
COLOUR = RNG.integers(0, 256, (13, 18, 3), dtype=np.uint8)


def encode(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def as_array(data: bytes) -> np.ndarray:
    return decode_pixels(data, "x").permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(kind, mode) for kind in ("PNG", "BMP", "TIFF", "WEBP", "JPEG", "GIF") for mode in ("RGB", "L")]
    + [(kind, "P") for kind in ("PNG", "BMP", "TIFF", "GIF")],
)
def test_equals_pillow(kind, mode):
    data = encode(Image.fromarray(COLOUR).convert(mode), kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(as_array(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    assert picture_size(data, "x") == (13, 18)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("WEBP", "RGBA"), ("BMP", "RGBA")])
def test_alpha_is_dropped_and_colours_under_it_stay(kind, mode):
    picture = Image.fromarray(np.dstack([COLOUR, RNG.integers(1, 256, (13, 18), dtype=np.uint8)])).convert(mode)
    data = encode(picture, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    assert np.array_equal(as_array(data), np.asarray(picture.convert("RGB")))


def test_16_bits_are_rounded_to_8():
    deep = RNG.integers(0, 65536, (5, 6, 3), dtype=np.uint16)
    for suffix in (".png", ".tif"):
        data = pyvips.Image.new_from_array(deep, interpretation="rgb16").write_to_buffer(suffix)
        assert np.array_equal(as_array(data), np.rint(deep / 257).astype(np.uint8))


def test_floats_are_taken_from_0_to_1_and_clipped():
    values = np.array([[-0.5, 0.0, 0.5, 1.0, 7.0]], np.float32).repeat(3, 0)
    data = pyvips.Image.new_from_array(values).write_to_buffer(".tif")
    assert as_array(data)[0, :, 1].tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(COLOUR), "PNG", exif=exif)
    expected = [
        COLOUR,
        COLOUR[:, ::-1],
        COLOUR[::-1, ::-1],
        COLOUR[::-1],
        COLOUR.transpose(1, 0, 2),
        np.rot90(COLOUR, -1),
        np.rot90(COLOUR, -1)[:, ::-1][::-1],
        np.rot90(COLOUR),
    ][orientation - 1]
    if orientation == 7:
        expected = COLOUR[::-1, ::-1].transpose(1, 0, 2)
    assert np.array_equal(as_array(data), expected)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "JPEG"])
def test_a_file_cut_short_is_refused(kind):
    data = encode(Image.fromarray(COLOUR).resize((90, 70)), kind)
    for length in (0, 2, 20, len(data) // 2, int(len(data) * 0.9)):
        with pytest.raises(ImageError, match="photo"):
            decode_pixels(data[:length], "photo")


def test_a_compressed_bitmap_is_refused():
    data = bytearray(encode(Image.fromarray(COLOUR), "BMP"))
    data[30] = 1
    with pytest.raises(ImageError, match="save it as PNG"):
        decode_pixels(bytes(data), "x")


def test_a_bitmap_may_stand_top_down():
    data = bytearray(encode(Image.fromarray(COLOUR), "BMP"))
    data[22:26] = (-13).to_bytes(4, "little", signed=True)
    assert np.array_equal(as_array(bytes(data)), COLOUR[::-1])
