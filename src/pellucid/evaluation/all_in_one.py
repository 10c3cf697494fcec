"""The tables by which all-in-one restorers are compared: one row per method, a column per task, and their mean.

What is not at hand has a column all the same, so that nobody takes the mean of the rest for the published one; sets of
the same kind stand in for it behind, under their own names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.evaluation.errata import errata
from pellucid.evaluation.evaluate import Result
from pellucid.evaluation.protocols import Trial, find_protocol
from pellucid.evaluation.published import published_scores
from pellucid.evaluation.tables import SummaryTable


@dataclass(frozen=True)
class Column:
    """One task.

    Attributes:
        title: as it stands in the table.
        protocol: by which it is measured; `None` where the set is not at hand.
        test_set: on what.
        level: of what varies.
    """

    title: str
    protocol: str | None
    test_set: str
    level: float | None = None


@dataclass(frozen=True)
class AllInOneTable:
    """A published comparison.

    Attributes:
        name: as typed at the command line.
        columns: in the published order.
        stand_ins: of the kind of what is not at hand; no part of the mean.
        elsewhere: method to the cells of the columns that are not at hand, in their order, separated by spaces.
        source: where the published rows are from.
    """

    name: str
    columns: tuple[Column, ...]
    stand_ins: tuple[Column, ...]
    elsewhere: Mapping[str, str]
    source: str

    def trials(self) -> list[Trial]:
        """All that can be measured."""
        return [
            Trial(find_protocol(column.protocol), column.test_set, column.level)
            for column in (*self.columns, *self.stand_ins)
            if column.protocol is not None
        ]


_HAZE_INDOORS = Column("SOTS indoor, 10 pictures", "pairs", "sots-indoor10")

_HAZE: dict[str, str] = {
    "NAFNet": "24.11/.928",
    "Restormer": "27.78/.958",
    "AirNet": "27.94/.962",
    "FSNet": "29.14/.968",
    "MambaIR": "29.57/.970",
    "NDR": "28.64/.962",
    "IDR": "29.87/.970",
    "ProRes": "28.38/.938",
    "PromptIR": "30.58/.974",
    "GridFormer": "30.37/.970",
    "InstructIR-3D": "30.22/.959",
    "Perceive-IR": "30.87/.975",
    "AdaIR": "31.06/.980",
    "MoCE-IR": "31.34/.979",
    "VLU-Net": "30.71/.980",
    "ClearAIR": "31.08/.981",
    "DFPIR": "31.87/.980",
}

_HAZE_BLUR_LIGHT: dict[str, str] = {
    "SwinIR": "21.50/.891 24.52/.773 17.81/.723",
    "TransWeather": "21.32/.885 25.12/.757 21.21/.792",
    "AirNet": "21.04/.884 24.35/.781 18.18/.735",
    "Retinexformer": "24.81/.933 25.09/.779 22.76/.863",
    "Restormer": "24.09/.927 27.22/.829 20.41/.806",
    "NAFNet": "25.23/.939 26.53/.808 20.49/.809",
    "IDR": "25.24/.943 27.87/.846 21.34/.826",
    "FSNet": "25.53/.943 28.32/.869 22.29/.829",
    "PromptIR": "26.54/.949 28.71/.881 22.68/.832",
    "GridFormer": "26.79/.951 29.22/.884 22.59/.831",
    "InstructIR-5D": "27.10/.956 29.40/.886 23.00/.836",
    "Perceive-IR": "28.19/.964 29.46/.886 22.88/.833",
    "VLU-Net": "30.84/.980 27.46/.840 22.29/.833",
    "AdaIR": "30.53/.978 28.12/.858 23.00/.845",
    "MoCE-IR": "30.48/.974 30.05/.899 23.00/.852",
    "DFPIR": "31.64/.979 28.82/.873 23.82/.843",
}

ALL_IN_ONE: tuple[AllInOneTable, ...] = (
    AllInOneTable(
        "all-in-one-3",
        (
            Column("SOTS outdoor", None, "sots-outdoor"),
            Column("Rain100L", "adair3-rain", "rain100l"),
            *(Column(f"CBSD68, sigma {sigma}", "adair3-noise", "cbsd68", sigma) for sigma in (15, 25, 50)),
        ),
        (_HAZE_INDOORS,),
        _HAZE,
        "three-task tables of later papers",
    ),
    AllInOneTable(
        "all-in-one-5",
        (
            Column("SOTS outdoor", None, "sots-outdoor"),
            Column("Rain100L", "adair5-rain", "rain100l"),
            Column("CBSD68, sigma 25", "adair5-noise", "cbsd68", 25),
            Column("GoPro", None, "gopro"),
            Column("LOL-v1", None, "lol-v1"),
        ),
        (
            _HAZE_INDOORS,
            Column("GoPro, 2 pictures", "pairs", "gopro2"),
            Column("SICE, 24 dark pictures", "pairs", "sice24"),
        ),
        _HAZE_BLUR_LIGHT,
        "five-task tables of later papers",
    ),
)
"""Both of them."""


def find_all_in_one(name: str) -> AllInOneTable | None:
    """The table of that name, `None` when there is none."""
    return next((table for table in ALL_IN_ONE if table.name == name.lower().replace("_", "-")), None)


def all_in_one_summary(table: AllInOneTable, results: Sequence[Result]) -> SummaryTable:
    """Our rows above the published ones.

    Args:
        table: which comparison.
        results: of its trials; those that are not there leave a blank.
    """
    found = {(result.contestant, result.trial.label): result for result in results}
    columns = (*table.columns, *table.stand_ins)
    labels = [
        None if column.protocol is None else Trial(find_protocol(column.protocol), column.test_set, column.level).label
        for column in columns
    ]
    rows = []
    names = list(dict.fromkeys(result.contestant for result in results))
    for name in names:
        own = [None if label is None else found.get((name, label)) for label in labels]
        scores = [None if result is None else (result.psnr, result.ssim) for result in own]
        rows.append((name, *_cells(scores, len(table.columns)), "this run"))
    for method, scores in published_rows(table).items():
        blanks: list[tuple[float, float | None] | None] = [None] * len(table.stand_ins)
        rows.append((method, *_cells([*scores, *blanks], len(table.columns)), "published"))
    headings = [column.title for column in table.columns] + ["mean"] + [column.title for column in table.stand_ins]
    return SummaryTable(table.name, _notes(table, results), ("method", *headings, "source"), tuple(rows), len(names))


def published_rows(table: AllInOneTable) -> dict[str, list[tuple[float, float | None] | None]]:
    """PSNR and SSIM of each method by column, `None` where a table has none."""
    rows: dict[str, list[tuple[float, float | None] | None]] = {}
    for method, cells in table.elsewhere.items():
        away = iter(cells.split())
        row: list[tuple[float, float | None] | None] = []
        for column in table.columns:
            if column.protocol is None:
                psnr, ssim = next(away).split("/")
                row.append((float(psnr), float(ssim)))
                continue
            scores = published_scores(column.protocol, column.test_set)
            of_it = (score for score in scores if (score.method, score.level) == (method, column.level))
            score = next(of_it, None)
            row.append(None if score is None or score.psnr is None else (score.psnr, score.ssim))
        rows[method] = row
    return rows


def _cells(scores: Sequence[tuple[float, float | None] | None], num_columns: int) -> list[str]:
    """The published columns, their mean if all are there, and the stand-ins."""
    texts = [_text(score) for score in scores]
    own = [score for score in scores[:num_columns] if score is not None]
    mean = ""
    if len(own) == num_columns:
        ssims = [ssim for _, ssim in own if ssim is not None]
        ssim = sum(ssims) / num_columns if len(ssims) == num_columns else None
        mean = _text((sum(psnr for psnr, _ in own) / num_columns, ssim))
    return [*texts[:num_columns], mean, *texts[num_columns:]]


def _text(score: tuple[float, float | None] | None) -> str:
    if score is None:
        return ""
    psnr, ssim = score
    return f"{psnr:.2f}" if ssim is None else f"{psnr:.2f} / {ssim:.3f}"


def _notes(table: AllInOneTable, results: Sequence[Result]) -> tuple[str, ...]:
    there = {(result.trial.protocol.name, result.trial.test_set) for result in results}
    missing = [column.title for column in table.columns if (column.protocol, column.test_set) not in there]
    partly = sorted({result.trial.test_set for result in results if len(result.scores) < result.num_in_set})
    measured = {(column.protocol, column.test_set) for column in table.columns if column.protocol is not None}
    doubts = dict.fromkeys(note for protocol, test_set in sorted(measured) for note in errata(protocol, test_set))
    notes = [
        f"PSNR in dB / SSIM, RGB; the mean is that of the columns before it. Published: {table.source}.",
        f"Not at hand: {', '.join(missing)}; so this run has no mean. Behind it, sets of the same kind stand in, whose "
        "figures cannot be compared with the published ones.",
    ]
    if partly:
        notes.append(f"Only every n-th picture was measured of {', '.join(partly)}.")
    return (*notes, *(f"Published: {note}" for note in doubts))
