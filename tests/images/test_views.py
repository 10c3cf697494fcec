"""What is shown of a file, against what is shown of its pixels."""

from pathlib import Path

import pytest
import torch

from pellucid.images.files import read_picture
from pellucid.images.overview import views
from pellucid.images.views import views_of


@pytest.mark.parametrize("orientation", range(1, 9))
def test_views_of_a_file_are_those_of_its_upright_picture(tmp_path: Path, orientation: int) -> None:
    image_module = pytest.importorskip("PIL.Image")
    pixels = torch.randint(0, 256, (10, 2000, 3), dtype=torch.uint8)
    exif = image_module.Exif()
    exif[0x0112] = orientation
    image_module.fromarray(pixels.numpy()).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    of_file, in_memory = views_of(picture), views(picture.read())
    assert torch.equal(of_file.overview, in_memory.overview) and torch.equal(of_file.details, in_memory.details)
    assert of_file.size == in_memory.size
