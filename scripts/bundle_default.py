"""Put the weights of a training run into the package as the default model.

    python scripts/bundle_default.py runs/default/weights.safetensors

Writes `src/pellucid/weights/bundle/default.safetensors`; figures for its card come from `scripts/measure_default`.
"""

import argparse
from pathlib import Path

from pellucid.weights.bundled import bundled_weights
from pellucid.weights.files import load_weights, save_weights, sha256

LICENCE = "Apache-2.0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--bytes-per-pixel", type=float, help="as benchmarks/memory.py measured it")
    arguments = parser.parse_args()
    tensors, description = load_weights(arguments.weights)
    recipe = description["recipe"]
    recipe["training"]["run_folder"] = None  # a path of the machine that trained, of use to nobody
    if recipe["network"]["start_from"] is not None:
        recipe["network"]["start_from"] = Path(recipe["network"]["start_from"]).name
    description["licence"] = LICENCE
    if arguments.bytes_per_pixel is not None:
        description["bytes_per_pixel"] = arguments.bytes_per_pixel
    target = bundled_weights("default")
    save_weights(target, tensors, description)
    print(f"{target.name}: {target.stat().st_size / 2**20:.1f} MiB, sha256 {sha256(target)}")


if __name__ == "__main__":
    main()
