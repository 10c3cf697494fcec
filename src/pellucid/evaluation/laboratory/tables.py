"""The laboratory's matrix as tables: Markdown, LaTeX, and for the terminal."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pellucid.evaluation.laboratory.bootstrap import CONFIDENCE, LEAST_PICTURES, Interval
from pellucid.evaluation.laboratory.conditions import SEEN
from pellucid.evaluation.laboratory.matrix import Cell, Matrix, groups_of
from pellucid.evaluation.published import published_scores
from pellucid.evaluation.published_elsewhere import published_elsewhere

if TYPE_CHECKING:
    from rich.table import Table

SEEN_MARK = "*"

_BORDER = 3
"""Characters that a column of a table in the terminal has beside its text."""


@dataclass(frozen=True)
class Text:
    """The text of one cell, bold or not."""

    text: str
    is_bold: bool = False


@dataclass(frozen=True)
class LabTable:
    """One table.

    Attributes:
        title: what it shows.
        notes: how to read it, a sentence each.
        columns: headings.
        rows: of cells, as many as columns.
    """

    title: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]


def lab_tables(matrix: Matrix) -> list[LabTable]:
    """Summary by what is seen, differences to the reference, and one matrix per family and test set."""
    tables = [_summary(matrix)] if groups_of(matrix) else []
    if len(matrix.subjects) > 1:
        tables.append(_differences(matrix))
    places: dict[tuple[str, str], list[int]] = {}
    for column, condition in enumerate(matrix.conditions):
        places.setdefault((condition.family.name, condition.trial.test_set), []).append(column)
    return [*tables, *(_family(matrix, columns) for columns in places.values())]


def lab_markdown(tables: Sequence[LabTable]) -> str:
    """All tables as one Markdown text."""
    parts = []
    for table in tables:
        rule = "| --- |" + " ---: |" * (len(table.columns) - 1)
        lines = [f"### {table.title}", "", _row(table.columns), rule]
        lines += [_row([f"**{cell.text}**" if cell.is_bold else cell.text for cell in row]) for row in table.rows]
        parts.append("\n".join([*lines, "", *(f"- {note}" for note in table.notes), ""]))
    return "\n".join(parts)


def rich_lab_tables(table: LabTable, width: int) -> "list[Table]":
    """`table` for a terminal of so many characters: in several parts, one under the other, where it is wider.

    Names of rows are broken into lines rather than take half of the width; figures never are.
    """
    from rich.table import Table
    from rich.text import Text as RichText

    lengths = [
        max(len(text) for text in (heading, *(row[position].text for row in table.rows)))
        for position, heading in enumerate(table.columns)
    ]
    name_width = max(1, min(lengths[0], width // 2 - _BORDER))
    parts: list[list[int]] = [[]]
    for position in range(1, len(table.columns)):
        taken = sum(lengths[column] + _BORDER for column in (*parts[-1], position)) + name_width + _BORDER + 1
        if parts[-1] and taken > width:
            parts.append([])
        parts[-1].append(position)
    drawn = []
    for number, columns in enumerate(parts):
        is_last = number == len(parts) - 1
        title = table.title if len(parts) == 1 else f"{table.title} ({number + 1} of {len(parts)})"
        caption = "\n".join(table.notes) if is_last else None
        part = Table(title=title, caption=caption, caption_justify="left", title_justify="left")
        part.add_column(table.columns[0], width=name_width, overflow="fold")
        for position in columns:
            part.add_column(table.columns[position], justify="right", no_wrap=True)
        for row in table.rows:
            cells = (row[position] for position in (0, *columns))
            part.add_row(*(RichText(cell.text, style="bold" if cell.is_bold else "") for cell in cells))
        drawn.append(part)
    return drawn


def lab_latex(tables: Sequence[LabTable]) -> str:
    r"""All tables as LaTeX `tabular`s with the rules of `booktabs`, to be put into a `table` each."""
    parts = []
    for table in tables:
        lines = [f"% {table.title}", *(f"% {note}" for note in table.notes)]
        lines += [r"\begin{tabular}{l" + "r" * (len(table.columns) - 1) + "}", r"\toprule"]
        lines += [_latex_row([_escaped(column) for column in table.columns]), r"\midrule"]
        for row in table.rows:
            cells = [rf"\textbf{{{_escaped(cell.text)}}}" if cell.is_bold else _escaped(cell.text) for cell in row]
            lines.append(_latex_row(cells))
        parts.append("\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""]))
    return "\n".join(parts)


def _summary(matrix: Matrix) -> LabTable:
    groups = groups_of(matrix)

    def cell(subject: int, group: str) -> Text:
        columns = matrix.columns_of(subject, group)
        if not columns:
            return Text("-")
        cells = [matrix.cells[subject, column] for column in columns]
        by_seed = [statistics.fmean(gains) for gains in zip(*(cell.gains for cell in cells), strict=True)]
        spread = f" ±{statistics.stdev(by_seed):.2f}" if len(by_seed) > 1 else ""
        worst, picture = min(cell.gain for cell in cells), min(cell.worst for cell in cells)
        is_worst = matrix.worst_column(subject) in columns
        return Text(f"{statistics.fmean(by_seed):+.2f}{spread} / {worst:+.2f} / {picture:+.2f}", is_worst)

    rows = [
        (Text(subject.name), *(cell(row, group) for group in groups)) for row, subject in enumerate(matrix.subjects)
    ]
    counts = [one.patches for one in matrix.subjects]
    trained = (f"{one.name} {one.patches:,}" for one in matrix.subjects if one.patches is not None)
    patches = f"{counts[0]:,} each" if counts[0] is not None and len({*counts}) == 1 else ", ".join(trained)
    is_limited = any(measured < held for measured, held in matrix.pictures)
    return LabTable(
        "What was never seen",
        (
            "Gain over the input in dB: mean over the conditions, after ± its standard deviation over seeds / the "
            "worst condition / the worst picture; bold where the worst condition of all is.",
            *([f"Patches seen in training: {patches}."] if patches else []),
            "What is seen is seen by the model of the row; where nobody knows, by the first that says.",
            *(remark for subject in matrix.subjects for remark in subject.remarks),
            *(["Not all pictures were measured: see below."] if is_limited else []),
        ),
        ("model", *groups),
        tuple(rows),
    )


def _differences(matrix: Matrix) -> LabTable:
    reference = matrix.subjects[0]
    groups = groups_of(matrix)
    everything = list(range(len(matrix.conditions)))

    def cell(interval: Interval | None) -> Text:
        if interval is None:
            return Text("-")
        if interval.num_pictures < 2:
            return Text(f"{interval.mean:+.2f}")
        return Text(f"{interval.mean:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]", interval.is_certain)

    rows = []
    for row, subject in enumerate(matrix.subjects[1:], start=1):
        by_group = (cell(matrix.difference(row, matrix.columns_of(0, group))) for group in groups)
        rows.append((Text(subject.name), *by_group, cell(matrix.difference(row, everything))))
    return LabTable(
        f"Difference to {reference.name}",
        (
            f"PSNR in dB, mean over conditions and {CONFIDENCE:.0%} interval of the paired bootstrap over pictures; "
            f"bold where zero lies outside, by {LEAST_PICTURES} pictures or more. Groups are those of "
            f"{matrix.subjects[matrix.judge_of(0)].name}. Seeds are averaged first: intervals are about pictures, not "
            "about training again. A picture is drawn once per set; sets that share scenes are not told.",
        ),
        ("model", *groups, "all"),
        tuple(rows),
    )


def _family(matrix: Matrix, columns: Sequence[int]) -> LabTable:
    first = matrix.conditions[columns[0]]
    protocol, test_set = first.trial.protocol, first.trial.test_set
    levels = [matrix.conditions[column].trial.level for column in columns]
    rows = [(Text("input"), *(Text(f"{matrix.inputs[column]:.2f}") for column in columns))]
    for row, subject in enumerate(matrix.subjects):
        cells = {column: matrix.cells[row, column] for column in columns}
        worst = min(columns, key=lambda column, cells=cells: cells[column].gain)
        rows.append((Text(subject.name), *(Text(_number(cells[column]), column == worst) for column in columns)))
    here = published_scores(protocol.name, test_set)
    elsewhere = published_elsewhere(protocol.name) if not here else {}
    for place, scores in {"": here, **{f" on {name}": found for name, found in elsewhere.items()}}.items():
        published: dict[str, dict[float | None, str]] = {}
        for score in scores:
            if score.psnr is not None and score.level in levels:
                text = f"{score.psnr:.2f}{'?' if score.is_doubtful else ''}"
                published.setdefault(f"{score.method} ({score.source})", {})[score.level] = text
        for name, texts in published.items():
            rows.append((Text(f"published{place}: {name}"), *(Text(texts.get(level, "")) for level in levels)))
    is_doubtful = any(cell.text.endswith("?") for row in rows for cell in row)
    headings = ["PSNR" if level is None else f"{protocol.level_name} {level:g}" for level in levels]
    notes = [f"{protocol.source}. PSNR in dB; bold where the row gains least over the input; {SEEN_MARK} seen."]
    notes += ["After ?: likely a slip of the source."] if is_doubtful else []
    notes += _some_of_the_pictures(matrix, columns)
    if any(len(subject.contestants) > 1 for subject in matrix.subjects):
        notes.append("After ±: standard deviation over seeds.")
    if protocol.differs is not None:
        notes.append(f"Differs: {protocol.differs}")
    return LabTable(f"{first.family.name}: {test_set}", tuple(notes), ("model", *headings), tuple(rows))


def _some_of_the_pictures(matrix: Matrix, columns: Sequence[int]) -> list[str]:
    """A sentence when not all pictures of a set were measured."""
    short: dict[str, list[str]] = {}
    for column in columns:
        measured, held = matrix.pictures[column]
        if measured < held:
            level = matrix.conditions[column].trial.level
            short.setdefault(f"{measured} of {held}", []).append("" if level is None else f"{level:g}")
    everywhere = len(short) == 1 and sum(map(len, short.values())) == len(columns)
    told = (count if everywhere else f"{count} at {', '.join(levels)}" for count, levels in short.items())
    return [f"Pictures measured, spread evenly over the set: {'; '.join(told)}."] if short else []


def _number(cell: Cell) -> str:
    spread = "" if cell.spread is None else f" ±{cell.spread:.2f}"
    return f"{cell.psnr:.2f}{spread}{SEEN_MARK if cell.relation == SEEN else ''}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


_LATEX: dict[str, str] = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "±": r"$\pm$",
    SEEN_MARK: r"$^*$",
    **{letter: f"\\{letter}" for letter in "&%_#${}"},
}


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
