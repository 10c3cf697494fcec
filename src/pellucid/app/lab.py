"""The unseen-degradation laboratory: train or take models, and test them on what they never saw."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pellucid.app.evaluate import contestants_of, measure, require_folder
from pellucid.app.recipe_file import read_run
from pellucid.app.train import train
from pellucid.data.shared_sets import TEST_SETS
from pellucid.errors import ConfigurationError, MethodError
from pellucid.evaluation.benchmark_sets import OpenedSet, benchmark_set, open_benchmark_set
from pellucid.evaluation.evaluate import INPUT, Contestant, Progress, Result, spread_evenly, timed
from pellucid.evaluation.foreign_models import FOREIGN_SUFFIXES
from pellucid.evaluation.kept_results import KeptResults
from pellucid.evaluation.laboratory.conditions import (
    Condition,
    Subject,
    conditions,
    domains_of,
    patches_of,
    trained_from,
)
from pellucid.evaluation.laboratory.figures import curves, heat_map
from pellucid.evaluation.laboratory.matrix import Matrix, matrix_of
from pellucid.evaluation.laboratory.tables import LabTable, lab_latex, lab_markdown, lab_tables
from pellucid.evaluation.records import csv_text, json_text, write_whole

logger = logging.getLogger(__name__)

RECIPE_SUFFIXES = (".yaml", ".yml")
RUNS = Path("runs") / "lab"
"""Where recipes are trained when no output folder is named."""
KEPT = "measured.jsonl"
"""What was measured so far, in the output folder."""


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
        models: recipe files, which are trained from every seed (or taken when they were already), and tested with the
            weights that training exports; weights files; names of models and baselines; ONNX and TorchScript files.
            Weights of one recipe that differ by seed are one row.
        on: families of conditions, see `pellucid.evaluation.laboratory.conditions.FAMILIES`; all when absent.
        seeds: of the training of recipes.
        steps: of training, instead of the recipes' own.
        limit: at most so many pictures of each set, spread evenly.
        data_root: folder that holds `train/` and `test/`; the environment variable PELLUCID_DATA when absent.
        output: folder for tables, figures, results and run folders; only run folders are written when absent. What
            was measured into it before is not measured again: an interrupted run goes on, and a model can be added.
        device: for models; `"cpu"` also for training.
        progress: told after every restoration.

    Raises:
        ConfigurationError: when there is nothing to compare, a name is not known, or names or seeds occur twice.
        MethodError: when a model cannot be had.
        KeyboardInterrupt: when training was interrupted; what was trained is kept.
        DataError: when a test set is not there, or training pictures occur in it.
    """
    if not models:
        raise ConfigurationError("Expected at least one recipe or model to test, got none: name some.")
    if not seeds or min(seeds) < 0 or len({*seeds}) < len(seeds):
        raise ConfigurationError(f"Expected different seeds from 0 on, got {list(seeds)}: correct them.")
    spread_evenly(1, limit)  # refuses a wrong limit
    chosen = conditions(on)
    trials = [condition.trial for condition in chosen]
    # What can be missing is looked for before anything is trained.
    opened = {name: open_benchmark_set(name, data_root) for name in dict.fromkeys(trial.test_set for trial in trials)}
    taken = {model: _contestants([model], device)[0] for model in models if not _is_recipe(model)}
    require_folder(output)
    for model, contestant in taken.items():
        if Path(model).suffix.lower() in FOREIGN_SUFFIXES:
            _try_out(contestant)
    recipes = [Path(model) for model in models if model not in taken]
    names = [contestant.name for contestant in taken.values()]
    _require_different(names + [recipe.stem for recipe in recipes])
    _require_different(names + [f"{recipe.stem}-s{seed}" for recipe in recipes for seed in seeds])
    runs = RUNS if output is None else Path(output) / "runs"
    found: list[tuple[Subject, Any]] = []
    for model in models:
        if model in taken:
            subject, recipe = _subject(taken[model], model)
            found.append((replace(subject, remarks=_remarks(model, subject.name, opened)), recipe))
        else:
            found += _trained(Path(model), seeds, steps, runs, data_root, device, opened)
    subjects = _merged(found)
    contestants = [contestant for subject in subjects for contestant in subject.contestants]
    results = measure(
        contestants_of(contestants),
        trials,
        opened=opened,
        data_root=data_root,
        limit=limit,
        progress=progress,
        kept=None if output is None else KeptResults(Path(output) / KEPT),
    )
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


def _is_recipe(model: str) -> bool:
    return Path(model).suffix in RECIPE_SUFFIXES


def _contestants(models: Sequence[str], device: str | None) -> list[Contestant]:
    """Without the input, but where it was asked for."""
    found = contestants_of(models, device)
    return found if INPUT in models else found[1:]


def _require_different(names: Sequence[str]) -> None:
    """Refuse two rows of one name."""
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if twice:
        raise ConfigurationError(
            f"Expected models of different names, got {twice[0]} twice: rename a file or a folder."
        )


def _trained(
    recipe: Path,
    seeds: Sequence[int],
    steps: int | None,
    runs: Path,
    data_root: str | Path | None,
    device: str | None,
    opened: Mapping[str, OpenedSet],
) -> list[tuple[Subject, Any]]:
    """A recipe trained from every seed."""
    tested = {benchmark_set(name).stored_as for name in opened} & set(TEST_SETS)
    refused = {*read_run(recipe).config.data.refuse_leaks_into, *tested}
    found = []
    for seed in seeds:
        folder = runs / f"{recipe.stem}-s{seed}"
        overrides = ["--data.seed", str(seed), "--training.run_folder", str(folder)]
        overrides += ["--data.refuse_leaks_into", f"[{', '.join(sorted(refused))}]"]
        overrides += [] if steps is None else ["--training.steps", str(steps)]
        overrides += ["--training.device", "cpu"] if device == "cpu" else []
        weights = str(folder / "weights.safetensors")
        if _is_finished(weights, read_run(recipe, overrides).as_resolved()):
            found.append(_subject(_contestants([weights], device)[0], weights))
            continue
        trained = train(recipe, overrides, None if data_root is None else Path(data_root))
        if trained.reason == "interrupted":
            raise KeyboardInterrupt
        if trained.reason != "finished":
            raise MethodError(
                f"Expected {recipe.name} trained to its end, got its time limit at step {trained.step}: run the same "
                "command again to go on."
            )
        found.append(_subject(_contestants([weights], device)[0], weights))
    return found


def _is_finished(weights: str, resolved: Mapping[str, Any]) -> bool:
    """Whether weights of this very recipe, trained to its end, are there: nothing is needed to take them."""
    if not Path(weights).is_file():
        return False
    description = _description(weights) or {}
    wanted = {**resolved, "training": {**resolved["training"], "run_folder": None}}
    return description.get("recipe") == wanted and description.get("step") == wanted["training"]["steps"]


def _remarks(model: str, name: str, opened: Mapping[str, OpenedSet]) -> tuple[str, ...]:
    """What weights name, among what they were trained on, that they are about to be tested on."""
    sources = trained_from(_description(model) or {})
    remarks = tuple(
        f"{name} was trained on pictures of {test_set}, which it is now tested on."
        for test_set in opened
        if benchmark_set(test_set).stored_as in sources
    )
    for remark in remarks:
        logger.warning(remark)
    return remarks


def _try_out(contestant: Contestant) -> None:
    """Refuse now what would be refused at the first picture: a model of somebody else may take anything."""
    timed(contestant.name, contestant.restore, torch.full((1, 3, 64, 96), 0.5))


def _subject(contestant: Contestant, model: str) -> tuple[Subject, Any]:
    """A row of one model, and what its weights file says of its training but for the seed, `None` when nothing."""
    description = _description(model)
    if description is None:
        return Subject(contestant.name, (contestant,)), None
    recipe = description.get("recipe")
    wanted = (recipe or {}).get("training", {}).get("steps")
    if wanted is not None and description.get("step", wanted) < wanted:
        logger.warning("%s was taken at step %s of %s.", contestant.name, description["step"], wanted)
    subject = Subject(contestant.name, (contestant,), domains_of(description), patches_of(description))
    return subject, None if recipe is None else (_but_for_the_seed(recipe), recipe["data"].get("seed"))


def _but_for_the_seed(recipe: Mapping[str, Any]) -> Any:
    """What decides the result, but for the seed."""
    data = {key: value for key, value in recipe.get("data", {}).items() if key not in ("seed", "refuse_leaks_into")}
    strategy = recipe.get("strategy", {})
    strategy = {key: value for key, value in strategy.items() if key != "order_seed"}
    training = {key: recipe.get("training", {}).get(key) for key in ("steps", "precision")}
    return {**recipe, "data": data, "strategy": strategy, "training": training}


def _description(model: str) -> Mapping[str, Any] | None:
    """What a weights file says of itself; `None` of what is none."""
    from pellucid.weights.bundled import BUNDLED, bundled_weights
    from pellucid.weights.files import load_weights

    path = bundled_weights(model) if model in BUNDLED else Path(model)
    return load_weights(path)[1] if path.suffix == ".safetensors" and path.is_file() else None


def _merged(found: Sequence[tuple[Subject, Any]]) -> list[Subject]:
    """Runs of one recipe from different seeds, called alike but for `-s0`, `-s1`, are one subject."""
    merged: list[tuple[Subject, Any, list[Any]]] = []
    for subject, trained in found:
        recipe, seed = (None, None) if trained is None else trained
        name, _, number = subject.name.rpartition("-s")
        name = name if recipe is not None and name and number.isdigit() else subject.name
        for position, (before, its_recipe, its_seeds) in enumerate(merged):
            if name == before.name and recipe is not None and recipe == its_recipe and seed not in its_seeds:
                both = replace(before, contestants=before.contestants + subject.contestants)
                merged[position] = (both, recipe, [*its_seeds, seed])
                break
        else:
            merged.append((replace(subject, name=name), recipe, [seed]))
    subjects = [subject for subject, _, _ in merged]
    _require_different([subject.name for subject in subjects])
    return subjects


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
