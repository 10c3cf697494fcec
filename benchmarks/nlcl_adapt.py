"""What a derainer that went on learning without pairs does to pictures that it never saw.

    PELLUCID_DATA=... python benchmarks/nlcl_adapt.py NAME=WEIGHTS ... --output benchmarks/results/nlcl-adapt

WEIGHTS as `pellucid train recipes/nlcl/adapt.yaml` writes them. Beside them stands the network that it began with: the
default model's for rain. Measured on all pictures of Rain100L and Rain100H in RGB and Y, and on clean pictures
(Kodak24), which should stay as they are. What was measured for a file is kept by its hash.

With `--on partners` on 16 rainy partners of the clean half that `nlcl_folders.py` splits off, light and under heavy
layers, to choose settings by instead of by a test set. They are no test: what is behind the rain was among the clean
pictures that were learned from, and the heavy layers were among those.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from nlcl_folders import split_pairs, turned_like
from pellucid.data.pairs import add_rain_layer
from pellucid.data.shared_pictures import clean_pictures, load_pairs, open_rain_layers
from pellucid.data.sources import read_pixels
from pellucid.evaluation.measures import psnr, rounded_to_8_bits, ssim
from pellucid.images.atomic import replacing
from pellucid.images.overview import views
from pellucid.methods.load import load
from pellucid.weights.bundled import bundled_weights
from pellucid.weights.files import sha256

Restore = Callable[[Tensor], Tensor]
Pairs = Iterator[tuple[Tensor, Tensor]]
TEST_SETS, PARTNERS, MANY = ("Rain100L", "Rain100H"), ("light", "heavy"), 16
INPUT, BEFORE = "input", "the default's rain network"


def rain_network() -> Restore:
    """That of the default model, whatever a picture would be taken for."""
    network = load(device="cpu").restorer.network.specialists["rain"]  # pyright: ignore

    @torch.inference_mode()
    def restore(image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        multiple = network.size_multiple
        padded = torch.nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="reflect")
        return network(padded, network.context(views(image)))[..., :height, :width].clamp(0, 1)

    return restore


def pairs_of(name: str) -> Pairs:
    """Rainy and clean, uint8, of a test set or of partners."""
    if name in TEST_SETS:
        yield from (pair.load() for pair in load_pairs(name))
        return
    pairs, order = split_pairs()
    layers = open_rain_layers("RainStreaksH")
    for number, place in enumerate(order[len(pairs) // 2 :][:MANY]):
        rainy, clean = pairs[place].load()
        layer = read_pixels(layers, layers.names[number % len(layers.names)])
        yield (rainy, clean) if name == "light" else add_rain_layer(turned_like(clean, layer), layer)


def figures(restore: Restore, names: Sequence[str], limit: int) -> dict[str, float]:
    """Means over the sets."""
    found: dict[str, float] = {}
    for name in names:
        rows = []
        for rainy, clean in islice(map(as_floats, pairs_of(name)), limit):
            image = rounded_to_8_bits(restore(rainy))
            own = ssim(image, clean, variant="gaussian-11x11", color="y").item()
            rows.append((psnr(image, clean, color="rgb").item(), psnr(image, clean, color="y").item(), own))
        for place, what in enumerate(("RGB", "Y", "SSIM of Y")):
            found[f"{name} {what}"] = statistics.mean(row[place] for row in rows)
    if tuple(names) != TEST_SETS:
        return found
    kept = []
    for _, pixels in list(clean_pictures("Kodak24"))[:limit]:
        clean = pixels[None].float() / 255
        kept.append(psnr(rounded_to_8_bits(restore(clean)), clean, color="rgb").item())
    found["clean RGB"] = statistics.mean(kept)
    return found


def as_floats(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """`(3, H, W)`, uint8, to `(1, 3, H, W)` in [0, 1]."""
    rainy, clean = (pixels[None].float() / 255 for pixels in pair)
    return rainy, clean


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", help="NAME=FILE")
    parser.add_argument("--on", choices=["test-sets", "partners"], default="test-sets")
    parser.add_argument("--limit", type=int, default=1000, help="pictures of each set")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "adapt.json"
    named = dict(its.split("=", 1) for its in arguments.weights)
    contestants: dict[str, tuple[str, Callable[[], Restore]]] = {
        INPUT: ("", lambda: lambda image: image),
        BEFORE: (sha256(bundled_weights("default")), rain_network),
    }
    for name, file in named.items():
        contestants[name] = (sha256(file), lambda file=file: lambda image: load(file, "cpu").restore(image).image)
    for name, (digest, make) in contestants.items():
        kept = json.loads(path.read_text()) if path.exists() else {}
        asked = {"sha256": digest, "limit": arguments.limit}
        asked |= {} if arguments.on == "test-sets" else {"on": arguments.on}
        if kept.get(name, {}).get("asked") == asked:
            continue
        found = figures(make(), TEST_SETS if arguments.on == "test-sets" else PARTNERS, arguments.limit)
        print(name, {key: round(value, 2) for key, value in found.items()}, flush=True)
        kept[name] = {"asked": asked, "figures": found}
        with replacing(path) as partial:
            partial.write_text(json.dumps(kept, indent=1) + "\n")
        (arguments.output / "adapt.md").write_text(table(kept))


def table(kept: dict[str, dict[str, dict[str, float]]]) -> str:
    """Markdown."""
    columns = list(next(iter(kept.values()))["figures"])
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, its in kept.items():
        cells = [f"{its['figures'][key]:.{4 if 'SSIM' in key else 2}f}" for key in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
