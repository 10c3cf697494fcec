"""Which pictures are dark or hazy, and what undoing it is worth; by this the default model's two limits are chosen.

    PELLUCID_DATA=... python benchmarks/tone.py [weights.safetensors]

Pairs: SOTS_train15 and LowLight_SICE122, training sets that the bundled weights were not trained on. Pictures that need
nothing, likewise: BSDS_rest, whole and in quarters, which hold dark and bright things alone, ImageNet250_256 and the
clean halves of LowLight_SICE122 and Rain800_110; of BSDS_rest also grey JPEGs of quality 20 to 60, and every fourth
quarter with sensor noise. The pictures held out by recipes/tone.yaml, as they are and damaged.

First table: how many are dark below a limit, and how many hazy above one. Second: the PSNR of the input and of what
every picture of the group would be with low light or haze undone. Third, where the default model undoes one, what is
best done after that: nothing, the generalist, or whoever a second look chooses.
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
from pellucid.degradations.jpeg import jpeg
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.images.overview import Context, maps_of, spread, views
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.images.tiling import Box
from pellucid.methods.load import load
from pellucid.networks.all_in_one import brightness
from pellucid.weights.bundled import bundled_weights

DARK_BELOW = (0.1, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.2)
HAZY_ABOVE = (0.9, 0.925, 0.95, 0.96, 0.97, 0.975, 0.98)
NEED_NOTHING = ("clean", "gaussian-noise", "sensor-noise", "jpeg", "gaussian-blur", "rain")


def groups(recipe: Path) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """Degraded and clean pictures by the name of their group, `(1, 3, H, W)` each."""
    settings = read_run(recipe).config.data.model_copy(update={"reduction": 1})
    held_out = held_out_pictures(settings)
    found: dict[str, list[tuple[Tensor, Tensor]]] = {}
    unseen = [pixels[None].float() / 255 for _, pixels in clean_pictures("bsds_rest")]
    found["bsds_rest, clean"] = [(pixels, pixels) for pixels in unseen]
    halves = [half for pixels in unseen for upper in pixels.tensor_split(2, 2) for half in upper.tensor_split(2, 3)]
    found["bsds_rest, clean, quarters"] = [(pixels, pixels) for pixels in halves]
    draws = torch.Generator().manual_seed(5)
    grey = [pixels.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1) for pixels in unseen]
    found["bsds_rest, grey, jpeg"] = [
        (jpeg(pixels, (20, 30, 40, 60)[row % 4]), pixels) for row, pixels in enumerate(grey)
    ]
    noise = Mixture({"sensor-noise": 1}, severity=(0.1, 0.5))
    found["bsds_rest, quarters, sensor-noise"] = [
        (apply_chains(pixels, [noise.draw(draws)], draws).clamp(0, 1), pixels) for pixels in halves[::4]
    ]
    for name in ("imagenet250_256", "lowlight_sice122", "rain800_110"):
        pixels = [pixels[None].float() / 255 for _, pixels in clean_pictures(name)]
        found[f"{name}, clean"] = [(clean, clean) for clean in pixels]
    for name in ("sots_train15", "lowlight_sice122"):
        pairs = [pair.load() for pair in load_pairs(name)]
        found[name] = [(degraded[None].float() / 255, clean[None].float() / 255) for degraded, clean in pairs]
    for name in (*NEED_NOTHING, "haze", "low-light"):
        batch = degraded_patches(held_out, name, size=384, count=30, seed=5)
        found[name] = list(zip(batch.degraded.split(1), batch.clean.split(1), strict=True))
    return found


def seen(network: Any, pairs: list[tuple[Tensor, Tensor]]) -> tuple[list[str], list[str]]:
    """The cells of one row of the first two tables."""
    rows = []
    for degraded, clean in pairs:
        shown = views(degraded)
        lifted = network.tone(degraded, spread(network.tone.context(shown), shown.size))
        without_haze = network.dark_channel(degraded, spread(network.dark_channel.context(shown), shown.size))
        haze = network.haze(network.look(shown.details)).item()
        values = (psnr(result, clean) for result in (degraded, lifted, without_haze))
        rows.append((brightness(shown.overview).item(), haze, *values))
    dark = [str(sum(row[0] < limit for row in rows)) for limit in DARK_BELOW]
    hazy = [str(sum(row[0] >= network.dark_below and row[1] > limit for row in rows)) for limit in HAZY_ABOVE]
    means = torch.tensor(rows)[:, 2:].mean(0).tolist()
    return [str(len(rows)), *dark, *hazy], [f"{value:.2f}" for value in means]


def afterwards(restorer: Any, pairs: list[tuple[Tensor, Tensor]]) -> list[str] | None:
    """The cells of one row on who restores a picture that was dark or hazy; `None` where none is."""
    chosen: Counter[str] = Counter()
    rows = []
    for degraded, clean in pairs:
        context = restorer.context(views(degraded))
        if not restorer.is_sure(context):
            continue
        chosen[restorer.taken_for(context)] += 1
        size = (degraded.shape[-2], degraded.shape[-1])
        toned = restorer.network.undo(degraded, spread(maps_of(context)[0], size)[:, 1:])
        padded, _ = pad_to_multiple(toned, restorer.size_multiple)
        by_generalist = crop_to(restored_by(restorer.network.generalist, padded), size)
        results = [toned, by_generalist, restore_any_size(restorer, degraded, context)]
        rows.append([psnr(result, clean) for result in (degraded, *results)])
    if not rows:
        return None
    means = torch.tensor(rows).mean(0).tolist()
    return [str(len(rows)), *(f"{value:.2f}" for value in means), "; ".join(f"{n} {who}" for who, n in chosen.items())]


def restore_any_size(restorer: Any, degraded: Tensor, context: Context) -> Tensor:
    """Picture and its context in, restored picture out."""
    padded, size = pad_to_multiple(degraded, restorer.size_multiple)
    whole = Box(0, 0, *padded.shape[-2:])
    return crop_to(restorer.restore(padded, spread(context, size, whole)).image, size)


@torch.inference_mode()
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="?", default=bundled_weights("default"))
    parser.add_argument("--recipe", type=Path, default=Path("recipes/tone.yaml"))
    arguments = parser.parse_args()
    restorer: Any = load(arguments.weights, "cpu").restorer
    pictures = groups(arguments.recipe)
    cells = {name: seen(restorer.network, pairs) for name, pairs in pictures.items()}
    heads = ["pictures", *(f"dark < {limit:g}" for limit in DARK_BELOW), *(f"haze > {limit:g}" for limit in HAZY_ABOVE)]
    print_table(["group", *heads], [[name, *counts] for name, (counts, _) in cells.items()])
    heads = ["input", "low light undone", "haze undone"]
    print_table(["group", *heads], [[name, *means] for name, (_, means) in cells.items()])
    rows = [[name, *row] for name, pairs in pictures.items() if (row := afterwards(restorer, pairs)) is not None]
    print_table(["group", "undone", "input", "nothing more", "generalist", "second look", "taken for"], rows)


def print_table(heads: list[str], rows: list[list[str]]) -> None:
    """As Markdown, with an empty line behind it."""
    print(f"| {' | '.join(heads)} |\n" + "|---" * len(heads) + "|")
    print("".join(f"| {' | '.join(row)} |\n" for row in rows), flush=True)


if __name__ == "__main__":
    main()
