"""Lay the drawn streaks of light rain beside the streak layers of RainTrainL: how much they cover, how brightly.

    python benchmarks/rain_layers.py --output benchmarks/results/rain-layers

RainTrainL's layers are training data of others (no test set holds them); nothing is trained on them here.
"""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Generator, Tensor

from pellucid.data.shared_pictures import load_pairs
from pellucid.degradations.contract import apply
from pellucid.degradations.rain import Rain

QUANTILES = (0.1, 0.5, 0.9)
LEVELS = (4, 40, 120)


def measured(layers: Iterable[Tensor]) -> Tensor:
    """`(len(QUANTILES), len(LEVELS) + 2)`: shares brighter than each level in per cent, mean and root mean square."""
    rows = []
    for layer in layers:
        grey = layer * 255
        shares = [100 * (grey > level).double().mean() for level in LEVELS]
        rows.append(torch.stack([*shares, grey.double().mean(), grey.double().square().mean().sqrt()]))
    return torch.stack(rows).quantile(torch.tensor(QUANTILES, dtype=torch.float64), dim=0)


def drawn(smear: float, count: int) -> Iterable[Tensor]:
    """Layers of light rain, of drops (0) or smeared (1), as large as RainTrainL's."""
    black, seed = torch.zeros(1, 3, 321, 481), 0
    while count:
        seed += 1
        generator = Generator().manual_seed(seed)
        rain = Rain.draw_light(generator)
        if rain.smear == smear:
            count -= 1
            yield apply(black, [replace(rain, veil=0.0)], generator)[0, 0]


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="layers drawn of each kind")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/rain-layers"))
    arguments = parser.parse_args()
    pairs = (pair.load() for pair in load_pairs("RainTrainL"))
    # The sum with a bright picture is cut at white, so these are a little less than the layers.
    real = ((rainy.float() - clean.float()).amin(0) / 255 for rainy, clean in pairs)
    kinds = {"RainTrainL": real, "drops": drawn(0.0, arguments.count), "smeared": drawn(1.0, arguments.count)}
    head = ["streaks", *(f"> {level} grey levels, %" for level in LEVELS), "mean", "root mean square"]
    lines = ["Of layers of light rain, the tenth, the middle and the ninetieth of a hundred.", ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, layers in kinds.items():
        columns = measured(layers).T.tolist()
        cells = [" / ".join(f"{value:.2f}" if value < 1 else f"{value:.1f}" for value in column) for column in columns]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    table = "\n".join(lines) + "\n"
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
