"""What a step of NLCL costs at the paper's size, and what part of it goes into looking for alike places.

    python benchmarks/nlcl_cost.py --output benchmarks/results/nlcl-cost.md

One patch of 256 pixels, random weights, random pictures. Multiply-adds are counted by torch's own counter over one step
and doubled, as usual. The share of the sampler is that of the same steps: its time within them over theirs.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from pellucid.data.batch import Batch
from pellucid.images.atomic import replacing
from pellucid.methods.nlcl import objective
from pellucid.methods.nlcl.config import NLCLConfig
from pellucid.methods.nlcl.recipe import NLCLRecipe

SIDE = 256


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["paper", "released"])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--precision", choices=["no", "bf16"], default="no")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = [
        f"One thread of a CPU, float32 unless bf16 is asked for ({arguments.precision}), median of {arguments.steps} "
        "steps after a first one.",
        "",
        "| preset | GFLOP a step | s a step | s sampling | share % |",
        "|---|---|---|---|---|",
    ]
    for preset in arguments.presets:
        flop, steps, sampling = measured(preset, arguments.steps, arguments.precision)
        share = 100 * sum(sampling) / sum(steps)
        whole, part = statistics.median(steps), statistics.median(sampling)
        lines.append(f"| {preset} | {flop / 1e9:.0f} | {whole:.2f} | {part:.3f} | {share:.2f} |")
        print(lines[-1], flush=True)
    with replacing(arguments.output) as partial:
        partial.write_text("\n".join(lines) + "\n")


def measured(preset: str, steps: int, precision: str) -> tuple[int, list[float], list[float]]:
    """Floating point operations of a step, and seconds of each step and of the sampler within."""
    from accelerate import Accelerator

    torch.manual_seed(0)
    data = {"rainy": [{"path": "."}], "clean": [{"path": "."}], "patch_size": SIDE}
    config = NLCLConfig.model_validate({"preset": preset, "data": data})
    recipe = NLCLRecipe(config, Accelerator(cpu=True, mixed_precision=precision), 1000)
    spent = [0.0]
    sample = objective.sample_places

    def timed(*given: Any) -> Any:
        started = time.perf_counter()
        found = sample(*given)
        spent[0] += time.perf_counter() - started
        return found

    objective.sample_places = timed
    try:
        with FlopCounterMode(display=False) as counter:
            recipe.step(batch(0))
        whole, sampling = [], []
        for number in range(1, steps + 1):
            its, spent[0] = batch(number), 0.0
            started = time.perf_counter()
            recipe.step(its)
            whole.append(time.perf_counter() - started)
            sampling.append(spent[0])
    finally:
        objective.sample_places = sample
    return counter.get_total_flops(), whole, sampling


def batch(step: int) -> Batch:
    """Noise, of which nothing is known but its size."""
    draws = torch.Generator().manual_seed(step)
    rainy, clean = (torch.rand(1, 3, SIDE, SIDE, generator=draws) for _ in range(2))
    return Batch(rainy, clean, ("unpaired",), step)


if __name__ == "__main__":
    main()
