"""PSNR per degradation on the held-out pictures of a recipe, for models beside each other. No test set is touched.

    PELLUCID_DATA=... python benchmarks/held_out.py default runs/other/weights.safetensors

For every degradation 20 patches of 240 pixels, seed 5, severities uniform; the mean in dB, identical pictures counted
as 60. This is what weights are chosen by.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from pellucid.app.recipe_file import read_run
from pellucid.data.clean_pictures import load_clean_pictures, split_validation
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.degradations.mixing import Mixture
from pellucid.methods.load import load

DOMAINS = (
    "clean", "gaussian-noise", "sensor-noise", "gaussian-blur", "motion-blur", "jpeg", "rain", "haze", "low-light",
    "sensor-noise+jpeg",
)  # fmt: skip


def mean_psnr(restored: Tensor, clean: Tensor) -> float:
    """Over the samples, dB."""
    error = ((restored.clamp(0, 1) - clean) ** 2).mean(dim=(1, 2, 3)).clamp_min(1e-6)
    return (-10 * torch.log10(error)).mean().item()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/default.yaml"))
    arguments = parser.parse_args()
    settings = read_run(arguments.recipe).config.data
    pictures = [pixels for _, pixels in load_clean_pictures(settings)]
    held_out = split_validation(pictures, settings.validation_share)[1]
    models = [load(name, "cpu") for name in arguments.models]
    print("| degradation | input | " + " | ".join(arguments.models) + " |")
    print("|---" * (2 + len(models)) + "|")
    for domain in DOMAINS:
        batch = DegradedBatches(held_out, Mixture({domain: 1}), patch_size=240, batch_size=20, seed=5)(0)
        values = [batch.degraded, *(model.restore(batch.degraded).image for model in models)]
        cells = [f"{mean_psnr(value, batch.clean):.2f}" for value in values]
        print(f"| {domain} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
