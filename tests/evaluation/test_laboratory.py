"""The laboratory: what a condition is to a model, how sure a difference is, and what stands in the tables."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pellucid.errors import ConfigurationError
from pellucid.evaluation.evaluate import Contestant, PictureScore, Result
from pellucid.evaluation.laboratory.bootstrap import LEAST_PICTURES, paired_bootstrap
from pellucid.evaluation.laboratory.conditions import (
    FAMILIES,
    Condition,
    Subject,
    conditions,
    domains_of,
    patches_of,
    relation,
    trained_from,
)
from pellucid.evaluation.laboratory.matrix import matrix_of
from pellucid.evaluation.laboratory.tables import lab_latex, lab_markdown, lab_tables, rich_lab_tables
from pellucid.evaluation.protocols import find_protocol

LEVELS = {f"gaussian-noise:sigma={sigma},clip=true": 1.0 for sigma in (5, 10, 20)}


def described(mixture: dict[str, float], **data: Any) -> dict[str, Any]:
    return {"recipe": {"data": {"mixture": mixture, **data}}}


def relations(mixture: dict[str, float], family: str, **data: Any) -> dict[float | None, str]:
    domains = domains_of(described(mixture, **data))
    assert domains is not None
    return {condition.trial.level: relation(condition, domains) for condition in conditions([family])}


def test_degrees_are_told_apart_by_the_range_of_the_training() -> None:
    found = relations(LEVELS, "noise")
    assert [level for level, group in found.items() if group == "seen degrees"] == [5, 10, 15, 20]
    assert [level for level, group in found.items() if group == "unseen degrees"] == [30, 40, 50, 75]
    # Without a parameter it is the severity that says how far training went: up to 55 of 255.
    found = relations({"gaussian-noise": 1.0}, "noise", severity=[0.5, 1.0])
    assert [level for level, group in found.items() if group == "seen degrees"] == [30, 40, 50]
    found = relations({"gaussian-noise": 1.0}, "noise")
    assert [level for level, group in found.items() if group == "unseen degrees"] == [75]


@pytest.mark.parametrize(
    ("mixture", "family", "group"),
    [
        (LEVELS, "blur", "unseen types"),
        (LEVELS, "rain", "unseen types"),
        ({"rain-light": 1.0}, "rain", "unseen degrees"),
        (LEVELS, "hybrid", "mixes"),
        (LEVELS, "real", "real"),
        ({"rain+jpeg": 1.0}, "rain", "unseen degrees"),
        ({"severe": 1.0, "clean": 1.0}, "jpeg", "unseen degrees"),
        ({"clean": 1.0, "jpeg": 0.0, "haze": 1.0}, "jpeg", "unseen types"),
    ],
)
def test_types_mixes_and_real_photographs(mixture: dict[str, float], family: str, group: str) -> None:
    assert set(relations(mixture, family).values()) == {group}


def test_tiers_of_hybrid_distortion() -> None:
    assert relations({"severe-18": 1.0, "severe-20": 1.0}, "hybrid") == {
        1: "unseen degrees",
        2: "unseen degrees",
        3: "seen degrees",
    }


def test_pairs_and_joined_models_are_domains_too() -> None:
    pairs = {"pairs": [{"name": "RainTrainL"}], "pairs_share": 0.5}
    domains = domains_of(described(LEVELS, **pairs))
    assert domains is not None
    found = {condition.trial.test_set: relation(condition, domains) for condition in conditions(["rain"])}
    assert found == {"rain100l": "seen degrees", "rain100h": "unseen degrees"}, "one is the other part of the same set"
    alone = domains_of(described(LEVELS, **(pairs | {"pairs_share": 1.0})))
    assert alone is not None and [domain.name for domain in alone] == ["RainTrainL"]
    joined = {"parts": {"one": described(LEVELS), "two": described({"jpeg:quality=10": 1.0})}}
    domains = domains_of(joined)
    assert domains is not None
    found = {condition.trial.level: relation(condition, domains) for condition in conditions(["jpeg"])}
    assert [level for level, group in found.items() if group == "seen degrees"] == [10]
    assert set(found.values()) == {"seen degrees", "unseen degrees"}
    # What training went on from counts too, and the several trainings of which a part is the mean.
    gone_on = described({"rain": 1.0}) | {"started_from": {"trained": [joined | {"parts": {"both": [joined] * 2}}]}}
    assert domains_of(gone_on) is not None and len(domains_of(gone_on) or ()) == 1 + 2 * (len(LEVELS) + 1)
    assert domains_of({}) is None


def test_pairs_of_which_nobody_says_what_they_show_make_no_labels(caplog: pytest.LogCaptureFixture) -> None:
    own = {"name": "mine", "path": "pairs"}
    assert domains_of(described(LEVELS, pairs=[own], pairs_share=0.5)) is None
    assert "Nobody says what the pairs mine show" in caplog.text
    domains = domains_of(described(LEVELS, pairs=[own | {"degradation": "rain"}], pairs_share=0.5))
    assert domains is not None
    assert {relation(condition, domains) for condition in conditions(["rain"])} == {"unseen degrees"}
    # Pairs of noise have no degree that anybody knows.
    domains = domains_of(described({"jpeg": 1.0}, pairs=[own | {"degradation": "gaussian-noise"}], pairs_share=0.5))
    assert domains is not None
    assert {relation(condition, domains) for condition in conditions(["noise"])} == {"unseen degrees"}
    assert domains_of(described(LEVELS, pairs=[own], pairs_share=0.0)) is not None


def test_patches_and_sources_are_what_the_file_says() -> None:
    one = described(LEVELS, batch_size=6, sources=[{"path": "test/Kodak24.tar"}]) | {"step": 100}
    assert patches_of(one) == 600 and trained_from(one) == {"Kodak24"}
    assert patches_of(one | {"started_from": {"trained": [one]}}) == 1200
    assert patches_of({"parts": {"a": one}}) is None and patches_of({}) is None


def test_every_family_has_conditions_and_a_wrong_one_is_refused() -> None:
    assert {condition.family.name for condition in conditions([])} == {family.name for family in FAMILIES}
    for condition in conditions([]):
        assert (condition.trial.level is None) == (condition.trial.protocol.level_name is None)
        assert condition.label.startswith(condition.trial.test_set)
    with pytest.raises(ConfigurationError, match=r"out of noise, blur, .*, got 'fog'"):
        conditions(["fog"])


@pytest.mark.parametrize("size", [5, 40])
def test_intervals_are_scipys(size: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    differences = np.random.default_rng(size).normal(0.3, 1.0, size)
    ours = paired_bootstrap([differences.tolist()])
    theirs = stats.bootstrap(
        (differences,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.mean == pytest.approx(differences.mean()) and ours.num_pictures == size
    assert (ours.low, ours.high) == (pytest.approx(theirs.low, abs=0.03), pytest.approx(theirs.high, abs=0.03))
    assert ours == paired_bootstrap([differences.tolist()]), "and the same each time"


def test_every_condition_counts_alike_and_a_picture_is_drawn_once_per_set() -> None:
    generator = np.random.default_rng(2)
    one, other = generator.normal(0.3, 1.0, 20), generator.normal(-1.0, 0.2, 15)
    # Twice the same row is that row; a set of one condition weighs half of one of two.
    once, twice = paired_bootstrap([one.tolist()]), paired_bootstrap([one.tolist()] * 2)
    assert (twice.low, twice.mean, twice.high) == pytest.approx((once.low, once.mean, once.high))
    both = paired_bootstrap([one.tolist()] * 2, [other.tolist()])
    assert both.mean == pytest.approx((2 * one.mean() + other.mean()) / 3) and both.num_pictures == 35
    width = np.hypot(2 * one.std(), 0) / 20**0.5, other.std() / 15**0.5
    assert (both.high - both.low) / 2 == pytest.approx(1.96 * np.hypot(*width) / 3, rel=0.1), "by normal theory"
    # Pictures that a condition has not got do not count there.
    lacking = paired_bootstrap([[1.0, 1.0, 1.0, 1.0], [2.0, None, None, 4.0]])
    assert lacking.mean == 2.0 and 1.5 <= lacking.low < lacking.high <= 2.5


def test_few_pictures_make_nothing_certain() -> None:
    assert not paired_bootstrap([[1.7]]).is_certain
    assert not paired_bootstrap([[1.0] * (LEAST_PICTURES - 1)]).is_certain
    assert paired_bootstrap([[1.0] * LEAST_PICTURES]).is_certain


def result(name: str, condition: Condition, psnr: list[float]) -> Result:
    scores = tuple(PictureScore(f"{n}.png", n, 8, 8, value, {}, 0.1) for n, value in enumerate(psnr))
    return Result(name, condition.trial, 0, scores, len(scores))


def tried() -> tuple[list[Subject], list[Condition], list[Result]]:
    """Two subjects, the second from two seeds, under noise of 20 and 50 and under JPEG."""
    noise, jpeg = {family.name: family for family in FAMILIES}["noise"], conditions(["jpeg"])[0]
    chosen = [c for c in conditions(["noise"]) if c.trial.test_set == "cbsd68" and c.trial.level in (20, 50)] + [jpeg]
    assert chosen[0].family is noise

    def contestant(name: str) -> Contestant:
        return Contestant(name, lambda image: image)

    trained = domains_of(described(LEVELS))
    subjects = [
        Subject("plain", (contestant("plain-s0"),), trained),
        Subject("ours", (contestant("ours-s0"), contestant("ours-s1")), trained),
        Subject("theirs", (contestant("theirs"),)),
    ]
    figures = {
        "input": ([22, 22], [14, 16], [27, 27]),
        "plain-s0": ([30, 31], [19, 21], [27, 26]),
        "ours-s0": ([30, 31], [24, 26], [27, 28]),
        "ours-s1": ([31, 32], [25, 27], [27, 28]),
        "theirs": ([29, 29], [18, 20], [28, 28]),
    }
    results = [
        result(name, condition, [float(value) for value in values])
        for name, rows in figures.items()
        for condition, values in zip(chosen, rows, strict=True)
    ]
    return subjects, chosen, results


def test_the_matrix_is_means_spreads_and_gains() -> None:
    matrix = matrix_of(*tried())
    assert matrix.inputs == (22, 15, 27)
    cell = matrix.cells[1, 1]
    assert cell.psnr == 25.5 and cell.gain == 10.5 and cell.worst == 10
    assert cell.spread == pytest.approx(0.5**0.5) and matrix.cells[0, 1].spread is None
    assert [matrix.cells[0, column].relation for column in range(3)] == [
        "seen degrees",
        "unseen degrees",
        "unseen types",
    ]
    assert matrix.cells[2, 0].relation is None and matrix.columns_of(2, "seen degrees") == [0]
    assert matrix.worst_column(0) == 2 and matrix.cells[0, 2].worst == -1
    # Differences to the first: unseen degrees by 5.5 in both pictures, so the interval is a point.
    interval = matrix.difference(1, matrix.columns_of(0, "unseen degrees"))
    assert interval is not None and (interval.low, interval.mean, interval.high) == (5.5, 5.5, 5.5)
    assert matrix.difference(1, []) is None
    with pytest.raises(ConfigurationError, match="Expected plain-s0 measured"):
        subjects, chosen, results = tried()
        matrix_of(subjects, chosen, [one for one in results if one.contestant != "plain-s0"])


def test_a_picture_under_several_conditions_counts_once() -> None:
    subjects, chosen, results = tried()
    matrix = matrix_of(subjects, chosen, results)
    both = matrix.difference(2, [0, 1])
    assert both is not None and both.mean == pytest.approx(np.mean([(-1 - 1) / 2, (-2 - 1) / 2]))
    assert both.num_pictures == 2


def test_who_does_not_say_is_judged_by_the_first_that_does() -> None:
    subjects, chosen, results = tried()
    matrix = matrix_of([subjects[2], *subjects[:2]], chosen, results)
    assert (matrix.judge_of(0), matrix.judge_of(2)) == (1, 2)
    assert matrix.seen_levels([0, 1]) == [20]
    notes = {table.title: " ".join(table.notes) for table in lab_tables(matrix)}
    assert "Groups are those of plain." in notes["Difference to theirs"]


def test_pictures_of_conditions_with_more_or_fewer_are_told_apart_by_their_place() -> None:
    subjects, chosen, results = tried()
    fewer = [
        replace(result, scores=result.scores[1:]) if result.trial == chosen[1].trial else result for result in results
    ]
    matrix = matrix_of(subjects, chosen, fewer)
    both = matrix.difference(2, [0, 1])
    assert both is not None and both.mean == pytest.approx(np.mean([(-1 - 2) / 2, -1]))
    assert matrix.cells[2, 1].per_picture == {1: 20}
    notes = {table.title: table.notes for table in lab_tables(matrix)}
    assert "Pictures measured, spread evenly over the set: 1 of 2 at 50." in notes["noise: cbsd68"]
    assert not any("measured" in note for note in notes["jpeg: kodak24"])


def test_tables_say_it_in_markdown_and_latex() -> None:
    tables = lab_tables(matrix_of(*tried()))
    assert [table.title for table in tables] == [
        "What was never seen", "Difference to plain", "noise: cbsd68", "jpeg: kodak24",
    ]  # fmt: skip
    text = lab_markdown(tables)
    seen, unseen, types = "+9.00 ±0.71 / +9.00 / +8.00", "+10.50 ±0.71 / +10.50 / +10.00", "+0.50 ±0.00 / +0.50 / +0.00"
    assert f"| ours | {seen} | {unseen} | **{types}** |" in text
    assert "| ours | +0.50 [+0.50, +0.50] | +5.50 [+5.50, +5.50] |" in text, "two pictures make nothing bold"
    assert "| ours | **30.99" not in text and "| plain | 30.50* | **20.00** |" in text
    assert "| ours | **31.00 ±0.71*** | 25.50 ±0.71 |" in text
    assert "published: DIL_sf" in text and "26.64" in text, "the paper's figures stand beside ours"
    latex = lab_latex(tables)
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 4
    assert r"\textbf{20.00} \\" in latex and r"$\pm$0.71$^*$" in latex and r"DIL\_sf" in latex
    for line in latex.splitlines():
        if line.endswith(r"\\"):
            assert line.count("&") in (2, 3, 4, 1)


@pytest.mark.parametrize("width", [40, 80, 120, 240])
def test_figures_are_whole_in_terminals_of_any_width(width: int) -> None:
    """Narrow ones get a table in parts, as rich draws it."""
    from rich.console import Console

    subjects, _, _ = tried()
    chosen = [condition for condition in conditions(["noise"]) if condition.trial.test_set == "cbsd68"]
    names = ("input", "plain-s0", "ours-s0", "ours-s1", "theirs")
    results = [result(name, c, [20.0 + n, 21.0]) for n, name in enumerate(names) for c in chosen]
    for table in lab_tables(matrix_of(subjects, chosen, results)):
        console = Console(file=io.StringIO(), width=width)
        parts = rich_lab_tables(table, width)
        for part in parts:
            console.print(part)
        drawn = console.file.getvalue()
        assert max(len(line.rstrip()) for line in drawn.splitlines()) <= width
        for row in table.rows:
            for cell in row[1:]:
                assert width < len(cell.text) + 30 or cell.text in drawn, f"{cell.text} is cut"
    assert (len(parts) > 1) == (width < 240)


def test_figures_are_drawn() -> None:
    pytest.importorskip("matplotlib")
    from pellucid.evaluation.laboratory.figures import curves, heat_map

    matrix = matrix_of(*tried())
    drawn = curves(matrix)
    assert drawn is not None and drawn.startswith(b"\x89PNG") and heat_map(matrix).startswith(b"\x89PNG")
    alone = [condition for condition in conditions(["rain"]) if condition.trial.protocol == find_protocol("rain-y")]
    subjects, _, _ = tried()
    results = [result(name, c, [20.0, 21.0]) for name in ("input", "plain-s0") for c in alone]
    assert curves(matrix_of(subjects[:1], alone, results)) is None, "nothing varies"


def test_figures_of_sets_that_are_not_at_hand_stand_beside_ours_under_their_names() -> None:
    chosen = conditions(["hybrid"])
    subjects, _, _ = tried()
    results = [result(name, c, [20.0, 21.0]) for name in ("input", "plain-s0") for c in chosen]
    (*_, family) = lab_tables(matrix_of(subjects[:1], chosen, results))
    found = {row[0].text: [cell.text for cell in row[1:]] for row in family.rows}
    assert found["published on BSD100: DIL (DIL (CVPR 2023), Table 3, trained on severe)"] == [
        "26.37",
        "25.23",
        "25.22",
    ]
    assert sum(name.startswith("published on") for name in found) == 8
    # One of two cells that hold the same figure is likely a slip of the paper.
    assert [text for texts in found.values() for text in texts if "?" in text] == ["26.19?", "26.19?"]
    assert "After ?: likely a slip of the source." in family.notes
