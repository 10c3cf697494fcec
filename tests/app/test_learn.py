"""`pellucid learn`: two folders in, a model with a card out."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
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
    assert "What it began with has a score of " in text
    assert "`rainy` and `clean`" in text and "there are only 5 rainy pictures" in text and "\n| 4 | " in text
    assert len(list((learned.run_folder / "samples").glob("*.png"))) == 2
    model = load(output, "cpu")
    assert model.description["best_step"] in (0, 2, 4)
    picture = torch.rand(1, 3, 70, 90)
    restored = model.restore(picture)
    assert restored.image.shape == restored.maps["rain"].shape == picture.shape
    # Once more is nothing to do, with other settings it is another run; what somebody else put there stays.
    assert learn(*folders, output, steps=4, patch_size=64, device="cpu").reason in ("finished", "settled")
    with pytest.raises(ConfigurationError, match=r"begun with, got others: name another --output, or use --overwrite"):
        learn(*folders, output, steps=5, patch_size=64, device="cpu")
    for mine in (output, learned.card):
        kept = mine.read_bytes()
        mine.write_bytes(b"mine")
        with pytest.raises(ImageError, match="Expected no file at"):
            learn(*folders, output, steps=4, patch_size=64, device="cpu")
        assert mine.read_bytes() == b"mine"
        mine.write_bytes(kept)
    again = learn(*folders, output, steps=2, patch_size=64, device="cpu", keep_mist=True, overwrite=True)
    assert again.reason != "interrupted" and load(output, "cpu").description["recipe"]["widest_rain"] == 15
    assert "\n| 4" not in learned.card.read_text(encoding="utf-8")


def test_what_the_folders_have_of_odd_pictures_is_told_and_left_out(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(app, "LOOK_EVERY", 2)
    (folders[0] / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    Image.new("RGB", (40, 40)).save(folders[1] / "zz-small.png")
    learned = learn(*folders, tmp_path / "mine.safetensors", steps=2, patch_size=64, device="cpu")
    assert "1 pictures cannot be read and are left out, broken.png first" in learned.warnings
    assert "1 clean pictures are smaller than a patch and left out, zz-small.png first" in learned.warnings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({}, "in 5 of 5 rainy pictures nothing is seen to be wrong"), ({"rain": 1}, "5 clean pictures look rainy")],
)
def test_folders_that_look_like_the_other_one_are_told(
    folders: tuple[Path, Path], monkeypatch, wrong: dict[str, int], said: str
) -> None:
    seen = SimpleNamespace(perceive=lambda picture: SimpleNamespace(wrong=wrong))
    monkeypatch.setattr("pellucid.methods.perceiver.load_perceiver", lambda: seen)
    assert any(its.startswith(said) for its in app._checked_folders(*folders, 64)["warnings"])


def test_a_time_limit_keeps_what_was_learned_so_far(folders: tuple[Path, Path], tmp_path: Path) -> None:
    learned = learn(*folders, tmp_path / "mine.safetensors", minutes=0.001, patch_size=64, device="cpu")
    assert learned.reason == "time limit"
    text = learned.card.read_text(encoding="utf-8")
    assert "it ended at step 1 (time limit)" in text and ("\n| 1 | " in text or "\n| 1, kept | " in text)


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


def test_the_recipe_beside_it_adapts_as_it_does() -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "nlcl" / "adapt.yaml"
    if not recipe.exists():
        pytest.skip("recipes are in the repository, not in the installed package")
    wanted, given = app.COMMON | app.STARTS["default"], yaml.safe_load(recipe.read_text())
    assert all(given[name] == its for name, its in wanted.items() if name != "optimisation")
