"""Validation on held-out pictures, with a sheet of samples and curves to look at."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.degradations.mixing import CLEAN
from pellucid.methods.base import Recipe
from pellucid.training.run_folder import RunFolder

SHOWN = 8


def validate(recipe: Recipe, batch: Batch, run: RunFolder, step: int) -> dict[str, float]:
    """PSNR per domain on `batch`, as `validation/<domain>`, and `validation/gain` over the degraded inputs, in dB.

    Writes `samples/step-00001234.png` (degraded, restored, clean side by side) and `curves.png` into the run folder.
    Of what a recipe judges itself (`Recipe.judge`) there are no samples to show.
    """
    judged = recipe.judge(batch)
    if judged is not None:
        draw_curves(run.lines(), run.path / "curves.png")
        return {f"validation/{name}": value for name, value in judged.items()}
    restored = recipe.restorer().restore(batch.degraded).image.clamp(0, 1)
    after, before = _psnr(restored, batch.clean), _psnr(batch.degraded.clamp(0, 1), batch.clean)
    values: dict[str, float] = {}
    for domain in sorted(set(batch.domains)):
        rows = [row for row, name in enumerate(batch.domains) if name == domain]
        values[f"validation/{domain}"] = after[rows].mean().item()
    degraded = [row for row, name in enumerate(batch.domains) if name != CLEAN]
    values["validation/gain"] = (after - before)[degraded].mean().item()
    triples = torch.cat([batch.degraded.clamp(0, 1), restored, batch.clean], dim=3)[:SHOWN]
    _save_png(torch.cat(list(triples), dim=1), run.samples / f"step-{step:08d}.png")
    draw_curves(run.lines(), run.path / "curves.png")
    return values


def _psnr(restored: Tensor, clean: Tensor) -> Tensor:
    """Per sample, dB; capped at 100 for identical pictures."""
    error = ((restored.float() - clean) ** 2).mean(dim=(1, 2, 3)).clamp_min(1e-10)
    return -10 * error.log10()


def _save_png(image: Tensor, path: Path) -> None:
    import pyvips

    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    height, width, _ = pixels.shape
    pyvips.Image.new_from_memory(pixels.tobytes(), width, height, 3, "uchar").pngsave(str(path))


def draw_curves(lines: list[dict[str, Any]], path: Path) -> None:
    """Loss and validation gain over the steps, as a PNG. Nothing when matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(9, 4))
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    gains = [(line["step"], line["validation/gain"]) for line in lines if "validation/gain" in line]
    for axes, points, name in ((left, losses, "loss"), (right, gains, "validation gain over input, dB")):
        if points:
            axes.plot(*zip(*points, strict=True))
        axes.set_xlabel("step")
        axes.set_title(name)
    left.set_yscale("log")
    figure.tight_layout()
    figure.savefig(path)
