"""Two folders to learn deraining from without pairs: rainy pictures of one half of the scenes, clean ones of the other.

    PELLUCID_DATA=... python benchmarks/nlcl_folders.py --rain light|heavy --output runs/nlcl-folders/light

`light`: Rain100L's training pictures as far as they are at hand (RainTrainL, 164 pairs). `heavy`: Rain100H's layers as
far as they are (RainStreaksH, 12), each on several of the same scenes. No scene is on both sides, none is in the test
sets, and no picture has its partner in the other folder. Lossless PNG.
"""

import argparse
from pathlib import Path

import pyvips
import torch
from torch import Tensor

from pellucid.data.pairs import PairedPicture, add_rain_layer
from pellucid.data.shared_pictures import load_pairs, open_rain_layers
from pellucid.data.sources import read_pixels

SEED = 0


def write(pixels: Tensor, path: Path) -> None:
    """`(3, H, W)`, uint8."""
    height, width = pixels.shape[1:]
    bytes_ = pixels.permute(1, 2, 0).contiguous().numpy().tobytes()
    pyvips.Image.new_from_memory(bytes_, width, height, 3, "uchar").pngsave(str(path))


def split_pairs() -> tuple[list[PairedPicture], list[int]]:
    """Rain100L's training pairs, and their order: the first half of it gives the rainy side, the rest the clean one."""
    pairs = sorted(load_pairs("RainTrainL"), key=lambda pair: pair.name)
    return pairs, torch.randperm(len(pairs), generator=torch.Generator().manual_seed(SEED)).tolist()


def main() -> None:
    """Split and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rain", choices=["light", "heavy"], required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    pairs, order = split_pairs()
    half = len(pairs) // 2
    layers = open_rain_layers("RainStreaksH") if arguments.rain == "heavy" else None
    for folder in ("rainy", "clean"):
        (arguments.output / folder).mkdir(parents=True, exist_ok=True)
    for number, place in enumerate(order):
        name = f"{Path(pairs[place].name).stem}.png"
        rainy, clean = pairs[place].load()
        if number >= half:
            write(clean, arguments.output / "clean" / name)
        elif layers is None:
            write(rainy, arguments.output / "rainy" / name)
        else:
            layer = read_pixels(layers, layers.names[number % len(layers.names)])
            write(add_rain_layer(turned_like(clean, layer), layer)[0], arguments.output / "rainy" / name)
    print(f"{half} rainy, {len(pairs) - half} clean")


def turned_like(clean: Tensor, layer: Tensor) -> Tensor:
    """The clean picture, upright or lying as the layer is."""
    is_turned = (clean.shape[1] > clean.shape[2]) != (layer.shape[1] > layer.shape[2])
    return clean.transpose(1, 2) if is_turned else clean


if __name__ == "__main__":
    main()
