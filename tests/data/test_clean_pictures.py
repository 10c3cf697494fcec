"""Clean pictures as a recipe names them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.cache import PixelCache
from pellucid.data.clean_pictures import load_clean_pictures, load_training_pairs, open_clean_pictures, store_pictures
from pellucid.data.config import DataSettings, PairSource, PictureSource
from pellucid.data.crops import Crops, DrawnPictures, ResidentPictures
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of 20 x 30 pixels, 1800 bytes each."""
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def settings_of(folder: Path) -> DataSettings:
    return DataSettings(sources=(PictureSource(path=folder),), mixture={"clean": 1})


def test_pictures_are_not_kept_twice(folder: Path) -> None:
    cache = PixelCache(7200)
    pictures = open_clean_pictures(settings_of(folder), cache=cache)
    whole = torch.stack([picture.read() for picture in pictures])  # as the look for leaks does
    assert cache.held_bytes == 7200
    held: list[int] = []
    noted = [
        dataclasses.replace(picture, read=lambda read=picture.read: held.append(cache.held_bytes) or read())
        for picture in pictures
    ]
    store = store_pictures(noted, 7200, "cpu")
    assert isinstance(store, ResidentPictures)
    assert (held, cache.held_bytes) == ([7200, 5400, 3600, 1800], 0)
    zeros = torch.zeros(4, dtype=torch.long)
    cut = store.gather(Crops(torch.arange(4), zeros, zeros, zeros, 20))
    assert torch.equal(cut, whole[..., :20].float() / 255)


def test_a_gpu_must_have_the_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (14_000, 20_000))
    store = store_pictures(open_clean_pictures(settings_of(folder)), 10_000, "cuda")
    assert isinstance(store, DrawnPictures)
    assert "more than half of the GPU's free memory allows" in caplog.text


def test_own_pairs_are_those_of_their_folder(folder: Path) -> None:
    root = folder / "mine"
    for name, change in (("clean", 0), ("degraded", 255)):
        (root / name).mkdir(parents=True)
        for number in range(2):
            pixels = np.asarray(Image.open(folder / f"{number}.png")) ^ change
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    settings = settings_of(folder).model_copy(update={"pairs": (PairSource(name="negatives", path=Path("mine")),)})
    pairs = load_training_pairs(settings, folder)["negatives"]  # the path starts at the data root
    assert [name for name, _, _ in pairs] == ["0", "1"]
    assert all(torch.equal(degraded, 255 - clean) for _, degraded, clean in pairs)
    with pytest.raises(DataError, match="Expected a known data set, got 'negatives'"):
        load_training_pairs(settings_of(folder).model_copy(update={"pairs": (PairSource(name="negatives"),)}))
