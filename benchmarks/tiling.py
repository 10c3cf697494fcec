"""How far a picture restored in tiles is from the same picture restored whole, and whether seams show.

    python benchmarks/tiling.py --output benchmarks/results/tiling-default

For several tile sizes: the largest difference, in units of 1/255; and the mean absolute step between neighbouring
pixels across tile borders, over the same step elsewhere, both taken on the restored picture less the input, so that
what the picture shows cancels out. A seam would lift the ratio above that of the whole picture at the same places.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import pellucid
from pellucid.degradations.noise import gaussian_noise
from pellucid.images.files import read_image
from pellucid.images.tiling import plan_tiles
from pellucid.training.run_folder import environment

EXAMPLES = Path(__file__).parents[1] / "examples"


def picture() -> Tensor:
    """Examples side by side, 1200 x 1608, with noise."""
    files = sorted(EXAMPLES.iterdir())
    rows = [torch.cat([read_image(files[(4 * row + k) % len(files)]) for k in range(4)], dim=3) for row in range(3)]
    mosaic = torch.cat([torch.cat(rows, dim=2), torch.zeros(1, 3, 1200, 8)], dim=3)
    return gaussian_noise(mosaic, 15 / 255, generator=torch.Generator().manual_seed(0))


def step_ratio(change: Tensor, columns: list[int]) -> float:
    """Mean step across `columns` over the mean step across all other columns."""
    steps = (change[..., 1:] - change[..., :-1]).abs().mean(dim=(0, 1, 2))
    at_border = torch.zeros(len(steps), dtype=torch.bool)
    at_border[[column - 1 for column in columns]] = True
    return (steps[at_border].mean() / steps[~at_border].mean()).item()


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--tiles", type=int, nargs="+", default=[320, 448, 640, 1024])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/tiling-default"))
    arguments = parser.parse_args()
    model = pellucid.load(arguments.model, device="cpu")
    image = picture()
    height, width = (int(side) for side in image.shape[-2:])
    whole = model.restore(image, tile=max(height, width)).image
    rows: list[dict[str, Any]] = []
    for tile in arguments.tiles:
        tiled = model.restore(image, tile=tile).image
        plan = plan_tiles(
            height,
            width,
            tile=tile,
            multiple=model.restorer.size_multiple,
            radius=model.restorer.receptive_radius,
        )
        columns = sorted({part.target.left for part in plan} - {0})
        lines = sorted({part.target.top for part in plan} - {0})
        change = tiled - image
        rows.append(
            {
                "tile": tile,
                "tiles": len(plan),
                "largest_difference_of_255": ((tiled - whole).abs().max() * 255).item(),
                "step_ratio_columns": step_ratio(change, columns) if columns else None,
                "step_ratio_rows": step_ratio(change.transpose(2, 3), lines) if lines else None,
                "step_ratio_columns_whole": step_ratio(whole - image, columns) if columns else None,
                "step_ratio_rows_whole": step_ratio((whole - image).transpose(2, 3), lines) if lines else None,
            }
        )
        print(rows[-1], flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"model": arguments.model, "machine": environment(), "rows": rows}
    arguments.output.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
