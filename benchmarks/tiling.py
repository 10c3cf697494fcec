"""How far a picture restored in tiles is from the same picture restored whole, and whether seams show.

    python benchmarks/tiling.py --output benchmarks/results/tiling-default

For a mosaic of each example, because what is wrong with a picture decides which network restores it and how far tiles
overlap, and for several tile sizes: the largest difference, in units of 1/255; and the mean absolute step between
neighbouring pixels across tile borders, over the same step elsewhere, both taken on the restored picture less the
input, so that what the picture shows cancels out. A seam would lift the ratio above that of the whole picture at the
same places.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import pellucid
from pellucid.images.files import read_image
from pellucid.images.overview import views
from pellucid.images.tiling import plan_tiles
from pellucid.training.run_folder import environment

EXAMPLES = Path(__file__).parents[1] / "examples"


def mosaic(example: Path) -> Tensor:
    """An example three times below and four times beside itself, and a black edge: 1200 x 1608."""
    return F.pad(read_image(example)[..., :400, :400].tile(1, 1, 3, 4), (0, 8))


def step_ratio(change: Tensor, columns: list[int]) -> float:
    """Mean step across `columns` over the mean step across all other columns."""
    steps = (change[..., 1:] - change[..., :-1]).abs().mean(dim=(0, 1, 2))
    at_border = torch.zeros(len(steps), dtype=torch.bool)
    at_border[[column - 1 for column in columns]] = True
    return (steps[at_border].mean() / steps[~at_border].mean()).item()


def measured(model: pellucid.Model, example: Path, sizes: list[int]) -> list[dict[str, Any]]:
    """A row per size of tile."""
    image, restorer = mosaic(example), model.restorer
    height, width = (int(side) for side in image.shape[-2:])
    context = restorer.context(views(image))
    multiple, grid, reach = restorer.size_multiple, restorer.tile_grid, restorer.reach(context)
    whole = model.restore(image, tile=max(height, width)).image
    rows: list[dict[str, Any]] = []
    for size in sizes:
        plan = plan_tiles(height, width, tile=size, multiple=multiple, radius=reach, grid=grid)
        columns = sorted({part.target.left for part in plan} - {0})
        lines = sorted({part.target.top for part in plan} - {0})
        tiled = model.restore(image, tile=size).image
        change = tiled - image
        row = {
            "example": example.stem,
            "taken_for": restorer.taken_for(context),
            "tile": size,
            "tiles": len(plan),
            "largest_difference_of_255": ((tiled - whole).abs().max() * 255).item(),
            "step_ratio_columns": step_ratio(change, columns) if columns else None,
            "step_ratio_rows": step_ratio(change.transpose(2, 3), lines) if lines else None,
            "step_ratio_columns_whole": step_ratio(whole - image, columns) if columns else None,
            "step_ratio_rows_whole": step_ratio((whole - image).transpose(2, 3), lines) if lines else None,
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--tiles", type=int, nargs="+", default=[320, 448, 640, 1024])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/tiling-default"))
    arguments = parser.parse_args()
    model = pellucid.load(arguments.model, device="cpu")
    rows: list[dict[str, Any]] = []
    for example in sorted(EXAMPLES.iterdir()):
        rows += measured(model, example, arguments.tiles)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"model": arguments.model, "machine": environment(), "rows": rows}
    arguments.output.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
