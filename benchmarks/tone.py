"""What a tone map does to real haze and low light, and to pictures that need nothing; its threshold is chosen by this.

    PELLUCID_DATA=... python benchmarks/tone.py [runs/tone/weights.safetensors]

The threshold has three parts: how much brighter, how much darker a picture must become, and for the latter how probable
haze must be in the detail where the classifier sees it best (`darkening_needs`). Pairs: SOTS_train15 and
LowLight_SICE122, which are training sets that the bundled weights were not trained on. Pictures that need nothing:
BSDS_rest, likewise, whole and in quarters, which hold dark and bright things alone, and the clean pictures held out by
recipes/tone.yaml, as they are and damaged in other ways.

For each group the PSNR of the input, of the toned picture, and of the toned picture where the threshold is
exceeded (brighter / darker / haze), with how many become brighter and darker. Then, of the pictures whose tone the
default model changes, what is best done after that: nothing, the generalist, or whoever a second look chooses.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from measuring import degraded_patches, held_out_pictures, psnr
from pellucid.app.recipe_file import read_run
from pellucid.data.shared_pictures import clean_pictures, load_pairs
from pellucid.images.overview import spread, views
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.methods.load import load
from pellucid.methods.restorer import restorer_from_weights
from pellucid.networks.catalog import build_network
from pellucid.weights.bundled import bundled_weights
from pellucid.weights.files import load_into, load_weights

THRESHOLDS = (
    (0.1, 0.1, 0.0),
    (0.15, 0.03, 0.8),
    (0.15, 0.04, 0.5),
    (0.15, 0.04, 0.7),
    (0.15, 0.04, 0.8),
    (0.15, 0.04, 0.9),
    (0.15, 0.065, 0.8),
    (0.15, 0.08, 0.8),
)
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
    for name in ("sots_train15", "lowlight_sice122"):
        pairs = [pair.load() for pair in load_pairs(name)]
        found[name] = [(degraded[None].float() / 255, clean[None].float() / 255) for degraded, clean in pairs]
    for name in (*NEED_NOTHING, "haze", "low-light"):
        batch = degraded_patches(held_out, name, size=384, count=30, seed=5)
        found[name] = list(zip(batch.degraded.split(1), batch.clean.split(1), strict=True))
    return found


def thresholds(tone: Any, joined: Any, pairs: list[tuple[Tensor, Tensor]]) -> list[str]:
    """The cells of one row: input, toned, and with each of `THRESHOLDS`."""
    hazy = joined.chooser.domains.index("haze")
    rows = []
    for degraded, clean in pairs:
        seen = views(degraded)
        chosen = tone.choose(seen.overview)
        toned = tone(degraded, spread(chosen, seen.size))
        change = tone.change(seen.overview, chosen).item()
        rows.append(
            (
                psnr(degraded, clean),
                psnr(toned, clean),
                change,
                joined.look(seen.details).softmax(2)[0, :, hazy].max().item(),
            )
        )
    cells = [f"{sum(row[k] for row in rows) / len(rows):.2f}" for k in (0, 1)]
    for up, down, least in THRESHOLDS:
        brighter = [change > up for _, _, change, _ in rows]
        darker = [change < -down and haze > least for _, _, change, haze in rows]
        is_toned = [up_now or down_now for up_now, down_now in zip(brighter, darker, strict=True)]
        kept = [row[1] if toned else row[0] for row, toned in zip(rows, is_toned, strict=True)]
        cells.append(f"{sum(kept) / len(kept):.2f} ({sum(brighter)} + {sum(darker)} of {len(rows)})")
    return cells


def afterwards(restorer: Any, pairs: list[tuple[Tensor, Tensor]]) -> list[str] | None:
    """The cells of one row on who restores a toned picture; `None` where no picture's tone is changed."""
    chosen: Counter[str] = Counter()
    rows = []
    for degraded, clean in pairs:
        context = restorer.context(views(degraded))
        if context is None or context.shape[1] == 1:
            continue
        chosen[restorer.taken_for(context)] += 1
        at_pixels = spread(context, (degraded.shape[-2], degraded.shape[-1]))
        by_generalist = torch.cat([torch.zeros_like(at_pixels[:, :1]), at_pixels[:, 1:]], dim=1)
        toned = restorer.network.tone(degraded, at_pixels[:, 1:])
        results = [toned, *(restore_any_size(restorer, degraded, its) for its in (by_generalist, at_pixels))]
        rows.append([psnr(result, clean) for result in (degraded, *results)])
    if not rows:
        return None
    means = torch.tensor(rows).mean(0).tolist()
    return [str(len(rows)), *(f"{value:.2f}" for value in means), "; ".join(f"{n} {who}" for who, n in chosen.items())]


def restore_any_size(restorer: Any, degraded: Tensor, context: Tensor) -> Tensor:
    """Padded picture and context in, cropped picture out."""
    padded, size = pad_to_multiple(degraded, restorer.size_multiple)
    return crop_to(restorer.restore(padded, pad_to_multiple(context, restorer.size_multiple)[0]).image, size)


@torch.inference_mode()
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="?", default=bundled_weights("default"))
    parser.add_argument("--recipe", type=Path, default=Path("recipes/tone.yaml"))
    arguments = parser.parse_args()
    tensors, description = load_weights(arguments.weights)
    name, settings = description["network"]["name"], description["network"]["arguments"]
    is_joined = name == "all-in-one"
    restorer: Any = restorer_from_weights(tensors, description, "cpu") if is_joined else load("default", "cpu").restorer
    tone = restorer.network.tone
    if not is_joined:
        tone = build_network(name, settings).eval()
        load_into(tone, tensors, arguments.weights)
    pictures = groups(arguments.recipe)
    heads = [" / ".join(f"{part:g}" for part in threshold) for threshold in THRESHOLDS]
    print(f"| group | input | toned | > {' | > '.join(heads)} |")
    print("|---" * (3 + len(THRESHOLDS)) + "|")
    for name, pairs in pictures.items():
        print(f"| {name} | {' | '.join(thresholds(tone, restorer.network, pairs))} |", flush=True)
    if not is_joined:
        return
    print("\n| group | toned | input | nothing more | generalist | second look | taken for |\n" + "|---" * 7 + "|")
    for name, pairs in pictures.items():
        cells = afterwards(restorer, pairs)
        if cells is not None:
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
