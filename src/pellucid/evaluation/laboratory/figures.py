"""The laboratory's matrix as pictures: a heat map of gains, and curves over what varies."""

import io

from pellucid.errors import ConfigurationError
from pellucid.evaluation.laboratory.conditions import SEEN
from pellucid.evaluation.laboratory.matrix import Matrix

LARGEST_GAIN = 12.0
"""dB, where colours end."""


def heat_map(matrix: Matrix) -> bytes:
    """A PNG: subjects by conditions, coloured by the gain over the input in dB; a dot marks what was seen.

    Raises:
        ConfigurationError: when matplotlib is not installed.
    """
    figure, canvas = _figure(2.5 + 0.42 * len(matrix.conditions), 2.2 + 0.4 * len(matrix.subjects))
    axes = figure.subplots()
    rows, columns = range(len(matrix.subjects)), range(len(matrix.conditions))
    gains = [[matrix.cells[row, column].gain for column in columns] for row in rows]
    image = axes.imshow(gains, cmap="RdBu", vmin=-LARGEST_GAIN, vmax=LARGEST_GAIN, aspect="auto")
    for row in rows:
        for column in columns:
            cell = matrix.cells[row, column]
            mark = "\n•" if cell.relation == SEEN else ""
            ink = "white" if abs(cell.gain) > 0.6 * LARGEST_GAIN else "black"
            gain = round(cell.gain, 1) + 0.0  # without the sign of -0.0
            axes.text(column, row, f"{gain:+.1f}{mark}", ha="center", va="center", fontsize=6, color=ink)
    axes.set_xticks(list(columns), [condition.label for condition in matrix.conditions], rotation=60, ha="right")
    axes.set_yticks(list(rows), [subject.name for subject in matrix.subjects])
    axes.tick_params(labelsize=7)
    axes.set_title("gain over the input, dB; • seen in training", fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return _png(figure, canvas)


def curves(matrix: Matrix) -> bytes | None:
    """A PNG: for every family whose level varies, PSNR over the level; `None` when none varies.

    Raises:
        ConfigurationError: when matplotlib is not installed.
    """
    places: dict[tuple[str, str], list[int]] = {}
    for column, condition in enumerate(matrix.conditions):
        if condition.trial.level is not None:
            places.setdefault((condition.family.name, condition.trial.test_set), []).append(column)
    drawn = {place: columns for place, columns in places.items() if len(columns) > 1}
    if not drawn:
        return None
    figure, canvas = _figure(4.2 * len(drawn), 3.6)
    for axes, ((_, test_set), columns) in zip(
        figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True
    ):
        trials = [matrix.conditions[column].trial for column in columns]
        levels = [trial.level for trial in trials]
        axes.plot(levels, [matrix.inputs[column] for column in columns], color="grey", linestyle=":", label="input")
        for row, subject in enumerate(matrix.subjects):
            cells = [matrix.cells[row, column] for column in columns]
            spread = [cell.spread or 0.0 for cell in cells]
            axes.errorbar(levels, [cell.psnr for cell in cells], spread, marker=".", capsize=2, label=subject.name)
        seen = matrix.seen_levels(columns)
        if seen:
            axes.axvspan(min(seen), max(seen), color="grey", alpha=0.12)
        axes.set_xlabel(trials[0].protocol.level_name)
        axes.set_ylabel("PSNR, dB")
        shaded = f"; shaded: seen by {matrix.subjects[matrix.judge_of(0)].name}" if seen else ""
        axes.set_title(f"{test_set}{shaded}", fontsize=8)
        axes.legend(fontsize=6)
    return _png(figure, canvas)


def _figure(width: float, height: float):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigurationError(
            "Expected matplotlib for figures, found none: install the extra evaluate (pip install '.[evaluate]')."
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, FigureCanvasAgg(figure)


def _png(figure, canvas) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, dpi=150)
    return target.getvalue()
