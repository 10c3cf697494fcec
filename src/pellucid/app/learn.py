"""Learn to restore from two folders without pairs: rainy pictures, and clean ones of anything similar."""

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from pellucid.app.recipe_file import Run, read_settings
from pellucid.app.targets import check_is_not_there
from pellucid.app.train import Trained, train_run
from pellucid.data.config import PictureSource
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.atomic import replacing
from pellucid.version import __version__
from pellucid.weights.files import sha256

logger = logging.getLogger(__name__)

STEPS, MINUTES, LOOK_EVERY = 2000, 15.0, 100
"""Of a run that goes on from the default model."""

PATIENCE = {"default": 4, "nothing": 50}
"""Looks without a better one, by what it begins with: a new network gives its input, which looks well for long."""

ENOUGH_CLEAN = 0.5
"""Share of the rainy pictures in which nothing is seen to be wrong, from which on it is worth a word."""

WIDEST_RAIN = 15
"""Pixels: streaks are hardly wider, and mist is."""

FINDINGS, WRITTEN = "folders.json", "written.json"
"""Beside the run: what is odd about the folders, and the hashes of what was written."""

_GUIDED = {"guidance": {"semantics": {"name": "perceived"}}}

STARTS: dict[str, dict[str, Any]] = {
    "default": {
        "background": {
            "name": "residual-stack",
            "arguments": {"width": 64, "blocks": 8, "coarse_width": 96, **_GUIDED},
            "start_from": "default",
            "start_from_part": "specialists.rain",
        },
        # NLCL's own losses lead a network back to its input that knows more than they do: see docs/methods/nlcl.md.
        "objective": {
            "location_levels": ["head", "before.3", "after.3"],
            **dict.fromkeys(("adversarial", "location", "layer", "sparsity"), 0.0),
            "consistency_moves": "rain",
            "transfer": 1.0,
            "replay": 2.0,
        },
        "rain": {"arguments": {"width": 16, "blocks": 4}, "start_from": "rain-layer"},
        "optimisation": {"learning_rate": 3e-4, "background_rate": 1e-4, "average_decay": 0.99},
    },
    "nothing": {
        "background": {"arguments": {"width": 32, "blocks": 8}},
        "rain": {"arguments": {"width": 16, "blocks": 3}},
        "objective": {"location_levels": ["head", "blocks.1", "blocks.3", "blocks.7"]},
    },
}
"""What training begins with: the default model's network for rain, or random weights (hours, or a GPU)."""

COMMON: dict[str, Any] = {
    "preset": "pellucid",
    "discriminator_width": 32,
    "head_width": 128,
}


@dataclass(frozen=True)
class Learned:
    """What learning gave.

    Attributes:
        weights: the model, for `pellucid restore --model`.
        card: what is known of it, Markdown.
        run_folder: log, curves and sample sheets.
        reason: why it ended: one of `pellucid.training.loop.REASONS`.
        warnings: what is odd about the folders.
    """

    weights: Path
    card: Path
    run_folder: Path
    reason: str
    warnings: Sequence[str]


def learn(
    rainy: Path,
    clean: Path,
    output: Path,
    *,
    start: str = "default",
    steps: int = STEPS,
    minutes: float = MINUTES,
    patch_size: int = 96,
    seed: int = 0,
    device: str | None = None,
    keep_mist: bool = False,
    overwrite: bool = False,
) -> Learned:
    """Learn from two folders, going on where it stopped if it was begun before.

    The rules of `stopping.StopRule` say which weights are kept, those that it began with among them.

    Args:
        rainy: folder or tar archive of pictures to learn to restore.
        clean: likewise of pictures without it; what they show should be of the same kind.
        output: weights file to write.
        start: a name of `STARTS`.
        steps: at the most.
        minutes: at the most; run again for more.
        patch_size: pixels.
        seed: of everything random.
        device: `"cpu"`, or the best at hand when absent.
        keep_mist: whether the model gives back what it removes and is wider than `WIDEST_RAIN`: mist, and with it the
            light of what it covers.
        overwrite: whether files that are there may be replaced; what was begun for `output` is then begun anew.

    Raises:
        DataError: when the folders cannot be learned from.
        ConfigurationError: when a setting is out of range, or the extra `train` is not installed.
        ImageError: when there is a file at `output` already.
    """
    if start not in STARTS:
        raise ConfigurationError(f"Expected a start out of {', '.join(STARTS)}, got {start!r}: choose one of them.")
    if output.suffix != ".safetensors":
        raise ConfigurationError(f"Expected an output that ends in .safetensors, got {output}: rename it.")
    folder = output.with_name(output.name + ".learning")
    card = output.with_suffix(".md")
    for target in (output, card):
        if not _is_ours(target, folder):
            check_is_not_there(target, [], overwrite=overwrite)
    if overwrite and (folder / FINDINGS).exists():  # what we began ourselves, and nothing else of that name
        shutil.rmtree(folder)
    noted = folder / FINDINGS
    if noted.exists():  # looked at when it was begun; training compares the folders' contents with what they were
        findings = json.loads(noted.read_text(encoding="utf-8"))
    else:
        findings = _checked_folders(rainy, clean, patch_size)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(noted) as partial:
            partial.write_text(json.dumps(findings), encoding="utf-8")
    for warning in findings["warnings"]:
        logger.warning("Of the folders: %s.", warning)
    run = _run(rainy, clean, findings["unreadable"], start, steps, minutes, patch_size, seed, device, keep_mist)
    try:
        trained = train_run(run, folder)
    except ConfigurationError as error:
        if "differ" not in str(error):
            raise
        raise ConfigurationError(
            f"Expected the settings and pictures that {folder} was begun with, got others: name another --output, or "
            "use --overwrite to begin anew."
        ) from error
    if trained.reason != "interrupted":
        text = _card(output, folder, rainy, clean, trained, findings["warnings"])
        output.parent.mkdir(parents=True, exist_ok=True)
        with replacing(output) as partial:
            shutil.copyfile(folder / "weights.safetensors", partial)
        with replacing(card) as partial:
            partial.write_text(text, encoding="utf-8")
        written = {target.name: sha256(target) for target in (output, card)}
        with replacing(folder / WRITTEN) as partial:
            partial.write_text(json.dumps(written), encoding="utf-8")
    return Learned(output, card, folder, trained.reason, findings["warnings"])


def _is_ours(target: Path, folder: Path) -> bool:
    """Whether a file is as an earlier call for the same output wrote it."""
    record = folder / WRITTEN
    if not target.is_file() or not record.exists():
        return False
    return json.loads(record.read_text(encoding="utf-8")).get(target.name) == sha256(target)


def _run(
    rainy: Path,
    clean: Path,
    unreadable: Sequence[str],
    start: str,
    steps: int,
    minutes: float,
    patch_size: int,
    seed: int,
    device: str | None,
    keep_mist: bool,
) -> Run:
    from pellucid.methods.devices import chosen_device, spare_on_device
    from pellucid.methods.restorer import fastest_dtype

    chosen = chosen_device(device)
    has_bf16 = fastest_dtype(chosen).itemsize == 2
    data = {
        "rainy": [{"path": str(rainy.resolve()), "exclude": list(unreadable)}],
        "clean": [{"path": str(clean.resolve()), "exclude": list(unreadable)}],
        "patch_size": patch_size,
        "memory": f"{max(1, spare_on_device('cpu') // 3 >> 30)}G",
        "batch_size": 2,
        "seed": seed,
    }
    training = {
        "steps": steps,
        "time_limit_minutes": minutes,
        "validate_every": LOOK_EVERY,
        "checkpoint_every": LOOK_EVERY,
        "log_every": 20,
        "prefetch": 1,
        "device": device,
        "precision": "bf16" if has_bf16 else "no",
    }
    stopping = {"patience": PATIENCE[start]}
    content = {"method": "nlcl", **COMMON, **STARTS[start], "data": data, "stopping": stopping, "training": training}
    return read_settings({**content, "widest_rain": WIDEST_RAIN if keep_mist else None})


def _checked_folders(rainy: Path, clean: Path, patch_size: int) -> dict[str, list[str]]:
    """What is odd about the folders, as `warnings`, and patterns of what cannot be read; each picture is held alone."""
    from pellucid.data.clean_pictures import open_selected
    from pellucid.data.sources import read_pixels
    from pellucid.data.unpaired_check import check_unpaired
    from pellucid.methods.perceiver import load_perceiver

    perceiver = load_perceiver()
    wrong: dict[Path, dict[str, list[str]]] = {rainy: {}, clean: {}}
    unreadable: list[str] = []

    def pictures(folder: Path) -> Iterator[tuple[str, Any]]:
        source = open_selected(PictureSource(path=folder.resolve()))
        for name in source.names:
            try:
                pixels = read_pixels(source, name)
            except ImageError as error:
                logger.warning("%s", error)
                unreadable.append(name)
                continue
            wrong[folder][name] = list(perceiver.perceive(pixels[None].float() / 255).wrong)
            yield name, pixels

    logger.info("Looking at the pictures of both folders.")
    warnings = check_unpaired(pictures(rainy), pictures(clean), patch_size)
    if unreadable:
        warnings.append(f"{len(unreadable)} pictures cannot be read and are left out, {unreadable[0]} first")
    fine = [name for name, found in wrong[rainy].items() if not found]
    if len(fine) > ENOUGH_CLEAN * len(wrong[rainy]):
        warnings.append(
            f"in {len(fine)} of {len(wrong[rainy])} rainy pictures nothing is seen to be wrong, {fine[0]} first"
        )
    rained = [name for name, found in wrong[clean].items() if "rain" in found]
    if rained:
        warnings.append(f"{len(rained)} clean pictures look rainy, {rained[0]} first")
    return {"warnings": warnings, "unreadable": [escape(name) for name in unreadable]}


def _card(output: Path, folder: Path, rainy: Path, clean: Path, trained: Trained, warnings: Sequence[str]) -> str:
    """What a user should know of the model a year later."""
    from pellucid.weights.files import load_weights

    log = folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
    looks = [line for line in lines if "validation/score" in line]
    pictures = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
    best = load_weights(folder / "weights.safetensors")[1].get("best_step")
    names = ("score", "quality", "harm", "mismatch", "removed")
    rows = [
        f"| {look['step']}{', kept' * (look['step'] == best)} | "
        + " | ".join(f"{look[f'validation/{name}']:.4f}" for name in names)
        + " |"
        for look in looks
    ]
    nothing = "; nothing better was found than what it began with" if best == 0 else ""
    first = looks[0].get("validation/score at first") if looks else None
    begun = "" if first is None else f" What it began with has a score of {first:.4f}."
    odd = "\n".join(f"- {warning}" for warning in warnings) or "- nothing"
    return f"""# {output.name}

A derainer that was learned from rainy pictures and clean ones of something else, without pairs, by Pellucid
{__version__} (docs/methods/nlcl.md). Use it with `pellucid restore PHOTO --model {output.name}`.

Learned from `{rainy.name}` and `{clean.name}`; it ended at step {trained.step} ({trained.reason}).
The background network is that of step {best}{nothing}.{begun} Odd about the folders:

{odd}

## What was seen on pictures that were held out, without knowing how they should look

| step | {" | ".join(names)} |
|{"---|" * (len(names) + 1)}
{chr(10).join(rows)}

score: quality less harm, as the perceiver sees them; of the networks that agree (mismatch no more than removed) the one
of the highest score is kept, the one that it began with among them. mismatch: mean of the absolute difference between a
picture and its background and rain together. removed: mean absolute change. Nothing here says that a picture became
truer: look at the sample sheets.

## Pictures

```json
{json.dumps(pictures, indent=1)}
```
"""
