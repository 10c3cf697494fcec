"""What goes to the rain specialist, by how sure the chooser must be of rain. No test set is touched.

    PELLUCID_DATA=... python benchmarks/rain_limit.py [MODEL ...] > benchmarks/results/rain-limit.md

Dry and wet pictures: the half of BSDS_rest and of the unfree HQPhotos400 that did not fit what the perceiver concludes,
whole, degraded as named with severities as in training; seed 11. Then rain that others drew, on which nothing that
ships was trained: RainTrainL, the layers of RainStreaksH on the same scenes, Rain800_110. Percent of them that the rain
specialist would restore, by the limit (`LEAST_PROBABILITY` of scripts/bundle_default.py, 0.5 where none is set): few of
the dry, many of the others.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nlcl_folders import turned_like
from pellucid.app.recipe_file import read_run
from pellucid.data.pairs import add_rain_layer
from pellucid.data.shared_pictures import load_pairs, open_rain_layers
from pellucid.data.sources import read_pixels
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.evaluation.perceiving import unseen_pictures
from pellucid.images.overview import views
from pellucid.methods.load import load

SEED = 11
DRY = ("clean", "jpeg", "sensor-noise", "sensor-noise+jpeg", "gaussian-blur", "gaussian-blur+jpeg", "haze", "haze+jpeg")
WET = ("rain", "rain+jpeg", "rain-faint", "rain-faint+jpeg")
OTHERS = ("RainTrainL", "RainStreaksH", "Rain800_110")
LIMITS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def synthesised(domain: str) -> Iterator[Tensor]:
    """Degraded pictures, `(1, 3, H, W)`, as files hold them."""
    mixture = Mixture({domain: 1}, read_run(Path("recipes/perceiver.yaml")).config.data.severity)
    generator = torch.Generator().manual_seed(SEED)
    for picture in unseen_pictures(1):
        clean = picture[None].float() / 255
        degraded = apply_chains(clean, [mixture.draw_of(domain, generator)], generator)
        yield degraded.clamp(0, 1).mul(255).round().div(255)


def of_others(name: str) -> Iterator[Tensor]:
    """Rainy pictures, `(1, 3, H, W)`."""
    layers = open_rain_layers("RainStreaksH")
    for number, pair in enumerate(load_pairs("RainTrainL" if name == "RainStreaksH" else name)):
        rainy, clean = pair.load()
        if name == "RainStreaksH":
            layer = read_pixels(layers, layers.names[number % len(layers.names)])
            rainy, _ = add_rain_layer(turned_like(clean, layer), layer)
        yield rainy[None].float() / 255


@torch.inference_mode()
def shares_of_rain(network: Any, pictures: Iterator[Tensor]) -> Tensor:
    """How probable rain is in each picture; zero where another specialist is more so."""
    rain = list(network.specialists).index("rain")
    shares = []
    for picture in pictures:
        of_each = network.look(views(picture).details).mean(dim=1).softmax(dim=1)[0] @ network.belongs
        shares.append(of_each[rain] if of_each.argmax() == rain else of_each.new_zeros(()))
    return torch.stack(shares)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["default"])
    for name in parser.parse_args().models:
        restorer: Any = load(name, "cpu").restorer
        head = " | ".join(f"above {limit}" for limit in LIMITS)
        print(f"### {Path(name).stem}\n\n| pictures | | {head} |\n" + "|---" * (2 + len(LIMITS)) + "|")
        for its in (*DRY, *WET, *OTHERS):
            shares = shares_of_rain(restorer.network, of_others(its) if its in OTHERS else synthesised(its))
            percent = [f"{100 * (shares > limit).float().mean().item():.1f}" for limit in LIMITS]
            print(f"| {its} | {len(shares)} | " + " | ".join(percent) + " |", flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
