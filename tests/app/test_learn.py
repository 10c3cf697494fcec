"""`pellucid learn`: two folders in, a model with a card out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.app import learn as app
from pellucid.app.learn import learn
from pellucid.errors import ConfigurationError, DataError, ImageError
from pellucid.methods.load import load


@pytest.fixture(autouse=True)
def _every_run_is_the_first(fresh_accelerator: None) -> None:
    """Of its process."""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Five smooth pictures under streaks, and five others."""
    for kind in ("rainy", "clean"):
        (tmp_path / kind).mkdir()
        for number in range(5):
            draws = np.random.default_rng([number, kind == "rainy"])
            coarse = Image.fromarray(draws.integers(0, 200, (12, 13, 3), dtype=np.uint8))
            pixels = np.asarray(coarse.resize((110, 100), Image.Resampling.BICUBIC)).astype(int)
            if kind == "rainy":
                pixels = pixels + 60 * (draws.random((1, 110, 1)) < 0.1)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / kind / f"{kind}{number}.png")
    return tmp_path / "rainy", tmp_path / "clean"


def test_two_folders_become_a_model_with_a_card(folders: tuple[Path, Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(app, "LOOK_EVERY", 2)
    output = tmp_path / "out" / "mine.safetensors"
    learned = learn(*folders, output, steps=4, patch_size=64, device="cpu")
    assert learned.weights == output and learned.reason in ("finished", "settled")
    assert any("only 5 rainy pictures" in warning for warning in learned.warnings)
    text = learned.card.read_text(encoding="utf-8")
    assert "`rainy` and `clean`" in text and "there are only 5 rainy pictures" in text and "\n| 4 | " in text
    assert len(list((learned.run_folder / "samples").glob("*.png"))) == 2
    model = load(output, "cpu")
    assert model.description["best_step"] in (0, 2, 4)
    picture = torch.rand(1, 3, 70, 90)
    restored = model.restore(picture)
    assert restored.image.shape == restored.maps["rain"].shape == picture.shape
    # Once more is nothing to do; a model that somebody else put there stays.
    assert learn(*folders, output, steps=4, patch_size=64, device="cpu").reason in ("finished", "settled")
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"mine")
    with pytest.raises(ImageError, match="Expected no file at"):
        learn(*folders, other, steps=4, patch_size=64)
    assert other.read_bytes() == b"mine"


def test_what_cannot_be_learned_from_is_refused_before_anything_is_written(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    output = tmp_path / "mine.safetensors"
    with pytest.raises(DataError, match="in both"):
        learn(folders[0], folders[0], output, patch_size=64)
    with pytest.raises(ConfigurationError, match="default, nothing, got 'zero'"):
        learn(*folders, output, start="zero")
    with pytest.raises(ConfigurationError, match=r"ends in .safetensors"):
        learn(*folders, tmp_path / "mine.pt")
    assert not output.exists() and not output.with_name("mine.safetensors.learning").exists()
