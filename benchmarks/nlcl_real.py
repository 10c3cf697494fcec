"""Real rain without ground truth: learn from 15 rainy photographs and clean ones, look at 10 others.

    PELLUCID_DATA=... python benchmarks/nlcl_real.py --output benchmarks/results/nlcl-real.md --sheet sheets/nlcl.png

The 25 rainy photographs of RealPhotos, split by a seed; the clean side are free photographs of HQPhotos400, which show
other things. `pellucid learn --keep-mist` as anybody would call it. The photographs are not free to be shown: the sheet
goes to a folder that git ignores, and only figures are committed. There is no measure of truth here. BRISQUE is absent:
of the parameters that can be had nobody says what they were fitted to. What stands in the table:

niqe: of the luma Y, less is more natural (`pellucid.evaluation.no_reference`); of small photographs from few blocks.
rain: how probable rain is, times how severe, by the perceiver; the same for quality (more is better).
mean, spread: the largest change of a channel's mean and standard deviation, in per cent of the input's, outside rain:
over those pixels whose white top-hat of 15 x 15 is at most 3 levels of 255, which is where nothing thinner than 15
pixels is brighter than what lies about it. `by median` are the same over pixels that are not brighter than the median
of their 7 x 7 neighbourhood by more than 3 levels: where streaks lie on streaks that median is rain itself, and what is
removed there counts as drift. cast: of the same pixels as mean and spread, the largest difference between two channels
in how their mean or their spread changed, in per cent: colour drifts by it, while mist that is taken away moves all
three. dry: share of the pixels outside rain, per cent, by the top-hat.
mismatch: mean of |O - B - R|, levels of 255. removed: mean of |O - B| likewise. at first: what the networks do that
learning begins with, the default's for rain whatever a picture is taken for, without giving mist back; found is the
mean of the rain that `rain-layer` finds by itself, subtracted it gives `quality, less found`.
"""

import argparse
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.app.learn import STARTS, learn
from pellucid.data.shared_pictures import open_set
from pellucid.data.sources import Source, read_pixels
from pellucid.evaluation.contact_sheet import LabelledPicture, as_pixels, drawn_sheet
from pellucid.evaluation.measures import rounded_to_8_bits
from pellucid.evaluation.no_reference import niqe
from pellucid.evaluation.records import write_whole
from pellucid.images.atomic import replacing
from pellucid.methods.load import Model, load
from pellucid.methods.network_recipe import started_network
from pellucid.methods.network_settings import NetworkSettings
from pellucid.methods.nlcl.config import NETWORKS
from pellucid.methods.nlcl.restorer import DerainingRestorer, mismatch
from pellucid.methods.perceiver import Perceiver, load_perceiver

TRAINED, CLEAN, SEED = 15, 100, 0
ABOVE, WIDEST, WINDOW = 3 / 255, 15, 7


@dataclass(frozen=True)
class Row:
    """One photograph, or the mean over them."""

    niqe_before: float
    niqe_default: float
    niqe_after: float
    niqe_at_first: float
    rain_before: float
    rain_default: float
    rain_after: float
    quality_before: float
    quality_default: float
    quality_after: float
    quality_at_first: float
    quality_less_found: float
    mean: float
    spread: float
    cast: float
    dry: float
    mean_by_median: float
    spread_by_median: float
    mismatch: float
    removed: float
    removed_at_first: float
    found_at_first: float


def main() -> None:
    """Learn, restore, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/nlcl-real"))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--take-mist", action="store_true", help="without --keep-mist")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    source = open_set("RealPhotos")
    rainy = sorted(name for name in source.names if "rain/" in name)
    order = torch.randperm(len(rainy), generator=torch.Generator().manual_seed(SEED)).tolist()
    clean = open_set("HQPhotos400-free")
    write(source, [rainy[place] for place in order[:TRAINED]], arguments.work / "rainy")
    write(clean, list(clean.names)[:: max(1, len(clean.names) // CLEAN)][:CLEAN], arguments.work / "clean")
    folders = arguments.work / "rainy", arguments.work / "clean"
    limits = {"steps": arguments.steps, "minutes": arguments.minutes}
    learned = learn(
        *folders, arguments.work / "rain.safetensors", device="cpu", keep_mist=not arguments.take_mist, **limits
    )
    adapted, default, perceiver = load(learned.weights, "cpu"), load(device="cpu"), load_perceiver(device="cpu")
    first = replace(adapted, restorer=at_first())
    rows, lines = {}, []
    for name in (rainy[place] for place in sorted(order[TRAINED:])):
        image = read_pixels(source, name)[None].float() / 255
        rows[Path(name).stem], line = looked_at(name, image, default, adapted, first, perceiver)
        lines.append(line)
    arguments.sheet.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.sheet, drawn_sheet(lines))
    with replacing(arguments.output) as partial:
        partial.write_text(table(rows, learned.reason, adapted))


def write(source: Source, names: list[str], folder: Path) -> None:
    """The files as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / Path(name).name).write_bytes(source.read(name))


def at_first() -> DerainingRestorer:
    """What `pellucid learn` begins with."""
    begun = (STARTS["default"][part] for part in ("background", "rain"))
    settings = [{**NETWORKS[part], **its} for part, its in zip(("background", "rain"), begun, strict=True)]
    settings[1]["arguments"] = {**settings[1]["arguments"], "gives": "rain", "normalised": False}
    return DerainingRestorer(*(started_network(NetworkSettings.model_validate(its))[0] for its in settings))


def looked_at(
    name: str, image: Tensor, default: Model, adapted: Model, first: Model, perceiver: Perceiver
) -> tuple[Row, list[LabelledPicture]]:
    """Figures of one photograph, and what is drawn of it."""
    made = adapted.restore(image)
    pictures = {"before": image, "default": default.restore(image).image, "after": made.image}
    begun = first.restore(image)
    found = begun.maps["rain"]
    judged = [*pictures.values(), begun.image, (image - found).clamp(0, 1)]
    seen = [perceiver.perceive(rounded_to_8_bits(its)) for its in judged]
    rain = [its.kinds["rain"].presence * its.kinds["rain"].severity for its in seen[:3]]
    dry = outside_rain(image)
    left = (image - made.image).abs().mean().item()
    natural = [niqe(rounded_to_8_bits(its)).item() for its in judged[:4]]
    row = Row(
        *natural, *rain, *(its.quality for its in seen),
        *drift(image, made.image, dry), 100 * dry.float().mean().item(),
        *drift(image, made.image, dry_by_median(image))[:2],
        255 * mismatch(image, made.image, made.maps["rain"]).item(), 255 * left,
        255 * (image - begun.image).abs().mean().item(), 255 * found.abs().mean().item(),
    )  # fmt: skip
    shown = {**pictures, "rain": made.maps["rain"] + 0.5}
    return row, [LabelledPicture(as_pixels(its.clamp(0, 1), 640), f"{name}, {what}") for what, its in shown.items()]


def outside_rain(image: Tensor) -> Tensor:
    """Where the white top-hat of no channel is above `ABOVE`, `(H, W)`."""
    lowest = -largest_about(-image)
    return (image - largest_about(lowest) <= ABOVE).all(dim=1)[0]


def largest_about(image: Tensor) -> Tensor:
    """The maximum of `WIDEST` x `WIDEST` pixels about every one."""
    return F.max_pool2d(F.pad(image, [WIDEST // 2] * 4, mode="replicate"), WIDEST, stride=1)


def dry_by_median(image: Tensor) -> Tensor:
    """Where no channel is above the median of its neighbourhood by more than `ABOVE`, `(H, W)`."""
    near = F.pad(image, [WINDOW // 2] * 4, mode="reflect")
    around = near.unfold(2, WINDOW, 1).unfold(3, WINDOW, 1).flatten(4).median(dim=4).values
    return (image <= around + ABOVE).all(dim=1)[0]


def drift(before: Tensor, after: Tensor, dry: Tensor) -> tuple[float, float, float]:
    """Largest change over the channels of mean and spread where it is dry, and how far channels disagree; per cent."""
    old, new = (its[0][:, dry] for its in (before, after))
    means = 100 * (new.mean(dim=1) / old.mean(dim=1) - 1)
    spreads = 100 * (new.std(dim=1) / old.std(dim=1) - 1)
    cast = max((its.max() - its.min()).item() for its in (means, spreads))
    return means.abs().max().item(), spreads.abs().max().item(), cast


def table(rows: dict[str, Row], reason: str, model: Model) -> str:
    """Markdown."""
    names = list(Row.__dataclass_fields__)
    head = "| photograph | " + " | ".join(name.replace("_", " ") for name in names) + " |"
    lines = [f"Learning ended: {reason}; the weights of step {model.description.get('best_step')} were kept.", ""]
    lines += [head, "|---" * (len(names) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{getattr(row, key):.2f}" for key in names) + " |")
    means = [statistics.mean(getattr(row, key) for row in rows.values()) for key in names]
    lines.append("| mean | " + " | ".join(f"{its:.2f}" for its in means) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
