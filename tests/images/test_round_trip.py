"""Must show 4: a matrix of format, depth, channels, orientation and metadata; each cell asserts what is kept.

The files are written and read back by Pillow, OpenCV and tifffile, and by hand, never by the library under test.
"""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, IptcImagePlugin
from sample_pictures import IPTC, XMP, Extras, Kind, encoded, jpeg_segments, pixels, png_chunks

from pellucid.images.canvas import Canvas
from pellucid.images.files import read_picture
from pellucid.images.tiling import plan_tiles

LOSSLESS = [
    *(Kind("png", channels, depth) for channels in (1, 2, 3, 4) for depth in (8, 16)),
    *(Kind("tiff", channels, depth) for channels in (1, 2, 3, 4) for depth in (8, 16, 32)),
    *(Kind("webp", channels) for channels in (3, 4)),
]
LOSSY = [
    Kind("jpeg", 1),
    Kind("jpeg", 3),
    Kind("jpeg", 3, options={"subsampling": 2}),
    Kind("webp", 3, options={"lossless": False}),
    Kind("webp", 4, options={"lossless": False}),
    Kind("avif", 3),
    Kind("avif", 4),
]
SUFFIX = {"jpeg": ".jpg", "tiff": ".tif"}
ORIENTATIONS = range(1, 9)
# Encoding twice at quality 90 and more; small pictures with sharp colour edges are hard on subsampled colour.
LOSSY_LIMIT = {"jpeg": 8, "webp": 24, "avif": 16}


def through(folder: Path, data: bytes, kind: Kind, *, on_disc: bool) -> bytes:
    """The file after it went through the house box by box without being changed."""
    suffix = SUFFIX.get(kind.format, f".{kind.format}")
    source, target = folder / f"source{suffix}", folder / f"target{suffix}"
    source.write_bytes(data)
    picture = read_picture(source, scratch=folder, in_memory_bytes=0 if on_disc else 1 << 30)
    canvas = Canvas(picture, folder)
    for tile in plan_tiles(picture.height, picture.width, tile=20, multiple=4, radius=4):
        box = tile.target
        canvas.write(box.top, box.left, picture.read(box.top, box.left, box.height, box.width))
    canvas.save(target)
    assert source.read_bytes() == data
    picture.close()
    canvas.close()
    assert sorted(folder.iterdir()) == [source, target]
    return target.read_bytes()


def stored_pixels(data: bytes, kind: Kind) -> np.ndarray:
    """(H, W, C) as another library reads it, not turned."""
    if kind.format == "tiff":
        image = tifffile.imread(io.BytesIO(data))
    elif kind.depth == 16:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if image.ndim == 3:
            image = image[..., [2, 1, 0, 3][: image.shape[2]]]
        if kind.channels == 2:
            image = image[..., [0, 3]]
    else:
        image = np.asarray(Image.open(io.BytesIO(data)))
    return image if image.ndim == 3 else image[..., None]


def metadata(data: bytes, kind: Kind) -> dict[str, Any]:
    """Everything but the pixels, as other libraries read it."""
    if kind.format == "tiff":
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            tags = file.pages[0].tags
            # Where strips stand and how long they are is the file's own business; sample format 1 is the default.
            own = (254, 258, 273, 278, 279, 284, *([339] if kind.depth < 32 else []))
            return {tag.name: tag.value for tag in tags if tag.code not in own}
    with Image.open(io.BytesIO(data)) as image:
        found = {"mode": image.mode, "size": image.size, "format": image.format}
        found |= {key: image.info.get(key) for key in ("exif", "icc_profile", "xmp", "dpi", "jfif_density")}
        found["iptc"] = IptcImagePlugin.getiptcinfo(image) if kind.format == "jpeg" else None
    if kind.format == "png":
        found["chunks"] = [chunk for chunk in png_chunks(data) if chunk[0] != b"IDAT"]
    if kind.format == "jpeg":
        found["segments"] = [s for s in jpeg_segments(data) if 0xE0 <= s[0] <= 0xEF or s[0] == 0xFE]
    return found


def extras_of(fullness: str, orientation: int) -> Extras:
    return Extras.full(orientation) if fullness == "full" else Extras.little(orientation)


@pytest.mark.parametrize("fullness", ["full", "little"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", LOSSLESS, ids=str)
def test_lossless_files_come_back_as_they_were(tmp_path, kind, orientation, fullness):
    image = pixels(kind)
    data = encoded(kind, image, extras_of(fullness, orientation))
    result = through(tmp_path, data, kind, on_disc=orientation % 2 == 0)
    np.testing.assert_array_equal(stored_pixels(result, kind), image)
    assert metadata(result, kind) == metadata(data, kind)


@pytest.mark.parametrize("fullness", ["full", "little"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", LOSSY, ids=str)
def test_lossy_files_keep_metadata_and_stay_close(tmp_path, kind, orientation, fullness):
    data = encoded(kind, pixels(kind), extras_of(fullness, orientation))
    result = through(tmp_path, data, kind, on_disc=orientation % 2 == 0)
    assert metadata(result, kind) == metadata(data, kind)
    before, after = stored_pixels(data, kind).astype(int), stored_pixels(result, kind).astype(int)
    if kind.channels == 4:
        np.testing.assert_array_equal(after[..., 3], before[..., 3])
    visible = before[..., 3] > 0 if kind.channels == 4 else np.ones(before.shape[:2], bool)
    assert np.abs(after - before)[visible].max() <= LOSSY_LIMIT[kind.format]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", [Kind("jpeg"), Kind("png"), Kind("webp"), Kind("avif")], ids=str)
def test_pictures_are_read_upright_and_shown_as_before(tmp_path, kind, orientation):
    data = encoded(kind, pixels(kind), Extras.little(orientation))
    path = tmp_path / f"source{SUFFIX.get(kind.format, '.' + kind.format)}"
    path.write_bytes(data)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    picture = read_picture(path)
    read = (picture.read()[0].permute(1, 2, 0).numpy() * 255).round()
    # Two decoders of one lossy file may round differently.
    np.testing.assert_allclose(read, upright, atol=0 if kind.format in ("png", "webp") else 2)
    # Turned the other way round in value, so that reading and writing cannot be wrong in the same way.
    canvas = Canvas(picture)
    canvas.write(0, 0, 1 - picture.read())
    canvas.save(path)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(path))).astype(int)
    np.testing.assert_allclose(shown, 255 - upright.astype(int), atol=LOSSY_LIMIT.get(kind.format, 0))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", [*(Kind("png", c, d) for c in (2, 4) for d in (8, 16)), Kind("webp", 4)], ids=str)
def test_opacity_goes_into_a_tiff(tmp_path, kind, orientation):
    source, target = tmp_path / f"source.{kind.format}", tmp_path / "target.tif"
    source.write_bytes(encoded(kind, pixels(kind), Extras.full(orientation)))
    picture = read_picture(source)
    canvas = Canvas(picture)
    canvas.write(0, 0, picture.read())
    canvas.save(target)
    upright = _upright(pixels(kind), orientation)
    np.testing.assert_array_equal(tifffile.imread(target), upright)
    with tifffile.TiffFile(target) as file:
        assert file.pages[0].extrasamples == (2,)  # opacity, colours not multiplied by it
    if kind.depth == 8:
        with Image.open(target) as image:
            assert image.mode == ("LA" if kind.channels == 2 else "RGBA")
            np.testing.assert_array_equal(np.asarray(image), upright)


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF's table, channel by channel by Pillow."""
    exif = Image.Exif()
    exif[274] = orientation
    planes = []
    for channel in np.moveaxis(image, -1, 0):
        plane = Image.fromarray(channel.astype(np.int32))
        plane.info["exif"] = exif.tobytes()
        plane.getexif()[274] = orientation
        planes.append(np.asarray(ImageOps.exif_transpose(plane)))
    return np.stack(planes, -1)


def test_the_samples_carry_what_they_promise():
    kind = Kind("jpeg")
    found = metadata(encoded(kind, pixels(kind), Extras.full(6)), kind)
    assert found["xmp"] == XMP
    assert found["iptc"] == {(2, 105): b"Headline", (2, 0): b"\x00\x04"}
    assert Image.open(io.BytesIO(encoded(kind, pixels(kind), Extras.full(6)))).getexif()[274] == 6
    assert len(IPTC) % 2 == 1 or IPTC
