"""What a tone map does to real haze and low light, and to pictures that need nothing; its threshold is chosen by this.

    PELLUCID_DATA=... python benchmarks/tone.py [runs/tone/weights.safetensors]

The threshold has three parts: how much brighter, how much darker a picture must become, and for the latter how probable
haze must be to the classifier, which sees details (`darkening_needs`). Pairs: SOTS_train15 and LowLight_SICE122, which
are training sets that the bundled weights were not trained on. Pictures that need nothing: BSDS_rest, likewise, and the
clean pictures held out by recipes/tone.yaml, as they are and damaged in other ways.

For each group the PSNR of the input, of the toned picture, and of the toned picture where the threshold is
exceeded (brighter / darker / haze), with how many become brighter and darker.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.app.recipe_file import read_run
from pellucid.data.clean_pictures import load_clean_pictures, split_validation
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.data.shared_pictures import clean_pictures, load_pairs
from pellucid.degradations.mixing import Mixture
from pellucid.images.overview import details, overview, spread
from pellucid.methods.load import load
from pellucid.networks.catalog import build_network
from pellucid.weights.bundled import bundled_weights
from pellucid.weights.files import load_into, load_weights

THRESHOLDS = (
    (0.1, 0.1, 0.0),
    (0.15, 0.15, 0.0),
    (0.1, 0.1, 0.1),
    (0.15, 0.05, 0.1),
    (0.15, 0.05, 0.2),
    (0.15, 0.07, 0.1),
    (0.15, 0.08, 0.1),
    (0.15, 0.1, 0.1),
)
NEED_NOTHING = ("clean", "gaussian-noise", "sensor-noise", "jpeg", "gaussian-blur", "rain")


def psnr(one: Tensor, other: Tensor) -> float:
    """Of two pictures, dB, at most 60."""
    return -10 * torch.log10(((one.clamp(0, 1) - other) ** 2).mean().clamp_min(1e-6)).item()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="?", default=bundled_weights("default"))
    parser.add_argument("--recipe", type=Path, default=Path("recipes/tone.yaml"))
    arguments = parser.parse_args()
    tensors, description = load_weights(arguments.weights)
    network: Any = build_network(description["network"]["name"], description["network"]["arguments"]).eval()
    load_into(network, tensors, arguments.weights)
    joined: Any = network if hasattr(network, "tone") else load("default", "cpu").restorer.network
    network = getattr(network, "tone", network)  # of the joined default model, its first part
    network.smallest_change = (0.0, 0.0)
    hazy = joined.chooser.domains.index("haze")

    settings = read_run(arguments.recipe).config.data.model_copy(update={"reduction": 1})
    held_out = split_validation([pixels for _, pixels in load_clean_pictures(settings)], settings.validation_share)[1]
    groups: dict[str, list[tuple[Tensor, Tensor]]] = {}
    unseen = [pixels[None].float() / 255 for _, pixels in clean_pictures("bsds_rest")]
    groups["bsds_rest, clean"] = [(pixels, pixels) for pixels in unseen]
    for name in ("sots_train15", "lowlight_sice122"):
        pairs = [pair.load() for pair in load_pairs(name)]
        groups[name] = [(degraded[None].float() / 255, clean[None].float() / 255) for degraded, clean in pairs]
    for name in (*NEED_NOTHING, "haze", "low-light"):
        batch = DegradedBatches(held_out, Mixture({name: 1}), patch_size=384, batch_size=30, seed=5)(0)
        groups[name] = list(zip(batch.degraded.split(1), batch.clean.split(1), strict=True))

    print(
        "| group | input | toned | "
        + " | ".join(f"> {up:g} / {down:g} / {haze:g}" for up, down, haze in THRESHOLDS)
        + " |"
    )
    print("|---" * (3 + len(THRESHOLDS)) + "|")
    for name, pairs in groups.items():
        rows = []
        for degraded, clean in pairs:
            with torch.inference_mode():
                view = overview(degraded)
                chosen = network.context(view)
                toned = network(degraded, spread(chosen, (degraded.shape[-2], degraded.shape[-1])))
                change = network.change(view, chosen).item()
                haze = joined.recognise(details(degraded))[0, hazy].item()
            rows.append((psnr(degraded, clean), psnr(toned, clean), change, haze))
        means = [sum(row[k] for row in rows) / len(rows) for k in (0, 1)]
        cells = []
        for up, down, least in THRESHOLDS:
            brighter = [change > up for _, _, change, _ in rows]
            darker = [change < -down and haze > least for _, _, change, haze in rows]
            is_toned = [up_now or down_now for up_now, down_now in zip(brighter, darker, strict=True)]
            kept = [row[1] if toned else row[0] for row, toned in zip(rows, is_toned, strict=True)]
            cells.append(f"{sum(kept) / len(kept):.2f} ({sum(brighter)} + {sum(darker)} of {len(rows)})")
        print(f"| {name} | {means[0]:.2f} | {means[1]:.2f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
