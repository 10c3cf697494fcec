"""Measure models on test sets under named protocols, and write what was found."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path

from pellucid.errors import ConfigurationError, DataError, MethodError, PellucidError
from pellucid.evaluation.all_in_one import all_in_one_summary, find_all_in_one
from pellucid.evaluation.baselines import BASELINES, baseline
from pellucid.evaluation.benchmark_sets import (
    BENCHMARK_SETS,
    OpenedSet,
    benchmark_set,
    open_benchmark_set,
    open_two_folders,
)
from pellucid.evaluation.contact_sheet import contact_sheet
from pellucid.evaluation.evaluate import INPUT, Contestant, Progress, Result, spread_evenly
from pellucid.evaluation.evaluate import evaluate as evaluate_trial
from pellucid.evaluation.foreign_models import FOREIGN_SUFFIXES, foreign_model
from pellucid.evaluation.kept_results import KeptResults
from pellucid.evaluation.protocols import CARD, Protocol, Trial, find_protocol
from pellucid.evaluation.records import csv_text, json_text, write_whole
from pellucid.evaluation.tables import SummaryTable, markdown, summary_tables
from pellucid.weights.bundled import BUNDLED

logger = logging.getLogger(__name__)

FOLDERS_PROTOCOL = "pairs"
"""How two folders are compared when nothing else is asked for."""


@dataclass(frozen=True)
class Evaluation:
    """What measuring gave.

    Attributes:
        results: one per contestant and trial.
        tables: the same, with published figures beside them.
        files: what was written.
    """

    results: tuple[Result, ...]
    tables: tuple[SummaryTable, ...]
    files: tuple[Path, ...] = ()


def evaluate(
    models: Sequence[str | Contestant],
    *,
    on: Sequence[str] = (),
    sigma: Sequence[float] = (),
    levels: Sequence[float] = (),
    protocol: str | None = None,
    folders: tuple[str | Path, str | Path] | None = None,
    data_root: str | Path | None = None,
    output: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    device: str | None = None,
    has_sheets: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Every model in every trial, the input itself always among them.

    Args:
        models: names or paths of models, paths of other people's (ONNX or TorchScript), names of baselines (`input`,
            `bm3d`, `bm3d-blind`, `opencv-nlm`, ...), or contestants.
        on: test sets by name; `"card"` stands for all that a model card reports.
        sigma: of the noise, of 255; only for protocols that add noise.
        levels: of whatever the protocol varies (JPEG quality, blur in pixels); the published ones when absent.
        protocol: by name; each set's own when absent. `all-in-one-3` and `all-in-one-5` are whole comparisons: they
            say themselves what is measured.
        folders: degraded and clean pictures of the same base names, instead of or besides `on`.
        data_root: the folder that holds `test/`; the environment variable PELLUCID_DATA when absent.
        output: folder for `results.json`, `pictures.csv`, `tables.md` and `sheets/`; nothing is written when absent.
        limit: at most so many pictures of each set, spread evenly.
        seed: of the noise.
        device: for models loaded by name.
        has_sheets: whether contact sheets are among what is written.
        progress: told after every restoration, over all trials.

    Raises:
        ConfigurationError: when there is nothing to measure on, or a level does not fit.
        MethodError: when a model or baseline is not known or its library is missing.
        DataError: when a test set is not known or not there.
    """
    require_folder(output)
    contestants = contestants_of(models, device)
    joint = None if protocol is None else find_all_in_one(protocol)
    if joint is not None and (on or sigma or levels or folders):
        raise ConfigurationError(f"Expected nothing beside {joint.name}, which says what is measured: leave sets out.")
    opened: dict[str, OpenedSet] = {}
    if joint is None:
        trials = _trials(on, protocol, tuple(sigma), tuple(levels))
    else:
        opened = _at_hand([trial.test_set for trial in joint.trials()], data_root)
        trials = [trial for trial in joint.trials() if trial.test_set in opened]
    if folders is not None:
        pairs = open_two_folders(*folders)
        opened[pairs.name] = pairs
        trials.append(Trial(find_protocol(protocol or FOLDERS_PROTOCOL), pairs.name))
    if not trials:
        names = ", ".join(known.name for known in BENCHMARK_SETS)
        raise ConfigurationError(f"Expected something to measure on, got nothing: name a set ({names}) or two folders.")
    results = measure(
        contestants, trials, opened=opened, data_root=data_root, limit=limit, seed=seed, progress=progress
    )
    tables = summary_tables(results)
    if joint is not None:
        tables = (all_in_one_summary(joint, results), *tables)
    files: tuple[Path, ...] = ()
    if output is not None:
        files = _written(Path(output), results, tables, contestants, opened, has_sheets)
    return Evaluation(tuple(results), tables, files)


def require_folder(output: str | Path | None) -> None:
    """Refuse a file where a folder is to be written, before anything is measured.

    Raises:
        ConfigurationError: when it is one.
    """
    if output is not None and Path(output).is_file():
        raise ConfigurationError(f"Expected a folder for the output, got the file {output}: name another one.")


def measure(
    contestants: Sequence[Contestant],
    trials: Sequence[Trial],
    *,
    opened: dict[str, OpenedSet] | None = None,
    data_root: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    kept: KeptResults | None = None,
) -> list[Result]:
    """All contestants in all trials.

    Args:
        contestants: who restores.
        trials: protocols on sets at levels.
        opened: sets that are open already; the others are added.
        data_root: the folder that holds `test/`; the environment variable PELLUCID_DATA when absent.
        limit: at most so many pictures of each set, spread evenly.
        seed: of the noise.
        progress: told after every restoration, over all trials.
        kept: results that are there already and need not be measured; what is measured is kept there.
    """
    opened = {} if opened is None else opened
    for trial in trials:  # all are opened before the first is measured, so that a missing one costs no time
        if trial.test_set not in opened:
            opened[trial.test_set] = open_benchmark_set(trial.test_set, data_root)
    counts = [len(spread_evenly(len(opened[trial.test_set].pictures), limit)) * len(contestants) for trial in trials]
    fingerprints = {} if kept is None else {name: opened[name].fingerprint for name in {t.test_set for t in trials}}
    results: list[Result] = []
    for position, trial in enumerate(trials):
        told = _shifted(progress, sum(counts[:position]), sum(counts))
        measured = partial(
            evaluate_trial, trial=trial, pictures=opened[trial.test_set], seed=seed, limit=limit, progress=told
        )
        if kept is None:
            results += measured(contestants)
        else:
            num_pictures = counts[position] // len(contestants)
            pictures = fingerprints[trial.test_set]
            results += kept.or_measured(contestants, trial, seed, num_pictures, pictures, measured)
    return results


def contestants_of(models: Sequence[str | Contestant], device: str | None = None) -> list[Contestant]:
    """Models, baselines and contestants as contestants, `input` first, none twice.

    Raises:
        ConfigurationError: when one is named twice.
        MethodError: when a name is not known or a library is missing.
    """
    contestants = {INPUT: baseline(INPUT)}
    for position, model in enumerate(models):
        if model in models[:position] and model != INPUT:
            named = model.name if isinstance(model, Contestant) else model
            raise ConfigurationError(f"Expected different models, got {named} twice: drop one.")
        contestant = model if isinstance(model, Contestant) else _contestant(model, device, contestants)
        if contestant.name in contestants and contestant.name != INPUT:
            raise ConfigurationError(f"Expected models of different names, got {contestant.name} twice: drop one.")
        contestants[contestant.name] = contestant
    return list(contestants.values())


def _contestant(name: str, device: str | None, others: Collection[str]) -> Contestant:
    if name in BASELINES:
        return baseline(name)
    if Path(name).suffix.lower() in FOREIGN_SUFFIXES:
        return replace(foreign_model(name), name=_unique(_label(name), others))
    from pellucid.methods.load import load

    if name not in BUNDLED and not Path(name).is_file():
        known = ", ".join((*BUNDLED, *BASELINES))
        raise MethodError(f"Expected a model out of {known}, or the file of one, got {name!r}: correct it.")
    model = load(name, device=device)
    known = {key: str(model.description[key]) for key in ("method", "licence") if key in model.description}
    facts = {"sha256": model.weights_sha256, "device": model.device, **_type_of(model.restorer), **known}
    label = _unique(_label(name), others)
    return Contestant(label, lambda image: model.restore(image.to(model.device)).image, facts=facts)


def _type_of(restorer: object) -> dict[str, str]:
    """The type that a network computes in, where it says; a machine with fast bf16 gives other figures."""
    dtype = getattr(restorer, "dtype", None)
    return {} if dtype is None else {"dtype": str(dtype).removeprefix("torch.")}


def _label(name: str) -> str:
    """A model's name, or its file's; `pellucid train` calls every file `weights`, so there the run folder's counts."""
    path = Path(name)
    if not path.suffix:
        return name
    return path.resolve().parent.name if path.stem == "weights" else path.stem


def _unique(label: str, others: Collection[str]) -> str:
    taken = {*others, *BASELINES}
    numbered = (f"{label}-{number}" for number in count(2))
    return next(free for free in chain([label], numbered) if free not in taken)


def _at_hand(names: Sequence[str], data_root: str | Path | None) -> dict[str, OpenedSet]:
    """Those of the sets that are there, opened.

    Raises:
        DataError: when none is.
    """
    opened: dict[str, OpenedSet] = {}
    missing: list[DataError] = []
    for name in dict.fromkeys(names):
        try:
            opened[name] = open_benchmark_set(name, data_root)
        except DataError as error:
            missing.append(error)
    if not opened:
        raise missing[0]
    for error in missing:
        logger.warning("Left out: %s", error)
    return opened


def _trials(
    on: Sequence[str], protocol: str | None, sigma: tuple[float, ...], levels: tuple[float, ...]
) -> list[Trial]:
    if sigma and levels:
        raise ConfigurationError("Expected sigma or levels, got both: sigma is the level of protocols that add noise.")
    wanted: list[tuple[Protocol, str]] = []
    for name in on:
        if name.lower() == "card":
            wanted += [(find_protocol(own), test_set) for own, test_set in CARD]
        else:
            known = benchmark_set(name)
            wanted.append((find_protocol(protocol or known.protocol), known.name))
    if sigma and wanted and not any(chosen.level_name == "sigma" for chosen, _ in wanted):
        raise ConfigurationError(
            f"Expected a protocol that adds noise for sigma, got {', '.join(chosen.name for chosen, _ in wanted)}: "
            "leave sigma out, or choose a protocol such as awgn."
        )
    trials = []
    for chosen, test_set in wanted:
        asked = sigma if chosen.level_name == "sigma" and sigma else levels
        steps = (None,) if chosen.level_name is None else asked or chosen.levels
        trials += [Trial(chosen, test_set, step) for step in steps]
    return trials


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    told: Callable[[int, int, str], None] = progress
    return lambda done, _, what: told(before + done, total, what)


def _written(
    folder: Path,
    results: Sequence[Result],
    tables: Sequence[SummaryTable],
    contestants: Sequence[Contestant],
    opened: dict[str, OpenedSet],
    has_sheets: bool,
) -> tuple[Path, ...]:
    files = [
        write_whole(folder / "results.json", json_text(results)),
        write_whole(folder / "pictures.csv", csv_text(results)),
        write_whole(folder / "tables.md", markdown(tables)),
    ]
    named = {contestant.name: contestant for contestant in contestants}
    for result in results:
        if not has_sheets or result.contestant == INPUT:
            continue
        try:
            sheet = contact_sheet(named[result.contestant], result, opened[result.trial.test_set])
        except PellucidError as error:  # figures are worth more than their illustration
            logger.warning("No contact sheets: %s", error)
            break
        files.append(write_whole(folder / "sheets" / _sheet_name(result), sheet))
    return tuple(files)


def _sheet_name(result: Result) -> str:
    trial = result.trial
    level = "" if trial.level is None else f"-{trial.level:g}"
    name = f"{trial.protocol.name}-{trial.test_set}{level}-{result.contestant}"
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in name) + ".png"
