"""Somebody says what is wrong with a picture, and that is undone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pellucid.app.receipt import receipt_path
from pellucid.app.restore import restore
from pellucid.errors import MethodError
from pellucid.images.files import read_image
from pellucid.images.overview import views
from pellucid.methods.load import Model, load, told, with_trust

MakePhoto = Callable[..., Path]


@pytest.fixture(scope="module")
def default() -> Model:
    return load("default", "cpu")


def test_a_model_does_what_it_is_told(default: Model) -> None:
    image = 0.5 + 0.3 * torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    alone = default.restorer.taken_for(default.restorer.context(views(image)))
    knowing = told(default, ["haze", "rain"])
    assert knowing.restorer.taken_for(knowing.restorer.context(views(image))) == "haze, then rain" != alone
    assert knowing.restorer.is_sure(None)
    restored = knowing.restore(image).image
    assert not torch.allclose(restored, default.restore(image).image, atol=0.02)
    large = 0.5 + 0.3 * torch.rand(1, 3, 200, 400, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(knowing.restore(large, tile=240).image, knowing.restore(large).image, atol=0.02, rtol=0)


def test_maps_of_trust_come_last(default: Model) -> None:
    image = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))
    knowing = with_trust(told(default, ["noise"]))
    restoration = knowing.restore(image)
    assert torch.equal(restoration.image, told(default, ["noise"]).restore(image).image)
    assert set(restoration.maps) == {"prior", "effect", "error"}
    with pytest.raises(MethodError, match="before it gets maps of trust"):
        told(with_trust(default), ["noise"])


def test_a_model_that_does_one_thing_is_told_nothing(tiny: Model) -> None:
    with pytest.raises(MethodError, match="tells degradations apart"):
        told(tiny, ["rain"])


@pytest.mark.judged
def test_what_was_told_is_kept_and_decides_what_is_done_again(
    tmp_path: Path, default: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("pellucid.app.restore.load_perceiver", lambda **_: asked.append("perceiver"))
    photos, out = make_photo(tmp_path / "photos" / "a.png").parent, tmp_path / "out"

    def run(*degradations: str, model: Model = default) -> tuple[bool, str | None]:
        picture = restore(photos, out, model=model, degradations=degradations, receipts=True).files[0]
        assert json.loads(receipt_path(out / "a.png").read_text("utf-8"))["degradations"] == list(
            picture.receipt.degradations
        )
        return picture.was_finished, picture.receipt.taken_for

    assert run("haze", "rain") == (False, "haze, then rain")
    hazy = read_image(out / "a.png")
    assert run("haze", "rain") == (True, "haze, then rain"), "the same again is the same"
    assert run("rain") == (False, "rain") and not torch.equal(read_image(out / "a.png"), hazy)
    assert run(model=told(default, ["rain"])) == (True, "rain"), "who says it does not matter"
    assert asked == [], "who was told needs no judge"
    assert run()[0] is False and asked == ["perceiver"]


def test_one_name_is_a_name_and_the_page_says_it(tmp_path: Path, default: Model, make_photo: MakePhoto) -> None:
    page = tmp_path / "report.html"
    picture = restore(
        make_photo(tmp_path / "a.png"), tmp_path / "b.png", model=default, degradations="rain", report=page
    ).files[0]
    assert picture.receipt.degradations == ("rain",)
    assert "<dt>Said to have</dt><dd>rain</dd>" in page.read_text("utf-8")
