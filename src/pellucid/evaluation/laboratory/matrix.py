"""Trained on x tested on: what every subject reached under every condition, over seeds and against a reference."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.errors import ConfigurationError
from pellucid.evaluation.evaluate import INPUT, Result
from pellucid.evaluation.laboratory.bootstrap import Interval, paired_bootstrap
from pellucid.evaluation.laboratory.conditions import RELATIONS, SEEN, Condition, Subject, relation


@dataclass(frozen=True)
class Cell:
    """One subject under one condition.

    Attributes:
        psnr: mean over pictures and seeds, in dB.
        gain: mean over the input, in dB.
        gains: the same by seed.
        worst: the least gain or greatest loss of one picture with one seed, in dB.
        per_picture: PSNR by the picture's place in the whole set, mean over seeds.
        relation: one of `conditions.RELATIONS`; `None` where nobody knows what the subject was trained on.
    """

    psnr: float
    gain: float
    gains: tuple[float, ...]
    worst: float
    per_picture: Mapping[int, float]
    relation: str | None

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds, in dB; `None` with one seed."""
        return statistics.stdev(self.gains) if len(self.gains) > 1 else None


@dataclass(frozen=True)
class Matrix:
    """All cells.

    Attributes:
        subjects: rows; the first one is the reference.
        conditions: columns.
        cells: by number of subject and of condition.
        inputs: PSNR of the input, by number of condition.
        pictures: how many were measured and how many the set has, by number of condition.
    """

    subjects: tuple[Subject, ...]
    conditions: tuple[Condition, ...]
    cells: Mapping[tuple[int, int], Cell]
    inputs: tuple[float, ...]
    pictures: tuple[tuple[int, int], ...]

    def columns_of(self, subject: int, group: str) -> list[int]:
        """The conditions that are `group` to a subject, or to its judge."""
        judge = self.judge_of(subject)
        return [column for column in range(len(self.conditions)) if self.cells[judge, column].relation == group]

    def seen_levels(self, columns: Sequence[int]) -> list[float]:
        """The levels, among those of some conditions, that the judge of the reference was trained on."""
        judge = self.judge_of(0)
        seen = [column for column in columns if self.cells[judge, column].relation == SEEN]
        return [self.conditions[column].trial.level or 0.0 for column in seen]

    def worst_column(self, subject: int) -> int:
        """The condition under which the subject gains least."""
        return min(range(len(self.conditions)), key=lambda column: self.cells[subject, column].gain)

    def difference(self, subject: int, columns: Sequence[int], seed: int = 0) -> Interval | None:
        """PSNR of a subject less the reference's, mean over some conditions; `None` without any.

        Every condition counts alike, as in the summary. The pictures of a set are drawn once for all its conditions,
        whose rows are not independent. Sets that share scenes (Rain100L and Rain100H) are not told.
        """
        by_set: dict[str, list[int]] = {}
        for column in columns:
            by_set.setdefault(self.conditions[column].trial.test_set, []).append(column)
        if not by_set:
            return None
        tables = []
        for own_columns in by_set.values():
            pictures = sorted(
                {picture for column in own_columns for picture in self.cells[subject, column].per_picture}
            )
            rows = []
            for column in own_columns:
                ours, theirs = self.cells[subject, column].per_picture, self.cells[0, column].per_picture
                rows.append([ours[picture] - theirs[picture] if picture in ours else None for picture in pictures])
            tables.append(rows)
        return paired_bootstrap(*tables, seed=seed)

    def judge_of(self, subject: int) -> int:
        """Whose training says what is seen: the subject's own; when it does not know, the first one's that does."""
        known = [row for row, one in enumerate(self.subjects) if one.trained_on is not None]
        return subject if subject in known or not known else known[0]


def matrix_of(subjects: Sequence[Subject], conditions: Sequence[Condition], results: Sequence[Result]) -> Matrix:
    """The matrix of what was measured.

    Args:
        subjects: rows.
        conditions: columns.
        results: of every contestant and of the input under every condition.

    Raises:
        ConfigurationError: when something was not measured.
    """
    found = {(result.contestant, result.trial): result for result in results}

    def result_of(name: str, condition: Condition) -> Result:
        if (name, condition.trial) not in found:
            raise ConfigurationError(
                f"Expected {name} measured under {condition.trial.label}, got nothing: measure it."
            )
        return found[name, condition.trial]

    inputs = [result_of(INPUT, condition) for condition in conditions]
    cells: dict[tuple[int, int], Cell] = {}
    for row, subject in enumerate(subjects):
        for column, condition in enumerate(conditions):
            own = [result_of(contestant.name, condition) for contestant in subject.contestants]
            before = [score.psnr for score in inputs[column].scores]
            seeds = [[score.psnr for score in result.scores] for result in own]
            means = [statistics.fmean(scores) for scores in seeds]
            cells[row, column] = Cell(
                psnr=statistics.fmean(means),
                gain=statistics.fmean(means) - statistics.fmean(before),
                gains=tuple(mean - statistics.fmean(before) for mean in means),
                worst=min(one - other for scores in seeds for one, other in zip(scores, before, strict=True)),
                per_picture={
                    score.index: statistics.fmean(values)
                    for score, values in zip(own[0].scores, zip(*seeds, strict=True), strict=True)
                },
                relation=None if subject.trained_on is None else relation(condition, subject.trained_on),
            )
    pictures = tuple((len(result.scores), result.num_in_set) for result in inputs)
    return Matrix(tuple(subjects), tuple(conditions), cells, tuple(result.psnr for result in inputs), pictures)


def groups_of(matrix: Matrix) -> list[str]:
    """The relations that occur for any subject, in the order of tables."""
    present = {cell.relation for cell in matrix.cells.values()}
    return [group for group in RELATIONS if group in present]
