"""Tables carry our figures, the published ones with their source, and the conventions in words."""

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest

from pellucid.errors import DataError, ImageError
from pellucid.evaluation.evaluate import PictureScore, Result
from pellucid.evaluation.protocols import Trial, find_protocol
from pellucid.evaluation.records import csv_text, json_text, results_of, write_whole
from pellucid.evaluation.tables import markdown, rich_table, summary_tables


def result(contestant: str, protocol: str, test_set: str, level: float | None, psnr: float, seconds: float) -> Result:
    similar = {"skimage-7x7": 0.8, "gaussian-11x11": 0.9}
    auc = 88.0 if protocol.startswith("bigprior") else None
    scores = tuple(
        PictureScore(f"{index}.png", index, 100, 200, psnr + index, similar, seconds, auc) for index in range(3)
    )
    return Result(contestant, Trial(find_protocol(protocol), test_set, level), 0, scores, 68, {"sha256": "ab12"})


RESULTS = [
    result(name, "awgn", "cbsd68", level, psnr, seconds)
    for level in (15, 25)
    for name, psnr, seconds in (("input", 20.0, 0.001), ("default", 30.0, 0.1), ("bm3d", 29.0, 2.0))
] + [result("default", "bigprior-colorization", "bedroom50", None, 23.0, 0.1)]


def test_there_is_one_table_per_protocol_and_set() -> None:
    tables = summary_tables(RESULTS)
    assert [table.title for table in tables] == ["awgn on cbsd68", "bigprior-colorization on bedroom50"]
    first = tables[0]
    assert first.columns == (
        "method", "sigma 15", "sigma 25", "below input", "worst", "s/MP", "speed against bm3d", "source",
    )  # fmt: skip
    assert first.rows[0] == ("input", "21.00 / 0.9000", "21.00 / 0.9000", "", "", "", "", "this run")
    same = ("default", "31.00 / 0.9000", "31.00 / 0.9000", "0 of 6", "+10.00", "5", "20x", "this run")
    assert first.rows[1] == same
    assert first.num_ours == 3


def test_pictures_that_came_out_worse_do_not_hide_behind_the_mean() -> None:
    results = [result("input", "rain-y", "rain100l", None, 30.0, 0.0)]
    better = result("mixed", "rain-y", "rain100l", None, 35.0, 0.1)
    harmed = dataclasses.replace(better.scores[1], psnr=28.75)  # its input has 31
    results.append(dataclasses.replace(better, scores=(better.scores[0], harmed, better.scores[2])))
    (table,) = summary_tables(results, with_published=False)
    assert dict(zip(table.columns, table.rows[1], strict=True))["below input"] == "1 of 3"
    assert dict(zip(table.columns, table.rows[1], strict=True))["worst"] == "-2.25"
    assert table.rows[0][2:4] == ("", "")
    assert any("Below input" in note for note in table.notes)
    stored = json.loads(json_text(results))["results"]
    harm = [(row["num_below_input"], row["worst_change"], row["worst_psnr"]) for row in stored]
    assert harm == [(None, None, 30.0), (1, -2.25, 28.75)]


def test_of_clean_pictures_the_worst_is_told() -> None:
    results = [result(name, "clean", "cbsd68", None, psnr, 0.1) for name, psnr in (("input", 98.0), ("default", 40.0))]
    (table,) = summary_tables(results)
    assert [row[2:4] for row in table.rows] == [("", ""), ("", "40.00")]
    assert "Worst: the lowest PSNR of one picture, in dB." in table.notes


def test_doubts_about_published_figures_stand_under_their_table() -> None:
    (table,) = summary_tables([result("default", "awgn", "cbsd68", 15, 30.0, 0.1)])
    doubts = [note for note in table.notes if note.startswith("Published: ")]
    assert any("MMagic" in note for note in doubts) and not any("DIL" in note for note in doubts)
    assert all(f"- {note}" in markdown([table]) for note in doubts)
    (plain,) = summary_tables([result("default", "awgn", "cbsd68", 15, 30.0, 0.1)], with_published=False)
    assert not any(note.startswith("Published: ") for note in plain.notes)


def test_published_rows_stand_in_the_same_columns_with_their_source() -> None:
    rows = {row[0]: row for row in summary_tables(RESULTS)[0].rows}
    assert rows["DnCNN"][1:3] == ("33.90", "31.24")
    assert "SwinIR and SCUNet" in rows["DnCNN"][-1]
    assert not any("DnCNN" in row for table in summary_tables(RESULTS, with_published=False) for row in table.rows)


def test_notes_name_every_convention() -> None:
    notes = " ".join(summary_tables(RESULTS)[0].notes)
    for fact in ("RGB", "gaussian-11x11", "rounded to 8 bits", "seed 0", "only 3 of 68 pictures", "own generator"):
        assert fact in notes


def test_auc_is_the_third_figure() -> None:
    rows = {row[0]: row for row in summary_tables(RESULTS)[1].rows}
    assert rows["default"][1] == "24.00 / 0.8000 / 88.00"
    assert rows["mGAN prior"][1] == "- / - / 88.52"


def test_markdown_tables_have_as_many_cells_in_every_row() -> None:
    for block in markdown(summary_tables(RESULTS)).split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1
    assert "| *BM3D* | 33.52 | 30.71 |  |  |" in markdown(summary_tables(RESULTS))


def test_the_terminals_table_shows_the_same() -> None:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=200)
    console.print(rich_table(summary_tables(RESULTS)[0]))
    drawn = console.file.getvalue()
    assert "31.00 / 0.9000" in drawn and "33.90" in drawn and "20x" in drawn


def test_csv_has_a_line_per_picture() -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text(RESULTS))))
    assert len(lines) == 7 * 3
    assert lines[4]["contestant"] == "default" and float(lines[4]["psnr"]) == 31
    assert (lines[0]["level"], lines[-1]["level"], lines[-1]["auc"]) == ("15", "", "88.000000")


def test_json_says_how_where_and_with_what() -> None:
    content = json.loads(json_text(RESULTS))
    assert content["protocols"]["awgn"]["input"] == {
        "kind": "AddedNoise",
        "storage": "float",
        "grey": False,
        "first_seed": 0,
    }
    assert content["machine"]["cores"] >= 1 and content["versions"]["torch"]
    assert content["results"][1]["facts"] == {"sha256": "ab12"}
    assert content["results"][1]["pictures"][2]["psnr"] == 32


def test_results_are_read_back_as_they_were() -> None:
    text = json_text(RESULTS)
    assert tuple(results_of(text)) == tuple(RESULTS)
    older = json.loads(text)
    older["protocols"]["awgn"]["input"]["storage"] = "rounded"
    with pytest.raises(DataError, match="protocol awgn as it is now"):
        results_of(json.dumps(older))
    with pytest.raises(DataError, match="as evaluating writes it"):
        results_of("[]")


def test_a_file_is_there_whole_or_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "results.json"
    write_whole(target, "first")

    def fails(*_: object) -> None:
        raise OSError("disc full")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(ImageError, match="disc full"):
        write_whole(target, "second")
    assert target.read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["results.json"]
