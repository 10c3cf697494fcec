"""Join the parts of the default model, and put it into the package.

    python scripts/bundle_default.py --generalist runs/default --tone runs/tone --chooser runs/chooser \
        --specialist noise=runs/noise --specialist rain=runs/rain

Every part is a run folder of `pellucid train` or a weights file; a part that is not named is taken from the bundled
model, with all that was said of it, unless `--afresh` is given. Several tones are averaged: one trained on from
another, and where it came from.

Writes `src/pellucid/weights/bundle/default.safetensors`, or `--output` to look at it first; figures for its card come
from `scripts/measure_default`.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.app.recipe_file import read_run
from pellucid.data.clean_pictures import check_leaks, load_clean_pictures
from pellucid.data.config import DataSettings
from pellucid.networks.catalog import build_network
from pellucid.weights.bundled import bundled_weights
from pellucid.weights.files import load_into, load_weights, save_weights, sha256

LICENCE = "Apache-2.0"

FREE = {"train/HQPhotos400.tar": {"*budgie_*", "*lomiri_*", "*mei_*", "*pop_*"}}
"""Archives and the patterns of their pictures that may be redistributed, and what was trained on them."""

# Each mix goes to the part that restores it best on held-out pictures (benchmarks/results/chooser.md).
SERVES = {
    "clean": "clean",
    "haze": "clean",  # what remains of haze once it is undone, no network undoes (benchmarks/results/tone.md)
    "haze+jpeg": "jpeg",
    "gaussian-noise": "noise",
    "sensor-noise": "noise",
    "rain": "rain",
    "gaussian-blur": "blur",
    "motion-blur": "blur",
    "defocus-blur": "blur",
    "jpeg": "jpeg",
    "lifted-low-light": "noise",
    "gaussian-blur+sensor-noise": "noise",
    "gaussian-blur+jpeg": "blur",
    "rain+jpeg": "rain",
}

UNTRAINED: dict[str, dict[str, Any]] = {"clean": {"name": "identity", "arguments": {}}}
"""Specialists that have no weights: what needs nothing is left as it is."""

LIMITS = {"dark_below": 0.14, "hazy_above": 0.975}
"""What a dark and what a hazy picture is (benchmarks/results/tone.md)."""

LEAST_PROBABILITY = {"blur": 0.75, "clean": 0.4}
"""Sharpening what is not blurred costs most, of a clean picture 20 dB; leaving a picture alone costs
least, less than what the generalist does to a clean one (benchmarks/results/chooser.md). A greater one for rain, 0.6,
would spare one compressed picture in a hundred and lose four of heavy rain (benchmarks/results/rain-limit.md).
"""


@dataclass(frozen=True)
class Part:
    """A trained part.

    Attributes:
        tensors: its weights.
        network: name and arguments.
        origin: what it was trained with, and for how many steps.
    """

    tensors: Mapping[str, Tensor]
    network: Mapping[str, Any]
    origin: Any


def trained(path: Path) -> Part:
    """The part in a run folder or a weights file.

    Raises:
        SystemExit: when it was trained on pictures that the licence does not cover.
        DataError: when one of them is in a test set, wherever and with whatever settings it was trained.
    """
    path = path / "weights.safetensors" if path.is_dir() else path
    tensors, description = load_weights(path)
    recipe = description["recipe"]
    require_free(recipe, path)
    recipe["training"]["run_folder"] = None  # a path of the machine that trained, of use to nobody
    if recipe["network"]["start_from"] is not None:
        recipe["network"]["start_from"] = Path(recipe["network"]["start_from"]).name
    origin = {key: description[key] for key in ("step", "started_from") if key in description}
    return Part(tensors, description["network"], {"recipe": recipe, **origin})


def require_free(recipe: Mapping[str, Any], path: Path) -> None:
    """Refuse what was trained on pictures that the licence does not cover, or that are in a test set."""
    settings = DataSettings(**recipe["data"])
    unfree = [its.path for its in settings.sources if not set(its.include) <= FREE.get(its.path.as_posix(), set())]
    unfree += [Path(pair.name) for pair in settings.pairs]
    if unfree:
        raise SystemExit(f"Expected weights trained on free pictures alone, {path} also saw {unfree[0]}: see NOTICE.")
    guide = recipe["network"]["arguments"].get("guidance", {}).get("semantics", {})
    if guide.get("source") is not None:
        raise SystemExit(f"Expected {path} guided by the perceiver that ships, got another: train it without source.")
    test_sets = read_run(Path("recipes/default.yaml")).config.data.refuse_leaks_into
    check_leaks(settings.model_copy(update={"refuse_leaks_into": test_sets}), load_clean_pictures(settings))


def bundled() -> dict[str, Part]:
    """The parts of the bundled model by name: tone, chooser, generalist, specialists.<name>."""
    tensors, description = load_weights(bundled_weights("default"))
    arguments, origins = description["network"]["arguments"], description["parts"]
    networks = {
        "tone": {"name": "tone-map", "arguments": arguments["tone"]},
        "chooser": {"name": "degradation-classifier", "arguments": arguments["chooser"]},
        "generalist": arguments["generalist"],
        **{
            f"specialists.{name}": network
            for name, network in arguments["specialists"].items()
            if name not in UNTRAINED
        },
    }
    return {
        name: Part(
            {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")},
            network,
            origins[name],
        )
        for name, network in networks.items()
    }


def mean(parts: list[Part]) -> Part:
    """The mean of several trainings of the same network."""
    if len(parts) == 1:
        return parts[0]
    tensors = {key: torch.stack([part.tensors[key] for part in parts]).mean(0) for key in parts[0].tensors}
    return Part(tensors, parts[0].network, [part.origin for part in parts])


def joined(parts: Mapping[str, Part], bytes_per_pixel: float, output: Path) -> None:
    """Write the model that the parts make."""
    names = [name.removeprefix("specialists.") for name in parts if name.startswith("specialists.")]
    arguments = {
        "tone": dict(parts["tone"].network["arguments"]),
        "generalist": dict(parts["generalist"].network),
        "specialists": {name: dict(parts[f"specialists.{name}"].network) for name in names} | UNTRAINED,
        "chooser": dict(parts["chooser"].network["arguments"]),
        "serves": {domain: name for domain, name in SERVES.items() if name in {*names, *UNTRAINED}},
        **LIMITS,
        "least_probability": {name: least for name, least in LEAST_PROBABILITY.items() if name in {*names, *UNTRAINED}},
    }
    description = {
        "method": "supervised",
        "network": {"name": "all-in-one", "arguments": arguments},
        "parts": {name: part.origin for name, part in parts.items()},
        "licence": LICENCE,
        "bytes_per_pixel": bytes_per_pixel,
    }
    tensors = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.tensors.items()}
    load_into(build_network("all-in-one", arguments), tensors, "the joined parts")  # before anything is replaced
    save_weights(output, tensors, description)
    print(f"{output.name}: {output.stat().st_size / 2**20:.1f} MiB, sha256 {sha256(output)}")


def named(argument: str) -> tuple[str, Path]:
    """`name=path`."""
    name, _, path = argument.partition("=")
    if not path or name not in set(SERVES.values()) - set(UNTRAINED):
        raise argparse.ArgumentTypeError(f"expected name=path with a name of SERVES, got {argument}")
    return f"specialists.{name}", Path(path)


def main() -> None:
    """Collect, join, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generalist", type=Path, help="trained with recipes/default.yaml")
    parser.add_argument("--tone", type=Path, nargs="+", help="trained with recipes/tone.yaml; their mean")
    parser.add_argument("--chooser", type=Path, help="trained with recipes/chooser.yaml")
    parser.add_argument("--specialist", type=named, action="append", default=[], help="name=path; may be repeated")
    parser.add_argument("--afresh", action="store_true", help="take nothing from the bundled model")
    parser.add_argument(
        "--bytes-per-pixel", type=float, help="as benchmarks/memory.py measured it; as it was when absent"
    )
    parser.add_argument("--output", type=Path, default=bundled_weights("default"))
    arguments = parser.parse_args()
    given = {name: trained(path) for name, path in arguments.specialist}
    if arguments.generalist:
        given["generalist"] = trained(arguments.generalist)
    if arguments.chooser:
        given["chooser"] = trained(arguments.chooser)
    if arguments.tone:
        given["tone"] = mean([trained(path) for path in arguments.tone])
    before = {} if arguments.afresh else load_weights(bundled_weights("default"))[1]
    parts = given if arguments.afresh else {**bundled(), **given}
    lacking = {"generalist", "tone", "chooser"} - set(parts)
    if lacking:
        raise SystemExit(f"Expected all parts of a model, {', '.join(sorted(lacking))} not given: name them.")
    joined(parts, arguments.bytes_per_pixel or before["bytes_per_pixel"], arguments.output)


if __name__ == "__main__":
    main()
