"""Train what a recipe file describes."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from pellucid.app.recipe_file import Run, read_run
from pellucid.errors import ConfigurationError

logger = logging.getLogger(__name__)

VALIDATION_PATCHES = 64


def train(recipe: Path, overrides: Sequence[str] = (), data_root: Path | None = None) -> Path:
    """Train, going on where the run stopped if it was begun before. Returns the run folder.

    Args:
        recipe: YAML file.
        overrides: `--section.field value ...`, as on the command line; they win over the file.
        data_root: folder that relative paths in the recipe start from; `PELLUCID_DATA` when absent.

    Raises:
        ConfigurationError: when a setting is unknown or out of range, or the extra `train` is not installed.
    """
    run = read_run(recipe, overrides)
    try:
        from accelerate import Accelerator
        from accelerate.utils import set_seed
    except ImportError as error:
        raise ConfigurationError(
            "Expected the package accelerate for training, found none: pip install 'pellucid[train]'."
        ) from error
    import torch

    from pellucid.methods.catalog import method
    from pellucid.training.loop import train as train_loop
    from pellucid.training.run_folder import RunFolder
    from pellucid.training.samples import validate

    settings = run.training
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    accelerator = Accelerator(
        mixed_precision=settings.precision,
        cpu=settings.device == "cpu",
        dynamo_backend="inductor" if settings.compile else None,
    )
    set_seed(run.config.data.seed)
    training_batches, validation_batch, pictures = _batches(
        run, data_root, accelerator.device, accelerator.process_index
    )
    built = method(run.method).build_recipe(run.config, accelerator, settings.steps)
    folder = settings.run_folder or Path("runs") / recipe.stem
    is_main = accelerator.is_main_process
    record = RunFolder(folder, run.as_resolved(), pictures=pictures, is_main=is_main)

    def agree(number: int) -> int:
        if accelerator.num_processes == 1:
            return number
        numbers: Any = accelerator.gather(torch.tensor([number], device=accelerator.device))
        return int(numbers.max())

    judge = partial(lambda recipe, step, batch: validate(recipe, batch, record, step), batch=validation_batch)
    try:
        outcome = train_loop(built, training_batches, settings, record, validate=judge, is_main=is_main, agree=agree)
        if is_main:
            _export(built, folder, run, outcome.step)
        accelerator.wait_for_everyone()
    finally:
        record.close()
    if outcome.reason != "finished":
        logger.warning("Stopped at step %d (%s); run the same command again to go on.", outcome.step, outcome.reason)
    return folder


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
        "subdued_share": data.subdued_share,
        "reduced_share": data.reduced_share,
        "rounded_share": data.rounded_share,
    }
    make = partial(DegradedBatches, mixture=mixture, device=device, **shares)
    store = store_pictures(training, budget, device)
    batches = make(store, patch_size=data.patch_size, batch_size=data.batch_size, seed=data.seed, rank=rank)
    if pairs:
        weights = {pair.name: pair.weight for pair in data.pairs}
        sets = {name: [pair[1:] for pair in found] for name, found in pairs.items()}
        paired = PairedBatches(sets, weights, patch_size=data.patch_size, seed=data.seed, device=device, rank=rank)
        batches = MixedBatches(batches, paired, data.pairs_share)
    few = validation[:: max(1, len(validation) // VALIDATION_PATCHES)]
    held_out = make(
        [picture.read() for picture in few], patch_size=128, batch_size=VALIDATION_PATCHES, seed=data.seed + 1
    )
    return batches, held_out(0), fingerprint


def _export(recipe: Any, folder: Path, run: Run, step: int) -> None:
    from pellucid.weights.files import save_weights

    tensors, description = recipe.weights()
    description = {**description, "recipe": run.as_resolved(), "step": step}
    save_weights(folder / "weights.safetensors", tensors, description)


def show(recipe: Path, overrides: Sequence[str] = ()) -> Mapping[str, Any]:
    """The settings as they would be used, without training."""
    return read_run(recipe, overrides).as_resolved()
