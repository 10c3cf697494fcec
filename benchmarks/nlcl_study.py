"""NLCL on trial: is contrast between layers, and are places that look alike, worth anything?

    PELLUCID_DATA=... python benchmarks/nlcl_folders.py --rain light --output runs/nlcl-folders/light
    PELLUCID_DATA=... python benchmarks/nlcl_study.py --output benchmarks/results/nlcl-study --seeds 0 1 2

Small networks (4 blocks of 16 channels; `recipes/nlcl/study.yaml`) learn from 82 rainy pictures and 82 clean ones of
other scenes, 5,000 steps of one patch of 64 pixels each. Arms: (a) GAN and PatchNCE alone, as CUT; (b) and a network
for rain, consistency and sparsity; (c) and the layer loss with places that look alike: NLCL; (d) the same with random
places; in all of these every place of the location loss asks, as in CUT, so that one thing changes at a time. (e) has
the paper's figure there: one place asks, and those least like it are its negatives. Each without and with the skip from
input to output. All weights are averaged over the last
thousand steps or so. Tested on the 100 pairs of Rain100L, of which nothing was trained on. `matched`: after each
channel's mean and spread were brought to the input's, which takes away the drift of colour that networks without a skip
have. What is in the output folder is not done again.
"""

import argparse
import json
import statistics
import time
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.app.train import train
from pellucid.data.shared_pictures import load_pairs
from pellucid.evaluation.measures import psnr, rounded_to_8_bits, ssim
from pellucid.images.atomic import replacing
from pellucid.methods.load import load
from pellucid.methods.nlcl.restorer import mismatch

RECIPE = Path("recipes/nlcl/study.yaml")

CUT = ["--sampling.location_order", "random", "--objective.layer", "0"]
ARMS: dict[str, list[str]] = {
    "a": [*CUT, "--objective.consistency", "0", "--objective.sparsity", "0"],
    "b": CUT,
    "c": ["--sampling.location_order", "random"],
    "d": ["--sampling.location_order", "random", "--sampling.layer_order", "random"],
    "e": [],
}
NAMES = {
    "a": "(a) GAN and PatchNCE",
    "b": "(b) and rain, consistency, sparsity",
    "c": "(c) and the layer loss: NLCL",
    "d": "(d) the same with random places of the layers",
    "e": "(e) NLCL with the location loss of the paper's figure",
}
CLAIMS = (("c", "b"), ("c", "d"))
"""The first arm of each is said to be better than the second."""

SKIP = ["--background.arguments.skip", "true"]

Figures = dict[str, float]


def matched(image: Tensor, like: Tensor) -> Tensor:
    """With the mean and the spread of each channel of `like`."""
    spread, mean = torch.std_mean(image, dim=(2, 3), keepdim=True)
    wanted, level = torch.std_mean(like, dim=(2, 3), keepdim=True)
    return (image - mean) / spread.clamp_min(1e-6) * wanted + level


def compared(restored: Tensor, clean: Tensor, rainy: Tensor) -> Figures:
    """All figures of one picture."""
    found = {}
    for name, its in (("", restored), ("matched ", matched(restored, rainy))):
        image = rounded_to_8_bits(its)
        found[f"{name}rgb"] = psnr(image, clean, color="rgb").item()
        found[f"{name}y"] = psnr(image, clean, color="y").item()
    found["ssim"] = ssim(rounded_to_8_bits(restored), clean, variant="gaussian-11x11", color="y").item()
    return found


def measured(weights: Path | None) -> Figures:
    """Means over Rain100L; of the input where there are no weights."""
    model = None if weights is None else load(weights, "cpu")
    rows = []
    for pair in load_pairs("Rain100L"):
        rainy, clean = (pixels[None].float() / 255 for pixels in pair.load())
        restored = None if model is None else model.restore(rainy)
        rows.append(compared(rainy if restored is None else restored.image, clean, rainy))
        if restored is not None:
            rows[-1]["mismatch"] = 255 * mismatch(rainy, restored.image, restored.maps["rain"]).item()
    return {name: statistics.mean(row[name] for row in rows) for name in rows[0]}


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--skip", nargs="+", type=int, choices=[0, 1], default=[1, 0])
    parser.add_argument("--runs", type=Path, default=Path("runs/nlcl-study"))
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="recipes/nlcl/paper.yaml is the paper's size")
    parser.add_argument("--settings", nargs=argparse.REMAINDER, default=[], help="further ones of the recipe, last")
    parser.add_argument("--only", choices=["train", "measure"], help="here one, there the other")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "study.json"
    for seed, skip, arm in product(arguments.seeds, arguments.skip, arguments.arms):
        key = f"{arm} {'with' if skip else 'without'} skip, seed {seed}"
        if key in _kept(path):
            continue
        settings = {"recipe": str(arguments.recipe), "settings": arguments.settings}
        if _kept(path) and _kept(path)["made by"] != settings:
            parser.error(f"Expected the settings of what is in {path}, got others: name another --output.")
        folder = arguments.runs / key.replace(" ", "-").replace(",", "")
        overrides = [
            *ARMS[arm],
            *(SKIP if skip else []),
            "--data.seed",
            str(seed),
            "--training.run-folder",
            str(folder),
        ]
        started = time.perf_counter()
        if arguments.only != "measure":
            reason = train(arguments.recipe, [*overrides, *arguments.settings]).reason
            if reason == "interrupted" or (reason != "finished" and arguments.only is None):
                break  # half a run is no result; the same command goes on
        seconds = time.perf_counter() - started
        if arguments.only == "train":
            continue
        found = measured(folder / "weights.safetensors") | {"seconds": seconds}
        print(key, {name: round(value, 2) for name, value in found.items()}, flush=True)
        found["steps"] = load(folder / "weights.safetensors", "cpu").description["step"]
        kept: dict[str, Any] = {"made by": settings, **_kept(path), key: found}
        if "input" not in kept:
            kept["input"] = measured(None)
        with replacing(path) as partial:
            partial.write_text(json.dumps(kept, indent=1) + "\n")
    if done := _kept(path):
        (arguments.output / "study.md").write_text(table(done))


def _kept(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


COLUMNS = {"rgb": "RGB", "y": "Y", "matched rgb": "RGB, matched", "matched y": "Y, matched", "ssim": "SSIM of Y"}


def table(kept: dict[str, Any]) -> str:
    """Markdown: means over the seeds, and their spread where there are several.

    Raises:
        ValueError: when runs have not as many steps.
    """
    steps = {its["steps"] for its in kept.values() if "steps" in its}
    if len(steps) > 1:
        raise ValueError(f"Expected runs of equal steps, got {sorted(steps)}: go on with the shorter ones.")
    lines = ["| | seeds | " + " | ".join(COLUMNS.values()) + " | mismatch |", "|---" * (len(COLUMNS) + 3) + "|"]
    whole = kept["input"]
    lines.append("| input |  | " + " | ".join(_shown([whole[name]], name) for name in COLUMNS) + " |  |")
    for skip, arm in product(("without", "with"), ARMS):
        its = [value for key, value in kept.items() if key.startswith(f"{arm} {skip} skip")]
        if its:
            cells = [_shown([one[name] for one in its], name) for name in (*COLUMNS, "mismatch")]
            lines.append(f"| {NAMES[arm]}, {skip} skip | {len(its)} | " + " | ".join(cells) + " |")
    compared = ("rgb", "y", "matched rgb", "matched y")
    lines += [
        "",
        "| the same seeds, dB | seeds | " + " | ".join(COLUMNS[name] for name in compared) + " | better in Y |",
    ]
    lines.append("|---" * (len(compared) + 3) + "|")
    for skip, (one, other) in product(("without", "with"), CLAIMS):
        apart = differences(kept, skip, one, other)
        if apart:
            cells = [_shown([its[name] for its in apart], name, sign="+") for name in compared]
            cells.append(f"{sum(its['y'] > 0 for its in apart)} of {len(apart)}")
            lines.append(f"| ({one}) less ({other}), {skip} skip | {len(apart)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def differences(kept: dict[str, Any], skip: str, one: str, other: str) -> list[Figures]:
    """Of two arms, seed by seed: figures of the first less those of the second."""
    found = []
    for key, its in kept.items():
        partner = kept.get(key.replace(f"{one} ", f"{other} ", 1))
        if key.startswith(f"{one} {skip} skip") and partner is not None:
            found.append({name: its[name] - partner[name] for name in COLUMNS})
    return found


def _shown(values: list[float], name: str, sign: str = "") -> str:
    digits = 4 if name == "ssim" else 2
    spread = f" ±{statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.{digits}f}{spread}"


if __name__ == "__main__":
    main()
