"""Restore every photograph of RealPhotos and write before/after sheets, one or more per group, for a person to look at.

    python benchmarks/real_photos.py MODEL... --data-root FOLDER --output sheets

The photographs are not free to be shown, so the sheets go to a folder that git ignores. There is no clean picture to
measure against; look for what is still wrong, and for what was invented. With `--only-counts` no sheet is drawn; it is
counted what the first model takes the photographs of each group for:

    python benchmarks/real_photos.py default --only-counts > benchmarks/results/real-photos.md
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import torch

from pellucid.app.evaluate import contestants_of
from pellucid.data.shared_pictures import open_set
from pellucid.data.sources import Source, read_pixels
from pellucid.errors import PellucidError
from pellucid.evaluation.contact_sheet import LabelledPicture, as_pixels, drawn_sheet
from pellucid.evaluation.evaluate import INPUT, timed
from pellucid.evaluation.records import write_whole
from pellucid.images.overview import views
from pellucid.methods.base import Restorer
from pellucid.methods.load import load


def main() -> None:
    """Parse, restore, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="names or paths of models, or of baselines")
    parser.add_argument("--data-root", type=Path, help="folder that holds test/; PELLUCID_DATA when absent")
    parser.add_argument(
        "--output", type=Path, default=Path("sheets"), help="folder for the sheets; git ignores sheets/"
    )
    parser.add_argument("--groups", nargs="*", default=[], help="only these: blur haze lowlight noise old rain ...")
    parser.add_argument("--device", help="cpu, cuda or mps; the best at hand when absent")
    parser.add_argument("--largest", type=int, default=640, help="longer sides are cropped at the centre, pixels")
    parser.add_argument("--per-sheet", type=int, default=12, help="photographs on one sheet")
    parser.add_argument("--only-counts", action="store_true", help="no sheets")
    arguments = parser.parse_args()
    try:
        photographs = open_set("RealPhotos", arguments.data_root)
        names = [name for name in photographs.names if not arguments.groups or group_of(name) in arguments.groups]
        if arguments.only_counts:
            print(counts(load(arguments.models[0], arguments.device).restorer, photographs, names))
            return
        contestants = [known for known in contestants_of(arguments.models, arguments.device) if known.name != INPUT]
    except PellucidError as error:
        sys.exit(str(error))
    for group, members in groupby(names, key=group_of):
        lines = []
        for name in members:
            image = read_pixels(photographs, name)[None].float() / 255
            line = [LabelledPicture(as_pixels(image, arguments.largest), f"{name}, {_size(image)}, before")]
            for contestant in contestants:
                restored, seconds = timed(contestant.name, contestant.restore, image)
                change = (restored.clamp(0, 1) - image).abs().mean().item() * 255
                label = f"{contestant.name}, {seconds:.1f} s, changed by {change:.1f} levels"
                line.append(LabelledPicture(as_pixels(restored, arguments.largest), label))
            lines.append(line)
        for page, start in enumerate(range(0, len(lines), arguments.per_sheet), start=1):
            sheet = drawn_sheet(lines[start : start + arguments.per_sheet])
            path = write_whole(arguments.output / f"real-{group}-{page}.png", sheet)
            print(path, flush=True)


def group_of(name: str) -> str:
    """What is wrong with a photograph, as its folder says."""
    return name.partition("/")[0]


def counts(restorer: Restorer, photographs: Source, names: Sequence[str]) -> str:
    """How many photographs of each group the model takes for what, as Markdown."""
    found: dict[str, Counter[str]] = {}
    for name in names:
        seen = views(read_pixels(photographs, name)[None].float() / 255)
        taken_for = restorer.taken_for(restorer.context(seen))
        found.setdefault(group_of(name), Counter())[taken_for or "not told apart"] += 1
    kinds = sorted({kind for group in found.values() for kind in group})
    lines = ["| photographs | " + " | ".join(kinds) + " |", "|---" * (1 + len(kinds)) + "|"]
    lines += [f"| {name} | " + " | ".join(str(group[kind]) for kind in kinds) + " |" for name, group in found.items()]
    return "\n".join(lines)


def _size(image: torch.Tensor) -> str:
    return f"{image.shape[-1]}x{image.shape[-2]}"


if __name__ == "__main__":
    main()
