"""PSNR per degradation on the held-out pictures of a recipe, for models beside each other. No test set is touched.

    PELLUCID_DATA=... python benchmarks/held_out.py default runs/other/weights.safetensors

For every degradation 20 patches of 240 pixels, seed 5, severities uniform; the mean in dB, identical pictures counted
as 60. This is what weights are chosen by.
"""

import argparse
from pathlib import Path

from measuring import degraded_patches, held_out_pictures, psnr
from pellucid.app.recipe_file import read_run
from pellucid.methods.load import load

DOMAINS = (
    "clean", "gaussian-noise", "sensor-noise", "gaussian-blur", "motion-blur", "jpeg", "rain", "haze", "low-light",
    "sensor-noise+jpeg",
)  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/default.yaml"))
    arguments = parser.parse_args()
    held_out = held_out_pictures(read_run(arguments.recipe).config.data)
    models = [load(name, "cpu") for name in arguments.models]
    print("| degradation | input | " + " | ".join(arguments.models) + " |")
    print("|---" * (2 + len(models)) + "|")
    for domain in DOMAINS:
        batch = degraded_patches(held_out, domain, size=240, count=20, seed=5)
        values = [batch.degraded, *(model.restore(batch.degraded).image for model in models)]
        cells = [f"{psnr(value, batch.clean):.2f}" for value in values]
        print(f"| {domain} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
