"""Measure the working memory of a network per input pixel: the model that tiles are planned from.

    python benchmarks/memory.py MODEL --output benchmarks/results/memory-default

Every size runs in a process of its own; the peak of its resident memory, less the peak of one that restores a single
small tile, is divided by the pixels. The largest ratio is the one to plan with; `--write` puts it into the weights
file.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

MEASURE = """
import resource, sys, torch
from pellucid.images.overview import spread
from pellucid.methods.load import load
restorer = load(sys.argv[1], "cpu").restorer
side = int(sys.argv[2])
def work(side):
    image = torch.rand(1, 3, side, side)
    if not hasattr(restorer.network, "parts"):
        restorer.restore(image)
        return
    for number in range(len(restorer.network.parts)):  # with another tone before each: that takes most
        coarse = torch.zeros(1, 14, 16, 16)
        coarse[:, 0], coarse[:, 1] = number, 1  # dark
        guiding = torch.zeros(1, 2048, 1, 1)  # of those that are guided
        restorer.restore(image, spread((coarse, guiding), (side, side)))
work(64)
work(side)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak_bytes(model: str, side: int) -> int:
    """Peak resident memory of a process that restores a square of `side` pixels."""
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, model, str(side)], capture_output=True, text=True, check=True
    )
    return int(answer.stdout.split()[-1])


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/memory"))
    parser.add_argument("--write", type=Path, help="weights file to put the figure into")
    arguments = parser.parse_args()
    base = peak_bytes(arguments.model, 64)
    rows = []
    for side in (1024, 1536, 2048, 3072):
        peak = peak_bytes(arguments.model, side)
        rows.append({"side": side, "peak_bytes": peak, "bytes_per_pixel": (peak - base) / side**2})
        print(rows[-1], flush=True)
    figure = max(row["bytes_per_pixel"] for row in rows)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(
        json.dumps({"model": arguments.model, "base_bytes": base, "rows": rows, "bytes_per_pixel": figure}, indent=2)
        + "\n"
    )
    if arguments.write:
        import torch

        from pellucid.weights.files import load_weights, save_weights

        tensors, description = load_weights(arguments.write)
        save_weights(arguments.write, tensors, {**description, "bytes_per_pixel": round(figure, 1)}, torch.float16)


if __name__ == "__main__":
    main()
