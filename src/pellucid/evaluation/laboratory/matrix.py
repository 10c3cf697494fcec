"""Trained on x tested on: what every subject reached under every condition, over seeds and against a reference."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.errors import ConfigurationError
from pellucid.evaluation.evaluate import INPUT, Result
from pellucid.evaluation.laboratory.bootstrap import Interval, paired_bootstrap
from pellucid.evaluation.laboratory.conditions import RELATIONS, Condition, Subject, relation


@dataclass(frozen=True)
class Cell:
    """One subject under one condition.

    Attributes:
        psnr: mean over pictures and seeds, in dB.
        gain: mean over the input, in dB.
        spread: standard deviation of the mean PSNR over seeds; `None` with one seed.
        worst: the least gain or greatest loss of one picture with one seed, in dB.
        per_picture: PSNR by the picture's place in the whole set, mean over seeds.
        relation: one of `conditions.RELATIONS`; `None` where nobody knows what the subject was trained on.
    """

    psnr: float
    gain: float
    spread: float | None
    worst: float
    per_picture: Mapping[int, float]
    relation: str | None


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
        """The conditions that are `group` to a subject; when it does not know, to the first one that does."""
        known = [row for row, one in enumerate(self.subjects) if one.trained_on is not None]
        judge = subject if subject in known or not known else known[0]
        return [column for column in range(len(self.conditions)) if self.cells[judge, column].relation == group]

    def worst_column(self, subject: int) -> int:
        """The condition under which the subject gains least."""
        return min(range(len(self.conditions)), key=lambda column: self.cells[subject, column].gain)

    def difference(self, subject: int, columns: Sequence[int], seed: int = 0) -> Interval | None:
        """PSNR of a subject less the reference's, over the pictures of some conditions; `None` without any.

        A picture of a set that stands under several conditions counts once, by its mean, since its rows are not
        independent. Sets that share scenes (Rain100L and Rain100H) are not told.
        """
        by_picture: dict[tuple[str, int], list[float]] = {}
        for column in columns:
            test_set = self.conditions[column].trial.test_set
            ours, theirs = self.cells[subject, column].per_picture, self.cells[0, column].per_picture
            for picture, own in ours.items():
                by_picture.setdefault((test_set, picture), []).append(own - theirs[picture])
        if not by_picture:
            return None
        return paired_bootstrap([statistics.fmean(values) for values in by_picture.values()], seed=seed)


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
                spread=statistics.stdev(means) if len(means) > 1 else None,
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
