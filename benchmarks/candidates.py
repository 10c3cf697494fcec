"""Train every candidate for the default network for the same short time, and print quality against speed.

    python benchmarks/candidates.py --minutes 8 --output benchmarks/results/candidates
    python benchmarks/candidates.py --recipe recipes/specialists/noise.yaml --output benchmarks/results/candidates-noise

Every candidate gets the same processor time (summed over threads, so that a machine shared with others is fair), the
same mixture, pictures and seed, in batches of 6 patches of 80 pixels: in so short a time steps are what counts. Quality
is PSNR on held-out training pictures; no test set is touched. Speed is restoring 1 megapixel in bf16, channels-last,
best of three, and its multiply-adds over that time against a bf16 matrix product in the same run.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from measuring import matrix_rate, seconds_of
from pellucid.app.train import train
from pellucid.methods.restorer import NetworkRestorer, restorer_from_weights
from pellucid.networks.catalog import build_network
from pellucid.training.run_folder import environment
from pellucid.weights.files import load_weights

CANDIDATES: dict[str, tuple[str, dict]] = {
    "residual U-Net 32-64-128": ("residual-unet", {"widths": [32, 64, 128], "blocks": [2, 2, 4], "bias": True}),
    "residual U-Net 48-96-192": ("residual-unet", {"widths": [48, 96, 192], "blocks": [2, 2, 4], "bias": True}),
    "residual U-Net 48-96-192, bias-free": ("residual-unet", {"widths": [48, 96, 192], "blocks": [2, 2, 4]}),
    "residual U-Net 64-128-256": ("residual-unet", {"widths": [64, 128, 256], "blocks": [2, 2, 4], "bias": True}),
    "residual stack 64 x 8": ("residual-stack", {"width": 64, "blocks": 8}),
    "residual stack 64 x 8, side path 96": ("residual-stack", {"width": 64, "blocks": 8, "coarse_width": 96}),
    "NAFNet type, width 16": ("nafnet", {"width": 16}),
    "FFDNet type, 96 x 12": ("ffdnet", {"width": 96, "depth": 12}),
}


def speed(network: str, arguments: dict) -> dict[str, float]:
    """Parameters, multiply-adds per pixel, seconds per megapixel, share of the matrix rate."""
    built = build_network(network, arguments)
    parameters = sum(p.numel() for p in built.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        built(torch.zeros(1, 3, 256, 256))
    multiply_adds = counter.get_total_flops() / 2 / 256**2
    restorer = NetworkRestorer(built)
    image = torch.rand(1, 3, 1024, 1024)
    restorer.restore(image)
    seconds = min(seconds_of(lambda: restorer.restore(image)) for _ in range(3)) / (1024**2 / 1e6)
    return {
        "parameters": parameters,
        "thousand_multiply_adds_per_pixel": multiply_adds / 1e3,
        "seconds_per_megapixel": seconds,
        "share_of_matrix_rate": multiply_adds * 1e6 / seconds / matrix_rate(),
    }


def quality(recipe: Path, network: str, arguments: dict, cpu_minutes: float, folder: Path) -> dict[str, float]:
    """Train for `cpu_minutes`; validation PSNR per domain at the end."""
    common = [
        f"--network.name={network}",
        f"--network.arguments={json.dumps(arguments)}",
        "--data.batch_size=6",
        "--data.patch_size=80",
        "--training.threads=1",  # two threads of which one is kept waiting would be charged for the waiting
        "--training.checkpoint_every=1000000",
        "--training.validate_every=1000000",
    ]

    def probe(steps: int, name: str) -> float:
        start = time.process_time()
        train(recipe, [*common, f"--training.steps={steps}", f"--training.run_folder={folder}/{name}"])
        return time.process_time() - start

    probe(5, "warm-up")  # imports and kernels are made ready once in a process
    per_step = (probe(90, "longer") - probe(30, "shorter")) / 60  # loading and validation cancel out
    steps = round(cpu_minutes * 60 / per_step)
    run = folder / "run"
    train(recipe, [*common, f"--training.steps={steps}", f"--training.run_folder={run}"])
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    last = next(line for line in reversed(lines) if "validation/gain" in line)
    values = {name.removeprefix("validation/"): v for name, v in last.items() if name.startswith("validation/")}
    tensors, description = load_weights(run / "weights.safetensors")
    restorer_from_weights(tensors, description, "cpu")  # what was trained can be loaded and shipped
    return {"steps": steps, "cpu_seconds_per_step": per_step, **values}


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8, help="processor time per candidate, minutes")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/generalist-plain.yaml"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/candidates"))
    parser.add_argument("--no-speed", action="store_true", help="leave speed for a run on a quiet machine")
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    written = arguments.output.with_suffix(".json")
    before = json.loads(written.read_text()) if written.is_file() else {}
    # A study cut off goes on where it stopped, when it is still the same study.
    study = {"processor_minutes": arguments.minutes, "recipe": arguments.recipe.name}
    is_same = all(before.get(key) == value for key, value in study.items())
    rows: dict[str, dict] = before["rows"] if is_same else {}
    for measure in ("quality",) if arguments.no_speed else ("quality", "speed"):
        for name, (network, settings) in CANDIDATES.items():
            if ("steps" if measure == "quality" else "seconds_per_megapixel") in rows.get(name, {}):
                continue
            if measure == "speed":
                torch.set_num_threads(os.cpu_count() or 1)
                rows[name] = {**rows[name], **speed(network, settings)}
            else:
                with tempfile.TemporaryDirectory() as folder:
                    rows[name] = quality(arguments.recipe, network, settings, arguments.minutes, Path(folder))
            content = {**study, "machine": environment(), "rows": rows}
            written.write_text(json.dumps(content, indent=2) + "\n")
            arguments.output.with_suffix(".md").write_text(table(rows, arguments.minutes))
    print(table(rows, arguments.minutes), flush=True)


def table(rows: dict[str, dict], minutes: float) -> str:
    """The rows as Markdown."""
    domains = [name for name in next(iter(rows.values())) if name in SHOWN]
    head = ["network", "parameters", "kMAC/px", "s/MP", "share", "steps", "gain dB", *domains]
    lines = [f"Validation PSNR in dB after {minutes:g} processor minutes of training each.", ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, row in rows.items():
        is_timed = "seconds_per_megapixel" in row
        cells = [
            name,
            f"{row['parameters'] / 1e6:.2f} M" if is_timed else "",
            f"{row['thousand_multiply_adds_per_pixel']:.0f}" if is_timed else "",
            f"{row['seconds_per_megapixel']:.2f}" if is_timed else "",
            f"{row['share_of_matrix_rate']:.2f}" if is_timed else "",
            f"{row['steps']}",
            f"{row['gain']:+.2f}",
            *(f"{row[domain]:.2f}" for domain in domains),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


SHOWN = ("clean", "gaussian-noise", "sensor-noise", "gaussian-blur", "jpeg", "rain", "haze", "low-light")

if __name__ == "__main__":
    main()
