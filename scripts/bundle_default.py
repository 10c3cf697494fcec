"""Join the two parts of the default model, and put it into the package.

    python scripts/bundle_default.py runs/default/weights.safetensors runs/tone/weights.safetensors

Several files of the second kind are averaged: one trained on from another, and where it came from.

Writes `src/pellucid/weights/bundle/default.safetensors`, or `--output` to look at it first; figures for its card come
from `scripts/measure_default`.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.weights.bundled import bundled_weights
from pellucid.weights.files import load_weights, save_weights, sha256

LICENCE = "Apache-2.0"


def part(path: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]:
    """Tensors under the part's name, arguments of its network, and what it was trained with."""
    tensors, description = load_weights(path)
    recipe = description["recipe"]
    if not recipe["data"]["refuse_leaks_into"]:
        raise SystemExit(f"Expected weights whose training pictures were compared with the test sets, {path} was not.")
    recipe["training"]["run_folder"] = None  # a path of the machine that trained, of use to nobody
    if recipe["network"]["start_from"] is not None:
        recipe["network"]["start_from"] = Path(recipe["network"]["start_from"]).name
    named = {f"{name}.{key}": value for key, value in tensors.items()}
    return named, description["network"]["arguments"], {"recipe": recipe, "step": description["step"]}


def main() -> None:
    """Join, describe, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("local", type=Path, help="weights trained with recipes/default.yaml")
    parser.add_argument("tone", type=Path, nargs="+", help="weights trained with recipes/tone.yaml; their mean")
    parser.add_argument("--smallest-change", type=float, nargs=2, default=[0.1, 0.1], help="of the tone, see ToneMap")
    parser.add_argument("--bytes-per-pixel", type=float, default=400.0, help="as benchmarks/memory.py measured it")
    parser.add_argument("--output", type=Path, default=bundled_weights("default"))
    arguments = parser.parse_args()
    local, local_arguments, local_origin = part(arguments.local, "local")
    tones = [part(path, "tone") for path in arguments.tone]
    tone = {key: torch.stack([tensors[key] for tensors, _, _ in tones]).mean(0) for key in tones[0][0]}
    tone_arguments = {**tones[0][1], "smallest_change": arguments.smallest_change}
    description = {
        "method": "supervised",
        "network": {"name": "toned-residual-unet", "arguments": {"tone": tone_arguments, "local": local_arguments}},
        "parts": {"local": local_origin, "tone": [origin for _, _, origin in tones]},
        "licence": LICENCE,
        "bytes_per_pixel": arguments.bytes_per_pixel,
    }
    save_weights(arguments.output, {**local, **tone}, description)
    size = arguments.output.stat().st_size / 2**20
    print(f"{arguments.output.name}: {size:.1f} MiB, sha256 {sha256(arguments.output)}")


if __name__ == "__main__":
    main()
