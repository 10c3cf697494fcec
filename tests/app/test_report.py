"""The page: whole in itself, right in what it says, and safe whatever files are called."""

import base64
import html.parser
import io
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
import pyvips
import torch
from PIL import Image

from pellucid.app import preview
from pellucid.app.outcome import SetAside
from pellucid.app.report import report_page
from pellucid.app.restore import restore
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.files import read_image_bytes, read_picture
from pellucid.methods.load import Model

MakePhoto = Callable[..., Path]
VOID = {"meta", "img", "input", "br", "link"}


class Page(html.parser.HTMLParser):
    """Tags in order; fails when they do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(restored_report: Path | None) -> Page:
    assert restored_report is not None
    return Page(restored_report.read_text(encoding="utf-8"))


def test_every_picture_is_shown_before_and_after(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    make_photo(tmp_path / "photos" / "a.png")
    make_photo(tmp_path / "photos" / "large.jpg", size=(300, 2000))
    (tmp_path / "photos" / "broken.jpg").touch()
    restored = restore(tmp_path / "photos", tmp_path / "out", model=tiny, report=tmp_path / "out" / "report.html")
    page = page_of(restored.report)
    images = page.all("img")
    assert [image["class"] for image in images] == ["after", "before"] * 3, "a large one also shows a part of it"
    for image in images:
        data = base64.b64decode((image["src"] or "").removeprefix("data:image/jpeg;base64,"), validate=True)
        assert min(read_image_bytes(data, "preview").shape[-2:]) > 30
    assert "2 pictures restored" in page.text
    assert "Set aside" in page.text and "broken.jpg" in page.text
    assert "2000 x 300" in page.text and "1/3 of its size" in page.text


def test_pictures_on_the_page_keep_their_profile(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    profile = bytes(pyvips.Operation.call("profile_load", "p3"))
    with Image.open(make_photo(tmp_path / "plain.png")) as plain:
        plain.save(tmp_path / "a.jpg", icc_profile=profile)
    page = page_of(restore(tmp_path / "a.jpg", model=tiny, report=tmp_path / "report.html").report)
    assert len(page.all("img")) == 2
    for image in page.all("img"):
        with Image.open(io.BytesIO(base64.b64decode((image["src"] or "").partition(",")[2]))) as shown:
            assert shown.info["icc_profile"] == profile


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    restored = restore(make_photo(tmp_path / "a.png"), model=tiny, report=tmp_path / "report.html")
    page = page_of(restored.report)
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert all("src" not in script for script in page.all("script"))
    assert all((image["src"] or "").startswith("data:") for image in page.all("img"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"https?:|//|@import|url\(", re.sub(r'src="data:[^"]*"', "", text)) == []


def test_it_can_be_used_without_eyes_or_mouse(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    restored = restore(make_photo(tmp_path / "a.png"), model=tiny, report=tmp_path / "report.html")
    page = page_of(restored.report)
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.all("img"))
    sliders = page.all("input")
    assert [slider["type"] for slider in sliders] == ["range"] and sliders[0]["aria-label"]
    assert [tag for tag, _ in page.tags if tag in ("header", "main")] == ["header", "main"]


def test_names_are_text_and_links_lead_to_results(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    name = "<b>&\"'#? 写真%.png"
    make_photo(tmp_path / "photos" / name)
    restored = restore(tmp_path / "photos", tmp_path / "out", model=tiny, report=tmp_path / "pages" / "report.html")
    page = page_of(restored.report)
    assert page.all("b") == []
    assert name in page.text
    (link,) = page.all("a")
    assert (tmp_path / "pages" / unquote(link["href"] or "")).resolve() == restored.path.resolve()


def test_a_name_that_is_no_text_is_shown_all_the_same(tmp_path: Path) -> None:
    failed = [SetAside(Path("bad\udcff.jpg"), "Expected a picture <in it>.")]
    page = Page(report_page([], failed, tmp_path / "report.html", "now"))
    assert "bad\udcff.jpg" in page.text and "<in it>" in page.text


def test_pictures_beyond_the_limit_are_listed(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        make_photo(tmp_path / "photos" / f"{number}.png", seed=number)
    monkeypatch.setattr(preview, "LARGEST_NUM_SHOWN", 2)
    restored = restore(tmp_path / "photos", tmp_path / "out", model=tiny, report=tmp_path / "report.html")
    page = page_of(restored.report)
    assert len(page.all("img")) == 4
    assert len(page.all("a")) == 3 and len(page.all("tr")) == 2


def test_finished_pictures_are_on_the_next_page(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    make_photo(tmp_path / "photos" / "a.png")
    for _ in range(2):
        restored = restore(tmp_path / "photos", tmp_path / "out", model=tiny, report=tmp_path / "report.html")
    assert len(page_of(restored.report).all("img")) == 2


def test_an_original_that_is_replaced_is_shown_as_it_was(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.png")
    restored = restore(source, source, model=tiny, report=tmp_path / "report.html")
    after, before = (image["src"] for image in page_of(restored.report).all("img"))
    assert after != before


def test_a_preview_is_the_mean_of_its_pixels(tmp_path: Path, make_photo: MakePhoto) -> None:
    picture = read_picture(make_photo(tmp_path / "a.png", size=(1001, 1930)))
    scaled = preview._scaled_down(picture, 3)
    expected = torch.nn.functional.interpolate(picture.read()[..., :999, :1929], scale_factor=1 / 3, mode="area")
    assert torch.allclose(scaled, expected, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_odd_shapes_have_previews(tmp_path: Path, make_photo: MakePhoto, size: tuple[int, int]) -> None:
    assert preview._previews(make_photo(tmp_path / "a.png", size=size))


@pytest.mark.parametrize("report", ["photos", "photos/a.png", "out/a.png"])
def test_a_page_never_replaces_a_picture(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_photo(Path("photos/a.png"))
    with pytest.raises(ConfigurationError, match="report"):
        restore("photos", "out", model=tiny, report=report)


def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source, page = make_photo(tmp_path / "a.png"), tmp_path / "diary.html"
    page.write_text("<html>precious</html>")
    with pytest.raises(ConfigurationError, match="an earlier report"):
        restore(source, model=tiny, report=page)
    assert page.read_text() == "<html>precious</html>" and not (tmp_path / "a.restored.png").exists()
    for overwrite in (True, False):  # the second time it is ours
        restore(source, model=tiny, report=page, overwrite=overwrite)
    assert len(page_of(page).all("img")) == 2


@pytest.mark.parametrize("report", ["a.png/report.html", "a.png/deeper/report.html", "/proc/nowhere/report.html"])
def test_a_page_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, report: str
) -> None:
    source = make_photo(tmp_path / "a.png")
    with pytest.raises(ImageError, match="Expected"):
        restore(source, model=tiny, report=tmp_path / report)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
