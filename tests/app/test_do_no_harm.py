"""What needs nothing stays as it is, and so does what restoring did not better."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.app.do_no_harm import is_better
from pellucid.app.receipt import receipt_path
from pellucid.app.restore import restore
from pellucid.app.restore_file import restore_file
from pellucid.errors import ImageError
from pellucid.images.files import read_image, write_image
from pellucid.images.overview import Views, views
from pellucid.methods.load import Model, load
from pellucid.methods.perceiver import Found, Perception, load_perceiver

MakePhoto = Callable[..., Path]

pytestmark = pytest.mark.judged


def seen(quality: float, **severities: float) -> Perception:
    """A picture of this quality with these kinds, each certain."""
    kinds = {name: Found(float(name in severities), severities.get(name, 0.0), "") for name in ("noise", "rain")}
    return Perception(kinds, "mediocre", quality, ())


class Scripted:
    """Perceives what it is told to, picture after picture, and keeps what it was shown."""

    weights_sha256 = "f00d"

    def __init__(self, *perceptions: Perception):
        self.perceptions, self.shown = list(perceptions), list[Views]()

    def perceive_views(self, shown: Views) -> Perception:
        self.shown.append(shown)
        return self.perceptions.pop(0)


BAD, WORSE, BETTER = seen(0.4, noise=0.5), seen(0.3, noise=0.6), seen(0.8, noise=0.1)


def judge(*perceptions: Perception) -> Any:
    return Scripted(*perceptions)


def test_better_is_less_harm_or_more_quality() -> None:
    assert is_better(BAD, BETTER) and not is_better(BAD, WORSE) and not is_better(BAD, BAD)
    assert is_better(BAD, seen(0.3, noise=0.2)) and is_better(BAD, seen(0.5, noise=0.7))


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "c.tif"])
def test_a_clean_picture_is_returned_byte_for_byte(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, name: str
) -> None:
    source, target = make_photo(tmp_path / name), tmp_path / "out" / name
    receipt = restore_file(source, target, tiny, perceiver=judge(seen(0.9)))
    assert target.read_bytes() == source.read_bytes()
    assert (receipt.kept, receipt.quality_before, receipt.quality_after) == (
        "nothing was found to be wrong with it",
        0.9,
        None,
    )
    assert receipt.source.sha256 == receipt.target.sha256 and receipt.perceived == {}


def test_in_another_format_the_pixels_stay(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png", size=(83, 45)), tmp_path / "a.tif"
    restore_file(source, target, tiny, perceiver=judge(seen(0.9)))
    assert torch.equal(read_image(source), read_image(target))


@pytest.mark.parametrize("tile", [None, 120])
def test_a_result_that_is_better_is_kept_and_was_looked_at_as_it_is_stored(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, tile: int | None
) -> None:
    source, target = make_photo(tmp_path / "a.png", size=(200, 300)), tmp_path / "b.png"
    perceiver = judge(BAD, BETTER)
    receipt = restore_file(source, target, tiny, tile=tile, perceiver=perceiver)
    assert (receipt.kept, receipt.quality_before, receipt.quality_after) == (None, 0.4, 0.8)
    assert receipt.perceived == {"noise": 0.5}
    for path, shown in zip((source, target), perceiver.shown, strict=True):
        expected = views(read_image(path))
        torch.testing.assert_close(shown.overview, expected.overview, atol=1e-6, rtol=0)
        torch.testing.assert_close(shown.details, expected.details, atol=1e-6, rtol=0)


def test_a_result_that_is_not_better_gives_way_to_the_original(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto
) -> None:
    source, target = make_photo(tmp_path / "a.jpg"), tmp_path / "b.jpg"
    receipt = restore_file(source, target, tiny, perceiver=judge(BAD, WORSE))
    assert target.read_bytes() == source.read_bytes()
    assert receipt.kept == "restoring gave neither more quality (0.40 to 0.30) nor less harm (0.50 to 0.60)"
    assert (receipt.harm_before, receipt.harm_after) == (0.5, 0.6)


def test_light_above_white_is_restored_unseen(tmp_path: Path, tiny: Model) -> None:
    import numpy as np
    import pyvips

    pixels = (4 * np.random.default_rng(0).random((40, 56, 3))).astype(np.float32)
    pyvips.Image.new_from_array(pixels).write_to_file(str(tmp_path / "light.tif"))
    receipt = restore_file(tmp_path / "light.tif", tmp_path / "out.tif", tiny, perceiver=judge())
    assert receipt.kept is None and receipt.quality_before is None


def scripted(monkeypatch: pytest.MonkeyPatch, perceptions: Sequence[Perception]) -> None:
    perceiver = Scripted(*perceptions)
    monkeypatch.setattr("pellucid.app.restore.load_perceiver", lambda **_: perceiver)


def test_a_batch_ends_with_what_is_doubtful(
    tmp_path: Path,
    tiny: Model,
    make_photo: MakePhoto,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for seed, name in enumerate(("clean", "good", "worse")):
        make_photo(tmp_path / "photos" / f"{name}.png", seed=seed)
    scripted(monkeypatch, [seen(0.9), BAD, BETTER, BAD, WORSE])
    with caplog.at_level("INFO"):
        outcome = restore(tmp_path / "photos", tmp_path / "out", model=tiny, report=tmp_path / "report.html")
    assert [picture.source.name for picture in outcome.doubtful] == ["worse.png"]
    assert "clean.png is kept as it is: nothing was found" in caplog.text
    assert f"Doubtful, so that the original was kept: {tmp_path / 'photos' / 'worse.png'}." in caplog.text
    assert "1 restored, 2 kept as they are, 0 finished before" in caplog.text
    page = (tmp_path / "report.html").read_text()
    assert page.count("<h2>Doubtful") == 1 and page.index("worse.png") < page.index("good.png")
    assert page.count("Kept as it was") == 2 and "0.40, 0.80 after" in page
    scripted(monkeypatch, [])
    again = restore(tmp_path / "photos", tmp_path / "out", model=tiny)
    assert all(picture.was_finished for picture in again.files)
    assert [picture.source.name for picture in again.doubtful] == ["worse.png"]


def test_always_restores_what_was_kept(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_photo(tmp_path / "a.png")
    scripted(monkeypatch, [seen(0.9)])
    restore(source, model=tiny, receipts=True)
    target = tmp_path / "a.restored.png"
    assert target.read_bytes() == source.read_bytes()
    assert json.loads(receipt_path(target).read_text())["perceiver_sha256"] == "f00d"
    outcome = restore(source, model=tiny, receipts=True, always=True)
    assert not outcome.files[0].was_finished and target.read_bytes() != source.read_bytes()
    assert json.loads(receipt_path(target).read_text())["kept"] is None


def test_an_original_that_is_to_be_replaced_and_is_clean_is_not_touched(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_photo(tmp_path / "a.png")
    before = (source.read_bytes(), source.stat().st_mtime_ns, source.stat().st_ino)
    scripted(monkeypatch, [seen(0.9)])
    restore(source, source, model=tiny)
    assert (source.read_bytes(), source.stat().st_mtime_ns, source.stat().st_ino) == before


def png_called_jpg(tmp_path: Path, make_photo: MakePhoto, folder: str = "photos") -> Path:
    made = make_photo(tmp_path / "made.png", size=(60, 80))
    (tmp_path / folder).mkdir()
    return made.rename(tmp_path / folder / "photo.jpg")


@pytest.mark.parametrize("is_in_place", [True, False])
def test_a_picture_that_is_called_wrongly_keeps_its_bytes(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, is_in_place: bool
) -> None:
    source = png_called_jpg(tmp_path, make_photo)
    before = source.read_bytes()
    scripted(monkeypatch, [seen(0.9)])
    if is_in_place:
        restore(source, source, model=tiny)
    else:
        restore(tmp_path / "photos", tmp_path / "out", model=tiny)
        assert (tmp_path / "out" / "photo.jpg").read_bytes() == before
    assert source.read_bytes() == before


def test_an_original_that_was_kept_where_it_lies_is_not_ours(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_photo(tmp_path / "home" / "photo.png")
    before = source.read_bytes()
    for perceptions in ([seen(0.9)], [BAD, WORSE]):
        scripted(monkeypatch, perceptions)
        restore(source, source, model=tiny, overwrite=len(perceptions) == 2)
        scripted(monkeypatch, [BAD, BETTER])
        make_photo(tmp_path / "else" / "photo.png", seed=3)
        outcome = restore(tmp_path / "else", tmp_path / "home", model=tiny)
        assert "did not write" in outcome.failed[0].reason and source.read_bytes() == before


@pytest.mark.parametrize("is_old", [False, True])
def test_an_original_that_was_replaced_is_not_restored_again_whoever_judges(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, is_old: bool
) -> None:
    source = make_photo(tmp_path / "photo.png")
    scripted(monkeypatch, [BAD, BETTER])
    restore(source, source, model=tiny)
    if is_old:  # a journal from before anybody judged
        journal = tmp_path / ".pellucid.jsonl"
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        for name in (
            "perceiver_sha256",
            "perceived",
            "quality_before",
            "quality_after",
            "harm_before",
            "harm_after",
            "kept",
        ):
            del lines[-1]["receipt"][name]
        journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    before = source.read_bytes()
    scripted(monkeypatch, [])
    assert restore(source, source, model=tiny).files[0].was_finished
    assert restore(source, source, model=tiny, always=True).files[0].was_finished
    assert source.read_bytes() == before


def test_a_link_to_the_original_is_no_result(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(source)
    with pytest.raises(ImageError, match="another file than the original"):
        restore_file(source, tmp_path / "b.png", tiny, perceiver=judge(seen(0.9)))


def test_grey_is_looked_at_without_the_colours_that_are_not_stored(tmp_path: Path, tiny: Model) -> None:
    import numpy as np
    import pyvips

    pixels = np.random.default_rng(0).integers(0, 256, (150, 200), dtype=np.uint8)
    pyvips.Image.new_from_array(pixels, interpretation="b-w").pngsave(str(tmp_path / "grey.png"))
    perceiver = judge(BAD, BETTER)
    restore_file(tmp_path / "grey.png", tmp_path / "out.png", tiny, perceiver=perceiver)
    stored = views(read_image(tmp_path / "out.png"))
    assert (perceiver.shown[1].details - stored.details).abs().max() <= 1.01 / 255
    assert torch.equal(perceiver.shown[1].details[:, :, 0], perceiver.shown[1].details[:, :, 2])


def test_what_is_copied_has_lost_nothing_and_needs_no_memory(tmp_path: Path, tiny: Model) -> None:
    import pyvips

    cmyk = pyvips.Image.black(60, 40, bands=4).copy(interpretation="cmyk")
    cmyk.tiffsave(str(tmp_path / "ink.tif"))
    receipt = restore_file(tmp_path / "ink.tif", tmp_path / "out.tif", tiny, memory="1M", perceiver=judge(seen(0.9)))
    assert receipt.not_kept == () and (tmp_path / "out.tif").read_bytes() == (tmp_path / "ink.tif").read_bytes()


def test_why_a_single_picture_was_kept_is_said(
    tmp_path: Path,
    tiny: Model,
    make_photo: MakePhoto,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scripted(monkeypatch, [seen(0.9)])
    with caplog.at_level("INFO"):
        restore(make_photo(tmp_path / "a.png"), model=tiny)
    assert "a.png is kept as it is: nothing was found to be wrong with it." in caplog.text


@pytest.mark.parametrize("level", [0, 255])
def test_what_shows_nothing_is_kept(tmp_path: Path, tiny: Model, level: int) -> None:
    import pyvips

    flat = pyvips.Image.black(160, 150, bands=3) + level
    flat.cast("uchar").copy(interpretation="srgb").pngsave(str(tmp_path / "flat.png"))
    receipt = restore_file(tmp_path / "flat.png", tmp_path / "out.png", tiny, perceiver=load_perceiver(device="cpu"))
    assert receipt.kept == "it is too plain to tell whether anything is wrong with it"


def test_black_is_no_dark_photograph(tmp_path: Path) -> None:
    write_image(tmp_path / "black.png", torch.zeros(1, 3, 150, 200))
    receipt = restore_file(
        tmp_path / "black.png", tmp_path / "out.png", load("default", "cpu"), perceiver=load_perceiver(device="cpu")
    )
    assert receipt.kept == "it is too plain to tell whether anything is wrong with it"
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "black.png").read_bytes()


@pytest.mark.parametrize(("after", "is_kept"), [(seen(0.95), False), (seen(0.8), True)])
def test_what_the_model_is_sure_of_is_not_called_clean(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, after: Perception, is_kept: bool
) -> None:
    class Sure:
        def __getattr__(self, name: str) -> Any:
            return getattr(tiny.restorer, name)

        def is_sure(self, context: Any) -> bool:
            return True

    sure: Any = dataclasses.replace(tiny, restorer=Sure())  # pyright: ignore[reportArgumentType]
    source, target = make_photo(tmp_path / "a.png"), tmp_path / "b.png"
    receipt = restore_file(source, target, sure, perceiver=judge(seen(0.9), after))
    assert (receipt.kept is not None) == is_kept
    assert (source.read_bytes() == target.read_bytes()) == is_kept
