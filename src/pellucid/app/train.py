"""Train what a recipe file describes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from pellucid.app.recipe_file import Run, read_run
from pellucid.data.config import OwnBatches
from pellucid.errors import ConfigurationError

logger = logging.getLogger(__name__)

VALIDATION_PATCHES = 64
VALIDATION_PATCH_SIZE, VALIDATION_PATCH_MULTIPLE = 128, 32
"""Pixels; smaller pictures give the largest multiple that fits, which every network divides."""


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Attributes:
        folder: of the run.
        step: reached.
        reason: why it ended: one of `pellucid.training.loop.REASONS`.
    """

    folder: Path
    step: int
    reason: str


def train(recipe: Path, overrides: Sequence[str] = (), data_root: Path | None = None) -> Trained:
    """Train, going on where the run stopped if it was begun before.

    Args:
        recipe: YAML file.
        overrides: `--section.field value ...`, as on the command line; they win over the file.
        data_root: folder that relative paths in the recipe start from; `PELLUCID_DATA` when absent.

    Raises:
        ConfigurationError: when a setting is unknown or out of range, the extra `train` is not installed, or the device
            has no such precision.
    """
    return train_run(read_run(recipe, overrides), Path("runs") / recipe.stem, data_root)


def train_run(run: Run, folder: Path, data_root: Path | None = None) -> Trained:
    """The same for settings that are at hand.

    Args:
        run: the settings.
        folder: of the run, where they name none.
        data_root: folder that relative paths start from; `PELLUCID_DATA` when absent.
    """
    try:
        from accelerate import Accelerator
        from accelerate.utils import set_seed
    except ImportError as error:
        raise ConfigurationError(
            "Expected the package accelerate for training, found none: install the extra train "
            "(pip install '.[train]' in a clone)."
        ) from error
    import torch

    from pellucid.methods.catalog import method, strategy
    from pellucid.training.loop import train as train_loop
    from pellucid.training.run_folder import RunFolder
    from pellucid.training.samples import validate

    settings = run.training
    _forget_other_precision(settings.precision)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    try:
        accelerator = Accelerator(
            mixed_precision=settings.precision,
            cpu=settings.device == "cpu",
            dynamo_backend="inductor" if settings.compile else None,
        )
    except ValueError as error:
        raise ConfigurationError(
            f"Expected a device that trains in {settings.precision}, got one that does not ({error}): train with "
            "--training.precision no."
        ) from error
    _warn_of_settings(run)
    set_seed(run.config.data.seed)
    training_batches, validation_batch, pictures = _batches(
        run, data_root, accelerator.device, accelerator.process_index
    )
    build_strategy = partial(strategy(run.strategy).build, run.strategy_settings)
    built = method(run.method).build_recipe(run.config, build_strategy, accelerator, settings.steps)
    folder = settings.run_folder or folder
    is_main = accelerator.is_main_process
    num_processes = accelerator.num_processes
    record = RunFolder(folder, run.as_resolved(), pictures=pictures, is_main=is_main, num_processes=num_processes)

    def agree(number: int) -> int:
        if num_processes == 1:
            return number
        numbers: Any = accelerator.gather(torch.tensor([number], device=accelerator.device))
        return int(numbers.max())

    judge = partial(lambda recipe, step, batch: validate(recipe, batch, record, step), batch=validation_batch)
    try:
        outcome = train_loop(
            built,
            training_batches,
            settings,
            record,
            validate=judge,
            is_main=is_main,
            num_processes=num_processes,
            agree=agree,
        )
        if is_main:
            _export(built, folder, run, outcome.step)
    finally:
        record.close()
    # Last, because a launcher ends all processes as soon as one has ended with a status that is not 0.
    accelerator.wait_for_everyone()
    if outcome.reason not in ("finished", "settled"):
        logger.warning("Stopped at step %d (%s); run the same command again to go on.", outcome.step, outcome.reason)
    return Trained(folder, outcome.step, outcome.reason)


def _forget_other_precision(precision: str) -> None:
    """Accelerate keeps the first precision of a process for good; a second run in it may want another one."""
    from accelerate.state import AcceleratorState

    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()


def _warn_of_settings(run: Run) -> None:
    """Say what is allowed and can hardly be meant."""
    if isinstance(run.config.data, OwnBatches):
        return
    domains = [name for name, weight in run.config.data.mixture.items() if weight > 0]
    domains += [pair.name for pair in run.config.data.pairs if run.config.data.pairs_share > 0]
    if run.strategy.startswith("dil-") and len(domains) < 2:
        logger.warning(
            "%s intervenes by domain, and there is only %s: give data.mixture or data.pairs further domains.",
            run.strategy,
            domains[0] if domains else "none",
        )
    objective = getattr(run.config, "objective", None)
    slices = run.strategy in ("dil-sf", "dil-ss")
    if objective is not None and objective.contrast and (slices or len(domains) < 2):
        logger.warning(
            "Codes of degradations are told apart within a step, and %s: objective.contrast does little or nothing.",
            f"{run.strategy} takes its virtual steps on one domain each" if slices else "there is only one domain",
        )
    warm_up = run.config.optimisation.warm_up_steps
    if warm_up >= run.training.steps:
        logger.warning(
            "The learning rate is still warming up at the last of %d steps: lower optimisation.warm_up_steps, which is "
            "%d.",
            run.training.steps,
            warm_up,
        )


def _batches(run: Run, data_root: Path | None, device: Any, rank: int) -> tuple[Any, Any, dict[str, Any]]:
    """Training batches, one fixed batch of pictures that training never sees, and the fingerprint of all pictures."""
    from pellucid.data.cache import PixelCache
    from pellucid.data.clean_pictures import (
        check_leaks,
        load_training_pairs,
        open_clean_pictures,
        open_sources,
        split_validation,
        store_pictures,
    )
    from pellucid.data.degraded_batches import DegradedBatches
    from pellucid.data.fingerprint import fingerprint_pixels, fingerprint_source
    from pellucid.data.paired_batches import MixedBatches, PairedBatches
    from pellucid.degradations.mixing import Mixture
    from pellucid.images.memory import parse_memory

    data = run.config.data
    if isinstance(data, OwnBatches):
        return data.batches(data_root, device, rank)
    budget = parse_memory(data.memory)
    pictures = open_clean_pictures(data, data_root, PixelCache(budget))
    pairs = load_training_pairs(data, data_root)
    paired_clean = [(name, clean) for found in pairs.values() for name, _, clean in found]
    all_clean = chain(((picture.name, picture.read()) for picture in pictures), paired_clean)
    check_leaks(data, all_clean, data_root)
    paired_degraded = [(f"{name} degraded", degraded) for found in pairs.values() for name, degraded, _ in found]
    fingerprint = {
        "clean": [fingerprint_source(source).to_json() for source in open_sources(data, data_root)],
        "pairs": fingerprint_pixels([*paired_clean, *paired_degraded]).to_json(),
    }
    training, validation = split_validation(pictures, data.validation_share)
    mixture = Mixture(data.mixture, data.severity)
    shares = {
        "grey_share": data.grey_share,
        "reduced_share": data.reduced_share,
        "rounded_share": data.rounded_share,
        "is_balanced": data.balanced,
    }
    make = partial(DegradedBatches, mixture=mixture, device=device, **shares)
    store = store_pictures(training, budget, device)
    batches = make(
        store,
        patch_size=data.patch_size,
        batch_size=data.batch_size,
        seed=data.seed,
        rank=rank,
        has_same_content=data.same_content,
    )
    if pairs:
        weights = {pair.name: pair.weight for pair in data.pairs}
        sets = {name: [pair[1:] for pair in found] for name, found in pairs.items()}
        paired = PairedBatches(
            sets,
            weights,
            patch_size=data.patch_size,
            seed=data.seed,
            is_balanced=data.balanced,
            device=device,
            rank=rank,
        )
        batches = MixedBatches(batches, paired, data.pairs_share)
    few = validation[:: max(1, len(validation) // VALIDATION_PATCHES)]
    held_out = make(
        [picture.read() for picture in few],
        patch_size=_validation_patch_size(few, data.patch_size, is_reduced=data.reduced_share > 0),
        batch_size=VALIDATION_PATCHES,
        seed=data.seed + 1,
    )
    for picture in validation:
        picture.forget()
    return batches, held_out(0), fingerprint


def _validation_patch_size(pictures: Sequence[Any], trained: int, *, is_reduced: bool) -> int:
    """The usual size, or training's if that is larger, where a picture has room; else what the largest has room for.

    Args:
        pictures: with `height` and `width`.
        trained: size of the patches of training, pixels.
        is_reduced: whether patches are also cut at twice their size.
    """
    room = max(min(picture.height, picture.width) for picture in pictures) // (2 if is_reduced else 1)
    multiple = VALIDATION_PATCH_MULTIPLE
    wanted = max(VALIDATION_PATCH_SIZE, trained // multiple * multiple)
    return max(multiple, min(wanted, room // multiple * multiple))


def _export(recipe: Any, folder: Path, run: Run, step: int) -> None:
    from pellucid.weights.files import save_weights

    tensors, description = recipe.weights()
    resolved = run.as_resolved()
    resolved["training"]["run_folder"] = None  # where it lived on this machine: equal trainings are equal files
    description = {**description, "recipe": resolved, "step": step}
    save_weights(folder / "weights.safetensors", tensors, description)


def show(recipe: Path, overrides: Sequence[str] = ()) -> Mapping[str, Any]:
    """The settings as they would be used, without training."""
    return read_run(recipe, overrides).as_resolved()
