"""What a step of every strategy costs, beside a step of plain empirical risk on as many patches.

    python benchmarks/strategy_cost.py --output benchmarks/results/strategy-cost

Strategies take turns step by step in one process, each on a network of its own and on the same batches, so that a
machine that slows down slows all of them alike; the table has medians and their ratios. Memory is measured in a process
per strategy: how far the peak of resident memory rises from before the first step. Data are made beforehand.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from measuring import seconds_of
from pellucid.data.batch import Batch
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.degradations.mixing import Mixture
from pellucid.methods.catalog import strategy
from pellucid.networks.catalog import build_network
from pellucid.objectives.pixel import PixelObjective
from pellucid.training.run_folder import environment

STRATEGIES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("empirical-risk", {}),
    "dil-sf": ("dil-sf", {}),
    "dil-pf, 4 steps": ("dil-pf", {"inner_steps": 4}),
    "dil-ps, everything twice, as the sheet measured": ("dil-ps", {"split_query": False}),
    "dil-ps": ("dil-ps", {}),
    "dil-ps, difference": ("dil-ps", {"hessian": "difference"}),
    "dil-ss, everything twice, as the sheet measured": ("dil-ss", {"split_query": False}),
    "dil-ss": ("dil-ss", {}),
    "dil-ss, difference": ("dil-ss", {"hessian": "difference"}),
    "dil-ss, divided": ("dil-ss", {"query": "divided"}),
    "dil-ss, divided, difference": ("dil-ss", {"query": "divided", "hessian": "difference"}),
}
NETWORKS: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "RRDB of 50,595 parameters, 24 patches of 24": ("rrdb", {"width": 16, "growth": 8, "blocks": 1}, 24, 24),
    "RRDB of 200,259 parameters, 24 patches of 24": ("rrdb", {"width": 32, "growth": 16, "blocks": 1}, 24, 24),
    "the noise specialist, 8 patches of 80": ("residual-stack", {"width": 64, "blocks": 8}, 8, 80),
}
MIXTURE = Mixture({f"gaussian-noise:sigma={sigma},clip=true": 1.0 for sigma in (5, 10, 15, 20)})


def built(network: str, name: str) -> Any:
    """A strategy on a fresh network."""
    from accelerate import Accelerator

    kind, arguments, _, _ = NETWORKS[network]
    torch.manual_seed(0)
    trained = build_network(kind, arguments).to(memory_format=torch.channels_last)  # pyright: ignore
    accelerator = Accelerator(cpu=True, mixed_precision="no")
    optimiser = torch.optim.Adam(trained.parameters(), lr=1e-5)
    row, settings = STRATEGIES[name]
    prepared = accelerator.prepare(trained, optimiser)
    return strategy(row).build(strategy(row).config(**settings), *prepared, accelerator, None)


def batch_of(network: str, step: int) -> Batch:
    """The batch of one step; an odd number, so that nothing is measured besides."""
    _, _, count, side = NETWORKS[network]
    generator = torch.Generator().manual_seed(0)
    pictures = [torch.randint(0, 256, (3, 200, 200), dtype=torch.uint8, generator=generator)]
    make = DegradedBatches(pictures, MIXTURE, patch_size=side, batch_size=count, is_balanced=True)
    return make(2 * step + 1)


def times(network: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of every step of every strategy, taken in turns."""
    strategies = {name: built(network, name) for name in STRATEGIES}
    objective, found = PixelObjective("l1"), {name: [] for name in STRATEGIES}
    for turn in range(rounds + 2):
        batch = batch_of(network, turn)
        for name, its in strategies.items():
            seconds = seconds_of(lambda its=its, batch=batch: its.step(objective, batch))
            if turn >= 2:
                found[name].append(seconds)
    return found


def memory_of(network: str, name: str) -> int:
    """Bytes by which the peak rises; in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", network, name]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(answer.stdout.splitlines()[-1])


def print_memory(network: str, name: str) -> None:
    """Take three steps and print by how many bytes resident memory rose at most."""
    its, objective = built(network, name), PixelObjective("l1")
    batches = [batch_of(network, step) for step in range(3)]
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far, which is that of the imports
    before = status("VmRSS")
    for batch in batches:
        its.step(objective, batch)
    print(status("VmHWM") - before)


def status(name: str) -> int:
    """One of Linux' figures of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def table(content: dict[str, Any]) -> str:
    """Medians and ratios as Markdown."""
    parts = []
    for network, rows in content["networks"].items():
        plain = rows["plain"]
        head = "| strategy | ms per step | against plain | memory, MiB | against plain |"
        lines = [f"{network}:", "", head, "|---|---|---|---|---|"]
        for name, row in rows.items():
            cells = [
                name,
                f"{1000 * row['seconds']:.0f}",
                f"{row['seconds'] / plain['seconds']:.2f}",
                f"{row['bytes'] / 2**20:.0f}",
                f"{row['bytes'] / plain['bytes']:.2f}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--memory-only", action="store_true", help="keep the times that are there")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-of", nargs=2, metavar=("NETWORK", "STRATEGY"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/strategy-cost"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory_of:
        print_memory(*arguments.memory_of)
        return
    written = arguments.output.with_suffix(".json")
    content: dict[str, Any] = {"machine": environment(), "rounds": arguments.rounds, "networks": {}}
    if arguments.memory_only:
        content = json.loads(written.read_text())
    for network in NETWORKS:
        if not arguments.memory_only:
            found = times(network, arguments.rounds)
            content["networks"][network] = {name: {"seconds": statistics.median(its)} for name, its in found.items()}
        for name, row in content["networks"][network].items():
            row["bytes"] = memory_of(network, name)
        written.write_text(json.dumps(content, indent=1) + "\n")
    arguments.output.with_suffix(".md").write_text(table(content))
    print(table(content))


if __name__ == "__main__":
    main()
