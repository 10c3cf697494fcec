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
from pellucid.images.overview import spread, views
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
    with pytest.raises(MethodError, match="can be told what is wrong"):
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
    for again in (("haze", "rain"), ("rain", "Haze", "rain")):
        assert run(*again) == (True, "haze, then rain"), "the same in any order is the same"
    assert run("rain") == (False, "rain") and not torch.equal(read_image(out / "a.png"), hazy)
    assert run(model=told(default, ["rain"])) == (True, "rain"), "who says it does not matter"
    assert "rain" not in (run("haze", model=told(default, ["rain"]))[1] or ""), "the last word counts"
    assert asked == [], "who was told needs no judge"
    assert run()[0] is False and asked == ["perceiver"]


def test_an_original_that_was_replaced_is_not_restored_again_and_that_is_said(
    tmp_path: Path, default: Model, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_photo(tmp_path / "a.png")
    restore(source, source, model=default, degradations="rain")
    rainless = source.read_bytes()
    again = restore(source, source, model=default, degradations="haze").files[0]
    assert again.was_finished and source.read_bytes() == rainless
    assert "is not restored a second time" in caplog.text


def test_maps_and_words_go_together(tmp_path: Path, default: Model, make_photo: MakePhoto) -> None:
    picture = restore(
        make_photo(tmp_path / "a.png"), tmp_path / "b.png", model=default, degradations="noise", trust=True
    ).files[0]
    assert picture.receipt.trust is not None and picture.receipt.degradations == ("noise",)
    assert picture.receipt.taken_for == "noise"


def test_without_a_context_nothing_is_forgotten(default: Model) -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    restorer = told(default, "rain").restorer
    given = restorer.context(views(image))
    assert given is not None
    assert torch.equal(restorer.restore(image).image, restorer.restore(image, spread(given, (64, 64))).image)
    assert not torch.equal(restorer.restore(image).image, default.restorer.restore(image).image)


def test_one_name_is_a_name_and_the_page_says_it(tmp_path: Path, default: Model, make_photo: MakePhoto) -> None:
    page = tmp_path / "report.html"
    picture = restore(
        make_photo(tmp_path / "a.png"), tmp_path / "b.png", model=default, degradations="rain", report=page
    ).files[0]
    assert picture.receipt.degradations == ("rain",)
    assert "<dt>Said to have</dt><dd>rain</dd>" in page.read_text("utf-8")
