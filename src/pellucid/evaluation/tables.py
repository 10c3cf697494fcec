"""Results as tables: ours and the published ones in the same columns, for the terminal and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pellucid.evaluation.errata import errata
from pellucid.evaluation.evaluate import INPUT, Result
from pellucid.evaluation.harm import changes, is_untouched, num_below
from pellucid.evaluation.protocols import Protocol
from pellucid.evaluation.published import published_scores

if TYPE_CHECKING:
    from rich.table import Table

SPEED_REFERENCE = "bm3d"
"""The contestant that speeds are set against when it is in the run."""

HARM = ("below input", "worst")
"""Headings of what restoring made worse."""


@dataclass(frozen=True)
class SummaryTable:
    """One protocol on one test set.

    Attributes:
        title: protocol and set.
        notes: how it was measured, one sentence each.
        columns: headings.
        rows: cells, ours first.
        num_ours: how many of the rows are ours; the rest are published.
    """

    title: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_ours: int


def summary_tables(results: Sequence[Result], *, with_published: bool = True) -> tuple[SummaryTable, ...]:
    """One table for every protocol and test set, in the order in which they first occur.

    Args:
        results: of any number of trials and contestants.
        with_published: add the published rows of the same protocol and set.
    """
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.trial.protocol.name, result.trial.test_set), []).append(result)
    return tuple(_summary(group, with_published) for group in groups.values())


def rich_table(table: SummaryTable) -> "Table":
    """`table` for the terminal; published rows are dim."""
    from rich.table import Table

    drawn = Table(title=table.title, caption="\n".join(table.notes), caption_justify="left", title_justify="left")
    for position, column in enumerate(table.columns):
        is_text = position == 0 or column == "source"
        drawn.add_column(column, justify="left" if is_text else "right", no_wrap=column != "source")
    for position, row in enumerate(table.rows):
        is_ours, is_last_of_ours = position < table.num_ours, position == table.num_ours - 1
        drawn.add_row(*row, style=None if is_ours else "dim", end_section=is_last_of_ours)
    return drawn


def markdown(tables: Sequence[SummaryTable]) -> str:
    """All tables as one Markdown text; published rows in italics."""
    parts = []
    for table in tables:
        rule = ["---" if column in ("method", "source") else "---:" for column in table.columns]
        lines = [f"### {table.title}", "", _markdown_row(table.columns), _markdown_row(rule)]
        for position, row in enumerate(table.rows):
            name = row[0] if position < table.num_ours else f"*{row[0]}*"
            lines.append(_markdown_row((name, *row[1:])))
        parts.append("\n".join([*lines, "", *(f"- {note}" for note in table.notes), ""]))
    return "\n".join(parts)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _summary(results: Sequence[Result], with_published: bool) -> SummaryTable:
    trial = results[0].trial
    protocol = trial.protocol
    levels = list(dict.fromkeys(result.trial.level for result in results))
    names = list(dict.fromkeys(result.contestant for result in results))
    found = {(result.contestant, result.trial.level): result for result in results}

    speed = {
        name: _mean([found[name, level].seconds_per_megapixel for level in levels if (name, level) in found])
        for name in names
    }
    has_reference = SPEED_REFERENCE in names
    rows = []
    for name in names:
        own = [found[name, level] for level in levels if (name, level) in found]
        cells = [_cell(found.get((name, level))) for level in levels]
        cells += _harm(own, results)
        timing = ["" if name == INPUT else f"{speed[name]:.3g}"]
        if has_reference:
            timing.append("" if name == INPUT else f"{speed[SPEED_REFERENCE] / speed[name]:.3g}x")
        rows.append((name, *cells, *timing, "this run"))

    published: dict[tuple[str, str], dict[float | None, str]] = {}
    if with_published:
        for score in published_scores(protocol.name, trial.test_set):
            text = _numbers(score.psnr, score.ssim, score.auc)
            published.setdefault((score.method, score.source), {})[score.level] = text
    blanks = ("",) * (4 if has_reference else 3)
    for (method, source), cells in published.items():
        if any(level in cells for level in levels):
            rows.append((method, *(cells.get(level, "") for level in levels), *blanks, source))
    doubts = errata(protocol.name, trial.test_set) if len(rows) > len(names) else ()

    timings = ("s/MP", f"speed against {SPEED_REFERENCE}") if has_reference else ("s/MP",)
    columns = ("method", *(_heading(protocol, level) for level in levels), *HARM, *timings, "source")
    notes = (*_notes(results), *(f"Published: {doubt}" for doubt in doubts))
    return SummaryTable(f"{protocol.name} on {trial.test_set}", notes, columns, tuple(rows), len(names))


def _notes(results: Sequence[Result]) -> tuple[str, ...]:
    protocol = results[0].trial.protocol
    measured, in_set = len(results[0].scores), results[0].num_in_set
    pictures = f"all {in_set} pictures" if measured == in_set else f"only {measured} of {in_set} pictures, every n-th"
    selection = "whole" if protocol.multiple is None else f"centre-cropped to multiples of {protocol.multiple}"
    border = f", border of {protocol.crop} left out" if protocol.crop else ""
    color = {"rgb": "RGB", "y": "Y of BT.601", "grey": "grey"}[protocol.color]
    notes = [
        f"{protocol.source}.",
        f"PSNR in dB / SSIM {protocol.ssim}{' / AuC in percent' if protocol.has_auc else ''}, {color}{border}; "
        f"{pictures}, {selection}; output {protocol.output}{' to 8 bits' if protocol.output == 'rounded' else ''}; "
        f"seed {results[0].seed}.",
    ]
    if any(changes(result, results) for result in results):
        notes.append(
            f"{HARM[0].capitalize()}: pictures, of all levels, whose PSNR is lower than their input's; {HARM[1]}: the "
            "least gain or greatest loss of one picture, in dB."
        )
    elif is_untouched(results[0]):
        notes.append(f"{HARM[1].capitalize()}: the lowest PSNR of one picture, in dB.")
    if protocol.differs is not None:
        notes.append(f"Differs: {protocol.differs}")
    return tuple(notes)


def _harm(own: Sequence[Result], results: Sequence[Result]) -> list[str]:
    changed = [change for result in own for change in changes(result, results)]
    if changed:
        return [f"{num_below(changed)} of {len(changed)}", f"{min(changed):+.2f}"]
    if own[0].contestant != INPUT and is_untouched(own[0]):
        return ["", f"{min(result.worst_psnr for result in own):.2f}"]
    return ["", ""]


def _heading(protocol: Protocol, level: float | None) -> str:
    return "PSNR / SSIM" if level is None else f"{protocol.level_name} {level:g}"


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    return _numbers(result.psnr, result.ssim, result.auc)


def _numbers(psnr: float | None, ssim: float | None, auc: float | None) -> str:
    """`PSNR / SSIM / AuC`; a dash for what is missing before something that is there."""
    parts = [
        "-" if psnr is None else f"{psnr:.2f}",
        "-" if ssim is None else f"{ssim:.4f}",
        "-" if auc is None else f"{auc:.2f}",
    ]
    while len(parts) > 1 and parts[-1] == "-":
        parts.pop()
    return " / ".join(parts)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
