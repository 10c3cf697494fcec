"""Measure how long every degradation takes: per training patch, and per megapixel of one picture.

    python benchmarks/degradations.py --output benchmarks/results/degradations

Times are processor time summed over threads, so that a machine shared with others is fair; best of several. A patch
is one of 16 of 96 x 96 at severities from 0 to 1, degraded in one call; the picture has 1024 x 1024 pixels, at 0.5.
The last row is a whole training batch of the recipe: crops, draws, and its mixture of degradations, per patch.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from torch import Generator

from pellucid.data.degraded_batches import DegradedBatches
from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.contract import apply
from pellucid.degradations.mixing import Mixture
from pellucid.training.run_folder import environment

PATCHES, PATCH_SIZE, SIDE = 16, 96, 1024


def milliseconds(function: Callable[[], object], repeats: int) -> float:
    """Processor time of one call, best of `repeats` after one that warms up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times) * 1e3


def measure(name: str) -> dict[str, float]:
    """Of one degradation: ms per patch, ms per megapixel."""
    kind = DEGRADATIONS[name]
    patches, picture = torch.rand(PATCHES, 3, PATCH_SIZE, PATCH_SIZE), torch.rand(1, 3, SIDE, SIDE)
    several = [kind.draw(row / (PATCHES - 1), Generator().manual_seed(row)) for row in range(PATCHES)]
    one = [kind.draw(0.5, Generator().manual_seed(0))]
    return {
        "ms_per_patch": milliseconds(lambda: apply(patches, several, Generator().manual_seed(0)), 5) / PATCHES,
        "ms_per_megapixel": milliseconds(lambda: apply(picture, one, Generator().manual_seed(0)), 3) / (SIDE**2 / 1e6),
    }


def measure_batches(recipe: Path) -> float:
    """Milliseconds per patch of a training batch as `recipe` mixes it, mean over 20 batches."""
    data = yaml.safe_load(recipe.read_text())["data"]
    pictures = [torch.randint(0, 256, (3, 512, 512), dtype=torch.uint8) for _ in range(4)]
    mixture = Mixture(data["mixture"])
    batches = DegradedBatches(pictures, mixture, patch_size=data["patch_size"], batch_size=data["batch_size"])
    return milliseconds(lambda: [batches(step) for step in range(20)], 2) / 20 / data["batch_size"]


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/default.yaml"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/degradations"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = {name: measure(name) for name in DEGRADATIONS}
    batches = measure_batches(arguments.recipe)
    lines = ["| degradation | ms per 96 x 96 patch | ms per megapixel |", "|---|---|---|"]
    lines += [f"| {n} | {row['ms_per_patch']:.2f} | {row['ms_per_megapixel']:.0f} |" for n, row in rows.items()]
    lines += [f"| a batch of {arguments.recipe.name}, all in all | {batches:.2f} | |"]
    print("\n".join(lines))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"rows": rows, "batch_ms_per_patch": batches, "recipe": arguments.recipe.name, "machine": environment()}
    arguments.output.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
