import io

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import get_sampling
from sample_pictures import Extras, Kind, encoded, pixels

from pellucid.images.canvas import Canvas
from pellucid.images.containers.reading import ByteReader
from pellucid.images.files import read_picture
from pellucid.images.formats import read_header


def photo() -> Image.Image:
    return Image.fromarray(pixels(Kind("png"), 120, 160))


def header_of(image: Image.Image, name: str, **options):
    file = io.BytesIO()
    image.save(file, name, **options)
    return read_header(ByteReader.of_bytes(file.getvalue(), name))


@pytest.mark.parametrize("quality", [1, 5, 10, 25, 49, 50, 51, 75, 90, 95, 100])
def test_jpegs_quality_is_read_from_its_tables(quality):
    # Above 25 every table of the standard encoder differs from its neighbours; below, steps saturate at 255.
    found = header_of(photo(), "JPEG", quality=quality).encoding.quality
    assert found == quality if quality > 25 else found <= quality


@pytest.mark.parametrize("quality", [10, 30, 50, 70, 80, 90, 95, 100])
def test_webps_quality_is_never_read_as_lower(quality):
    encoding = header_of(photo(), "WEBP", quality=quality).encoding
    assert not encoding.lossless
    # A picture's parts have qualities of their own, and the best is what is read.
    assert quality <= encoding.quality <= min(100, quality + (35 if quality < 80 else 12))
    assert header_of(photo(), "WEBP", lossless=True).encoding.lossless


@pytest.mark.parametrize(("quality", "subsampling"), [(30, 0), (75, 2), (92, 2), (97, 0), (100, 0), (96, 1)])
def test_a_jpeg_is_written_no_coarser_than_it_was(tmp_path, quality, subsampling):
    source, target = tmp_path / "source.jpg", tmp_path / "target.jpg"
    photo().save(source, quality=quality, subsampling=subsampling, progressive=quality == 97)
    save_unchanged(source, target)
    with Image.open(source) as before, Image.open(target) as after:
        for number, table in before.quantization.items():
            assert (np.array(after.quantization[number]) <= np.array(table)).all()
        assert bool(after.info.get("progressive")) == bool(before.info.get("progressive"))
        # 4:2:0 (2) stays; 4:2:2 (1) becomes 4:4:4 (0), which loses nothing.
        assert get_sampling(after) == (2 if subsampling == 2 else 0)


def test_own_tables_of_cameras_are_bettered_everywhere(tmp_path):
    generator = np.random.default_rng(0)
    tables = [generator.integers(2, 30, 64).tolist() for _ in range(2)]
    source, target = tmp_path / "source.jpg", tmp_path / "target.jpg"
    photo().save(source, qtables=tables, subsampling=0)
    save_unchanged(source, target)
    with Image.open(source) as before, Image.open(target) as after:
        for number, table in before.quantization.items():
            assert (np.array(after.quantization[number]) <= np.array(table)).all()


def test_quality_can_be_chosen(tmp_path):
    source = tmp_path / "source.jpg"
    source.write_bytes(encoded(Kind("jpeg"), pixels(Kind("jpeg")), Extras()))
    save_unchanged(source, tmp_path / "target.jpg", quality=40)
    assert read_picture(tmp_path / "target.jpg").quality == 40


def save_unchanged(source, target, **options):
    picture = read_picture(source)
    canvas = Canvas(picture)
    canvas.write(0, 0, picture.read())
    canvas.save(target, **options)
