"""Clean pictures as a recipe names them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.clean_pictures import load_clean_pictures
from pellucid.data.config import DataSettings, PictureSource
from pellucid.errors import DataError


def test_reduced_pictures_are_pillow_s(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (31, 47, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    settings = DataSettings(sources=(PictureSource(path=tmp_path),), mixture={"clean": 1}, reduction=3)
    ((name, reduced),) = load_clean_pictures(settings)
    expected = np.asarray(Image.fromarray(pixels[:30, :45]).reduce(3))
    assert name == "a.png"
    assert np.abs(reduced.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1
    with pytest.raises(DataError, match=r"at least 40 pixels to reduce them by 40, got a\.png of 47 x 31"):
        load_clean_pictures(settings.model_copy(update={"reduction": 40}))
    ((_, whole),) = load_clean_pictures(settings.model_copy(update={"reduction": 1}))
    assert torch.equal(whole, torch.from_numpy(pixels).permute(2, 0, 1))
