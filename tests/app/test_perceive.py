"""The verb that only looks: what it says, what it writes, and that it writes nothing else."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import pellucid
from pellucid.app.perceive import PAGE_NAME, TABLE_NAME, perceive
from pellucid.app.perceived_text import lines_of
from pellucid.degradations.jpeg import jpeg
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.files import read_image, write_image
from pellucid.methods.perceiver import Perceiver
from pellucid.networks.picture_perceiver import PicturePerceiver

MakePhoto = Callable[..., Path]


@pytest.fixture(scope="module")
def eyes() -> Perceiver:
    """A perceiver of random weights that finds noise in everything, and tells some pictures from others."""
    torch.manual_seed(0)
    network = PicturePerceiver({"width": 4})
    network.tier_vectors.copy_(torch.nn.functional.normalize(torch.randn(network.tier_vectors.shape), dim=1))
    network.clue_biases[0] = 10
    return Perceiver(network, "f00d")


@pytest.fixture
def photos(tmp_path: Path, make_photo: MakePhoto) -> Path:
    for seed, name in enumerate(("a.png", "b.jpg", "trip/Фото <b>.png")):
        make_photo(tmp_path / "photos" / name, seed=seed, size=(150 + seed, 200))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_is_the_public_function() -> None:
    assert pellucid.perceive is perceive


def test_a_file_gives_what_its_pixels_give(tmp_path: Path, eyes: Perceiver, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.png", size=(300, 500))
    found = perceive(source, perceiver=eyes).perception
    expected = eyes.perceive(read_image(source))
    assert found.quality == pytest.approx(expected.quality, abs=1e-5)
    assert len(found.details) == 12 and "noise" in found.wrong and not found.is_clean
    assert files_in(tmp_path) == {"a.png"}, "nothing is written"


def test_a_folder_is_sorted_from_worst_to_best_with_table_and_sheet(
    photos: Path, tmp_path: Path, eyes: Perceiver
) -> None:
    before, seen_kinds = files_in(photos), eyes.network.kinds
    found = perceive(photos, tmp_path / "out", perceiver=eyes)
    qualities = [picture.perception.quality for picture in found.pictures]
    assert qualities == sorted(qualities) and len(set(qualities)) == 3
    assert [picture.source.name for picture in found.failed] == ["broken.jpg"]
    assert files_in(tmp_path / "out") == {TABLE_NAME, PAGE_NAME} and files_in(photos) == before
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / TABLE_NAME).read_text(encoding="utf-8"))))
    assert [row["picture"] for row in rows] == [str(its.source) for its in (*found.pictures, *found.failed)]
    assert rows[-1]["set aside"] == found.failed[0].reason and rows[-1]["quality"] == ""
    for row, picture in zip(rows[:3], found.pictures, strict=True):
        assert row["found"].split() == list(picture.perception.wrong)
        assert all(bool(row[f"{kind} words"]) == (kind in picture.perception.wrong) for kind in seen_kinds)
        seen = picture.perception
        assert float(row["noise presence"]) == pytest.approx(seen.kinds["noise"].presence, abs=1e-3)
        assert (row["tier"], row["height"]) == (seen.tier, str(picture.height))
    page = (tmp_path / "out" / PAGE_NAME).read_text(encoding="utf-8")
    assert page.count("<figure>") == 3 and "broken.jpg" in page and "Фото &lt;b&gt;" in page
    assert page.index(rows[0]["picture"].replace("<", "&lt;").replace(">", "&gt;")) < page.rindex("<figure>")
    assert "src=" not in page.replace('src="data:image/jpeg;base64,', ""), "whole in itself"


def test_tables_of_ours_are_replaced_and_others_are_not(photos: Path, tmp_path: Path, eyes: Perceiver) -> None:
    for _ in range(2):
        perceive(photos, tmp_path / "out", perceiver=eyes)
    for name in (TABLE_NAME, PAGE_NAME):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_text("precious")
        with pytest.raises(ConfigurationError, match="found something else"):
            perceive(photos, tmp_path / "mine", perceiver=eyes)
        assert (tmp_path / "mine" / name).read_text() == "precious"
        perceive(photos, tmp_path / "mine", perceiver=eyes, overwrite=True)


def test_a_single_broken_file_raises_and_so_does_nothing_at_all(photos: Path, tmp_path: Path, eyes: Perceiver) -> None:
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        perceive(photos / "broken.jpg", perceiver=eyes)
    with pytest.raises(ImageError, match="found nothing at"):
        perceive(tmp_path / "nowhere", perceiver=eyes)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="found none"):
        perceive(tmp_path / "empty", perceiver=eyes)
    with pytest.raises(ConfigurationError, match="got none"):
        perceive([], perceiver=eyes)
    with pytest.raises(ConfigurationError, match="got the file"):
        perceive(photos, photos / "a.png", perceiver=eyes)
    with pytest.raises(ConfigurationError, match="use pictures"):
        _ = perceive(photos, perceiver=eyes).perception


def test_one_picture_is_told_closely_and_many_in_a_line_each(photos: Path, eyes: Perceiver) -> None:
    one = list(lines_of(perceive(photos / "a.png", perceiver=eyes)))
    many = list(lines_of(perceive(photos, perceiver=eyes)))
    assert len(many) == 3 and one[0] in many
    assert len(one) == 1 + 2 + 6 + 2 + 4 and one[11].strip().startswith("0, 0:")
    assert "4 parts of 128 x 128 pixels were looked at, 100 % of the picture at most" in one[9]


def test_it_is_told_how_far_it_is(photos: Path, eyes: Perceiver) -> None:
    told: list[Any] = []
    perceive(photos, perceiver=eyes, progress=lambda *at: told.append(at))
    assert [done for done, total, _ in told if total == 4] == [0, 1, 2, 3]


def test_what_nobody_foresaw_is_set_aside_and_what_was_seen_is_written(
    photos: Path, tmp_path: Path, eyes: Perceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = iter([None, RuntimeError("odd"), None])
    real = Perceiver.perceive_views

    def sometimes(self: Perceiver, seen: Any) -> Any:
        error = next(looked)
        if error is not None:
            raise error
        return real(self, seen)

    monkeypatch.setattr(Perceiver, "perceive_views", sometimes)
    found = perceive(photos, tmp_path / "out", perceiver=eyes)
    assert len(found.pictures) == 2
    assert "RuntimeError happened (odd)" in next(one.reason for one in found.failed if one.source.name == "b.jpg")
    looked = iter([None, KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        perceive(photos, tmp_path / "stopped", perceiver=eyes)
    assert len((tmp_path / "stopped" / TABLE_NAME).read_text().splitlines()) == 2


def test_a_folder_of_which_nothing_can_be_read_is_told_twice(tmp_path: Path, eyes: Perceiver) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "photos" / name).write_bytes(b"no picture")
    for _ in range(2):
        found = perceive(tmp_path / "photos", tmp_path / "out", perceiver=eyes)
        assert (len(found.pictures), len(found.failed)) == (0, 2)


def test_light_as_measured_is_not_judged(tmp_path: Path, eyes: Perceiver) -> None:
    import numpy as np
    import pyvips

    pixels = (4 * np.random.default_rng(0).random((40, 56, 3))).astype(np.float32)
    pyvips.Image.new_from_array(pixels).write_to_file(str(tmp_path / "light.tif"))
    with pytest.raises(ImageError, match="light above white"):
        perceive(tmp_path / "light.tif", perceiver=eyes)


def test_black_is_not_called_clean(tmp_path: Path, eyes: Perceiver, make_photo: MakePhoto) -> None:
    make_photo(tmp_path / "photos" / "a.png")
    Image.new("RGB", (200, 150)).save(tmp_path / "photos" / "black.png")
    perceive(tmp_path / "photos", tmp_path / "out", perceiver=eyes)
    page = (tmp_path / "out" / "contact-sheet.html").read_text("utf-8")
    assert page.count("too plain to tell; quality") == 1


def test_names_that_a_spreadsheet_would_run_begin_with_a_folder(
    tmp_path: Path, eyes: Perceiver, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo(tmp_path / "=1+1.png")
    monkeypatch.chdir(tmp_path)
    perceive("=1+1.png", "out", perceiver=eyes)
    row = next(csv.DictReader(io.StringIO(Path("out", TABLE_NAME).read_text(encoding="utf-8"))))
    assert row["picture"] == "./=1+1.png"


def test_a_screenshot_of_a_jpeg_says_of_which_quality_it_was(photos: Path, tmp_path: Path, eyes: Perceiver) -> None:
    coarse = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    write_image(photos / "shown.png", jpeg(smooth, 20))
    found = perceive(photos, tmp_path / "out", perceiver=eyes)
    line = next(its for its in lines_of(found) if "shown.png" in its)
    assert line.endswith("; as if last compressed as a JPEG of quality 20")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / TABLE_NAME).read_text(encoding="utf-8"))))
    told = {Path(row["picture"]).name: row["compressed at"] for row in rows}
    assert told["shown.png"] == "20" and told["a.png"] == told["broken.jpg"] == ""
    assert "a JPEG of 20, by its pixels" in (tmp_path / "out" / PAGE_NAME).read_text(encoding="utf-8")
