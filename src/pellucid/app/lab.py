"""The unseen-degradation laboratory: train or take models, and test them on what they never saw."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.app.evaluate import contestants_of, measure
from pellucid.app.train import train
from pellucid.errors import ConfigurationError
from pellucid.evaluation.evaluate import INPUT, Progress, Result
from pellucid.evaluation.lab_figures import curves, heat_map
from pellucid.evaluation.lab_matrix import Matrix, matrix_of
from pellucid.evaluation.lab_tables import LabTable, lab_latex, lab_markdown, lab_tables
from pellucid.evaluation.laboratory import Condition, Subject, conditions, domains_of
from pellucid.evaluation.records import csv_text, json_text, write_whole

logger = logging.getLogger(__name__)

RECIPE_SUFFIXES = (".yaml", ".yml")
RUNS = Path("runs") / "lab"
"""Where recipes are trained when no output folder is named."""


@dataclass(frozen=True)
class LabReport:
    """What the laboratory found.

    Attributes:
        matrix: trained on x tested on.
        tables: the same, to be read.
        files: what was written.
    """

    matrix: Matrix
    tables: tuple[LabTable, ...]
    files: tuple[Path, ...] = ()


def lab(
    models: Sequence[str],
    *,
    on: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    steps: int | None = None,
    limit: int | None = None,
    data_root: str | Path | None = None,
    output: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> LabReport:
    """Every model under every condition; the first one is the reference that the others are compared with.

    Args:
        models: recipe files, which are trained from every seed (or taken when they were already); weights files; names
            of models and baselines; ONNX and TorchScript files. Weights of one recipe that differ by seed are one row.
        on: families of conditions, see `pellucid.evaluation.laboratory.FAMILIES`; all when absent.
        seeds: of the training of recipes.
        steps: of training, instead of the recipes' own.
        limit: at most so many pictures of each set, spread evenly.
        data_root: folder that holds `train/` and `test/`; the environment variable PELLUCID_DATA when absent.
        output: folder for tables, figures, results and run folders; only run folders are written when absent.
        device: for models loaded by name.
        progress: told after every restoration.

    Raises:
        ConfigurationError: when there is nothing to compare, or a name is not known.
        MethodError: when a model cannot be had.
        KeyboardInterrupt: when training was interrupted; what was trained is kept.
    """
    if not models:
        raise ConfigurationError("Expected at least one recipe or model to test, got none: name some.")
    chosen = conditions(on)
    root = None if data_root is None else Path(data_root)
    runs = RUNS if output is None else Path(output) / "runs"
    subjects = [subject for model in models for subject in _trained(model, seeds, steps, runs, root, device)]
    subjects = _merged(subjects)
    contestants = [contestant for subject in subjects for contestant in subject.contestants]
    trials = [condition.trial for condition in chosen]
    results = measure(contestants_of(contestants), trials, data_root=data_root, limit=limit, progress=progress)
    return report(subjects, chosen, results, output)


def report(
    subjects: Sequence[Subject],
    chosen: Sequence[Condition],
    results: Sequence[Result],
    output: str | Path | None = None,
) -> LabReport:
    """The matrix and tables of what was measured, written into `output` when there is one."""
    matrix = matrix_of(subjects, chosen, results)
    tables = tuple(lab_tables(matrix))
    return LabReport(matrix, tables, () if output is None else _written(Path(output), matrix, tables, results))


def _trained(
    model: str, seeds: Sequence[int], steps: int | None, runs: Path, data_root: Path | None, device: str | None
) -> list[Subject]:
    """A recipe trained from every seed; anything else as it is."""
    path = Path(model)
    if path.suffix not in RECIPE_SUFFIXES:
        return [_taken(model, device)]
    taken = []
    for seed in seeds:
        folder = runs / f"{path.stem}-s{seed}"
        overrides = ["--data.seed", str(seed), "--training.run_folder", str(folder)]
        overrides += [] if steps is None else ["--training.steps", str(steps)]
        if train(path, overrides, data_root).reason != "finished":
            raise KeyboardInterrupt
        taken.append(_taken(str(folder / "weights.safetensors"), device))
    contestants = tuple(contestant for subject in taken for contestant in subject.contestants)
    return [Subject(path.stem, contestants, taken[0].trained_on)]


def _taken(model: str, device: str | None) -> Subject:
    (contestant,) = [found for found in contestants_of([model], device) if found.name != INPUT or model == INPUT]
    description = _description(model)
    return Subject(contestant.name, (contestant,), None if description is None else domains_of(description))


def _description(model: str) -> Mapping[str, Any] | None:
    """What a weights file says of itself; `None` of what is none."""
    from pellucid.weights.bundled import BUNDLED, bundled_weights
    from pellucid.weights.files import load_weights

    path = bundled_weights(model) if model in BUNDLED else Path(model)
    return load_weights(path)[1] if path.suffix == ".safetensors" and path.is_file() else None


def _merged(subjects: Sequence[Subject]) -> list[Subject]:
    """Subjects under names of their own; those called alike but for `-s0`, `-s1` are one of several seeds."""
    merged: dict[str, Subject] = {}
    for subject in subjects:
        name, dash, seed = subject.name.rpartition("-s")
        name = name if dash and seed.isdigit() else subject.name
        before = merged.get(name)
        if before is None:
            merged[name] = Subject(name, subject.contestants, subject.trained_on)
        elif before.trained_on == subject.trained_on:
            merged[name] = Subject(name, before.contestants + subject.contestants, before.trained_on)
        else:
            raise ConfigurationError(
                f"Expected models of different names, got {name} twice, trained on different things: rename one."
            )
    return list(merged.values())


def _written(folder: Path, matrix: Matrix, tables: Sequence[LabTable], results: Sequence[Result]) -> tuple[Path, ...]:
    files = [
        write_whole(folder / "lab.md", lab_markdown(tables)),
        write_whole(folder / "lab.tex", lab_latex(tables)),
        write_whole(folder / "results.json", json_text(results)),
        write_whole(folder / "pictures.csv", csv_text(results)),
    ]
    drawings: dict[str, Callable[[Matrix], bytes | None]] = {"heat-map.png": heat_map, "curves.png": curves}
    for name, draw in drawings.items():
        try:
            drawn = draw(matrix)
        except ConfigurationError as error:  # tables are worth more than their illustration
            logger.warning("No figures: %s", error)
            break
        if drawn is not None:
            files.append(write_whole(folder / name, drawn))
    return tuple(files)
