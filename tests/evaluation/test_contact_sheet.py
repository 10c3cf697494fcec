"""Sheets show the right pictures, pixel for pixel."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pellucid
from pellucid.errors import MethodError
from pellucid.evaluation.benchmark_sets import open_benchmark_set
from pellucid.evaluation.contact_sheet import LabelledPicture, as_pixels, contact_sheet, drawn_sheet, notable_scores
from pellucid.evaluation.evaluate import Contestant, evaluate
from pellucid.evaluation.protocols import Trial, find_protocol

pytest.importorskip("matplotlib")
image = pytest.importorskip("PIL.Image")


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(image.open(io.BytesIO(data)).convert("RGB"))


def holds(sheet: np.ndarray, part: np.ndarray) -> bool:
    """Whether `part` stands somewhere in `sheet`, exactly."""
    rows, columns = part.shape[:2]
    corners = np.argwhere((sheet[: 1 - rows or None, : 1 - columns or None] == part[0, 0]).all(-1))
    return any(np.array_equal(sheet[row : row + rows, column : column + columns], part) for row, column in corners)


def test_pictures_stand_on_the_sheet_pixel_for_pixel() -> None:
    random = np.random.default_rng(0)
    cells = [LabelledPicture(random.integers(0, 255, (20, 30 + k, 3), np.uint8), f"number {k}") for k in range(3)]
    sheet = decoded(drawn_sheet([cells[:2], cells[2:]]))
    assert all(holds(sheet, cell.pixels) for cell in cells)
    assert (sheet < 100).any(axis=-1).any()  # and there is writing


def test_the_sheet_of_a_result_shows_best_median_and_worst(data_root: Path) -> None:
    pictures = open_benchmark_set("cbsd68", data_root)
    contestant = Contestant("darker", lambda degraded: degraded * 0.9)
    trial = Trial(find_protocol("adair3-noise"), "cbsd68", 25)
    (result,) = evaluate([contestant], trial, pictures)
    named = dict(notable_scores(result))
    ranked = sorted(score.psnr for score in result.scores)
    assert (named["best"].psnr, named["median"].psnr, named["worst"].psnr) == (ranked[-1], ranked[2], ranked[0])
    sheet = decoded(contact_sheet(contestant, result, pictures, largest=64))
    for score in named.values():
        _, clean = pictures.read(score.index)
        assert holds(sheet, as_pixels(trial.protocol.selected(clean)))


def test_large_pictures_are_cropped_at_the_centre() -> None:
    ramp = torch.arange(12.0).view(1, 1, 1, 12).expand(1, 3, 4, 12) / 255
    assert as_pixels(ramp, 6)[0, :, 0].tolist() == [3, 4, 5, 6, 7, 8]
    assert as_pixels(ramp).shape == (4, 12, 3)


def test_without_matplotlib_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MethodError, match="install the extra evaluate, or matplotlib alone"):
        drawn_sheet([[LabelledPicture(np.zeros((4, 4, 3), np.uint8), "x")]])


def test_the_extra_that_one_is_told_to_install_has_it() -> None:
    project = Path(pellucid.__file__).parents[2] / "pyproject.toml"
    if not project.is_file():
        pytest.skip("the project file is in the repository, not in the installed package")
    (extra,) = [line for line in project.read_text(encoding="utf-8").splitlines() if line.startswith("evaluate = ")]
    assert '"matplotlib' in extra
