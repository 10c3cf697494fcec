"""Which of its networks the default model chooses, and what that is worth. No test set is touched.

    PELLUCID_DATA=... python benchmarks/chooser.py [MODEL] > benchmarks/results/chooser.md

Pictures: BSDS_rest and RainTrainL, which the bundled weights were not trained on, and the pictures held out by
recipes/chooser.yaml. For each group how many pictures went to which network, and the mean PSNR in dB of the input, of
each network as if it had been chosen, and of what the model gives (identical pictures count as 60). Which domains a
specialist serves is decided by this.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from measuring import degraded_patches, held_out_pictures, psnr, restored_by
from pellucid.app.recipe_file import read_run
from pellucid.data.shared_pictures import clean_pictures, load_pairs
from pellucid.images.overview import maps_of, spread, views
from pellucid.methods.load import load

SIDE, COUNT = 256, 12
UNSEEN = (
    *("clean", "gaussian-noise", "sensor-noise", "gaussian-blur", "motion-blur", "jpeg", "rain"),
    *("rain-faint", "rain-faint+jpeg"),
)


def groups(recipe: Path) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """Degraded and clean pictures by the name of their group, `(1, 3, SIDE, SIDE)` each."""
    settings = read_run(recipe).config.data
    held_out = held_out_pictures(settings)
    unseen = [pixels for _, pixels in clean_pictures("bsds_rest")]
    found: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for source, pictures, domains in (("held out", held_out, settings.mixture), ("BSDS_rest", unseen, UNSEEN)):
        for domain in domains:
            batch = degraded_patches(pictures, domain, size=SIDE, count=COUNT, seed=7)
            found[f"{source}, {domain}"] = list(zip(batch.degraded.split(1), batch.clean.split(1), strict=True))
    pairs = [pair.load() for pair in load_pairs("raintrainl")[::7]]
    part = (..., slice(0, SIDE), slice(0, SIDE))
    found["RainTrainL"] = [(degraded[None][part] / 255, clean[None][part] / 255) for degraded, clean in pairs]
    cut = (..., slice(3, SIDE - 13), slice(5, SIDE - 11))  # after compression: blocks begin anywhere
    found["BSDS_rest, jpeg, cut"] = [(degraded[cut], clean[cut]) for degraded, clean in found["BSDS_rest, jpeg"]]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="default")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/chooser.yaml"))
    arguments = parser.parse_args()
    restorer: Any = load(arguments.model, "cpu").restorer
    network = restorer.network
    names = ["generalist", *network.specialists]
    print("| pictures | " + " | ".join(f"to {its}" for its in (*names, "another tone")), end=" | ")
    print(" | ".join(f"{its}, dB" for its in ("input", *names, "default")) + " |")
    print("|---" * (2 * len(names) + 4) + "|")
    for name, pairs in groups(arguments.recipe).items():
        chosen: Counter[str] = Counter()
        sums = torch.zeros(len(names) + 2)
        for degraded, clean in pairs:
            context = restorer.context(views(degraded))
            decided = maps_of(context)[0] if context is not None else torch.zeros(1, 1, 1, 1)
            chosen[names[round(decided[0, 0, 0, 0].item())]] += 1
            chosen["another tone"] += decided.shape[1] > 1
            size = (int(degraded.shape[-2]), int(degraded.shape[-1]))
            results = [degraded, *(restored_by(part, degraded) for part in network.parts)]
            results.append(restorer.restore(degraded, None if context is None else spread(context, size)).image)
            sums += torch.tensor([psnr(result, clean) for result in results])
        cells = [str(chosen[its]) for its in (*names, "another tone")]
        cells += [f"{value:.2f}" for value in (sums / len(pairs)).tolist()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
