"""All-in-one comparisons: published means come out of the columns, and ours stand above them honestly."""

from pathlib import Path

import pytest

from pellucid.app.evaluate import evaluate
from pellucid.errors import ConfigurationError, DataError
from pellucid.evaluation.all_in_one import ALL_IN_ONE, all_in_one_summary, find_all_in_one, published_rows
from pellucid.evaluation.evaluate import PictureScore, Result

MEANS = {
    "all-in-one-3": {
        "NAFNet": 29.67,
        "AirNet": 31.20,
        "PromptIR": 32.06,
        "InstructIR-3D": 32.43,
        "Perceive-IR": 32.63,
        "AdaIR": 32.69,
        "MoCE-IR": 32.73,
        "VLU-Net": 32.70,
        "ClearAIR": 32.74,
        "DFPIR": 32.88,
    },
    "all-in-one-5": {
        "AirNet": 25.49,
        "Restormer": 27.60,
        "PromptIR": 29.15,
        "InstructIR-5D": 29.55,
        "Perceive-IR": 29.84,
        "AdaIR": 30.20,
        "MoCE-IR": 30.58,
        "DFPIR": 30.64,
    },
}
"""As printed beside the columns."""


@pytest.mark.parametrize("table", ALL_IN_ONE, ids=lambda table: table.name)
def test_published_means_are_those_of_the_columns(table) -> None:
    rows = published_rows(table)
    for method, mean in MEANS[table.name].items():
        values = [score[0] for score in rows[method] if score is not None]
        assert len(values) == len(table.columns) == 5
        assert sum(values) / 5 == pytest.approx(mean, abs=0.0101), method
    assert all(None not in row for row in rows.values())


def test_our_row_has_no_mean_where_a_set_is_missing() -> None:
    table = find_all_in_one("all_in_one_3")
    assert table is not None
    score = PictureScore("a", 0, 8, 8, 30.0, {"skimage-7x7": 0.9}, 0.1)
    results = [Result("ours", trial, 0, (score,), 2) for trial in table.trials()]
    summary = all_in_one_summary(table, results)
    cell = "30.00 / 0.900"
    assert summary.rows[0] == ("ours", "", cell, cell, cell, cell, "", cell, "this run")
    named = {row[0]: row for row in summary.rows}
    assert named["Perceive-IR"][1:7] == (
        "30.87 / 0.975",
        "38.29 / 0.980",
        "34.13 / 0.934",
        "31.53 / 0.890",
        "28.31 / 0.804",
        "32.63 / 0.917",
    )
    assert named["Restormer"][6] == "30.72"  # of its five columns; the SSIM of one is a slip of the source, left out
    assert summary.columns[6] == "mean"
    assert any("Not at hand: SOTS outdoor" in note for note in summary.notes)
    assert any("every n-th picture" in note for note in summary.notes)
    assert any("30.11/.905" in note for note in summary.notes)


def test_a_set_that_is_not_there_has_an_empty_column(tmp_path: Path) -> None:
    from PIL import Image

    for folder in ("gt", "input"):
        (tmp_path / "test" / "SOTS_indoor10" / folder).mkdir(parents=True)
        Image.new("RGB", (24, 24), (90, 80, 70)).save(tmp_path / "test" / "SOTS_indoor10" / folder / "1.png")
    evaluation = evaluate(["input"], protocol="all-in-one-3", data_root=tmp_path)
    table = evaluation.tables[0]
    assert table.rows[0][1:7] == ("",) * 6
    assert table.rows[0][7] != ""
    assert any("Not at hand: SOTS outdoor, Rain100L, CBSD68, sigma 15" in note for note in table.notes)
    with pytest.raises(DataError):
        evaluate(["input"], protocol="all-in-one-3", data_root=tmp_path / "nothing")


def test_sets_beside_it_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="nothing beside all-in-one-5"):
        evaluate(["input"], on=["cbsd68"], protocol="all-in-one-5")
