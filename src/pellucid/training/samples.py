"""Validation on held-out pictures, with a sheet of samples and curves to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.degradations.chain import CLEAN
from pellucid.methods.base import Recipe
from pellucid.methods.restorer import restore_patches
from pellucid.training.run_folder import RunFolder

SHOWN = 8

CURVES = {
    "loss": "loss",
    "validation/gain": "validation gain over input, dB",
    "validation/accuracy": "validation accuracy",
}
"""What is drawn of the log, where it is there, and the title above it."""


@runtime_checkable
class Showing(Protocol):
    """A recipe that judges itself and has pictures to look at."""

    def pictures(self, batch: Batch) -> list[Tensor]:
        """Pictures that belong side by side, `(B, 3, H, W)` each."""
        ...


def validate(recipe: Recipe, batch: Batch, run: RunFolder, step: int) -> dict[str, float]:
    """PSNR per domain on `batch`, as `validation/<domain>`, and `validation/gain` over the degraded inputs, in dB.

    Without a degraded sample there is no gain.
    Writes `samples/step-00001234.png` (degraded, restored, clean side by side) and `curves.png` into the run folder.
    Of what a recipe judges itself (`Recipe.judge`) there are samples if it has pictures to show (`Showing`).
    """
    judged = recipe.judge(batch)
    if judged is not None:
        values = {f"validation/{name}": value for name, value in judged.items()}
        if isinstance(recipe, Showing):
            _save_sheet(recipe.pictures(batch), run, step)
        _draw_with(values, run, step)
        return values
    restored = restore_patches(recipe.restorer(), batch.degraded)
    after, before = _psnr(restored, batch.clean), _psnr(batch.degraded.clamp(0, 1), batch.clean)
    values: dict[str, float] = {}
    for domain in sorted(set(batch.domains)):
        rows = [row for row, name in enumerate(batch.domains) if name == domain]
        values[f"validation/{domain}"] = after[rows].mean().item()
    degraded = [row for row, name in enumerate(batch.domains) if name != CLEAN]
    if degraded:
        values["validation/gain"] = (after - before)[degraded].mean().item()
    _save_sheet([batch.degraded, restored, batch.clean], run, step)
    _draw_with(values, run, step)
    return values


def _draw_with(values: dict[str, float], run: RunFolder, step: int) -> None:
    """The curves with `values` as their last point; the loop logs them only once it has them."""
    draw_curves([*run.lines(), {"step": step, **values}], run.path / "curves.png")


def _save_sheet(pictures: Sequence[Tensor], run: RunFolder, step: int) -> None:
    """The first few samples, one below the other, each in all its pictures side by side."""
    rows = torch.cat([its.clamp(0, 1)[:SHOWN] for its in pictures], dim=3)
    _save_png(torch.cat(list(rows), dim=1), run.samples / f"step-{step:08d}.png")


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
    """Loss, and validation gain or accuracy, over the steps, as a PNG. Nothing when matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return
    points = {name: [(line["step"], line[name]) for line in lines if name in line] for name in CURVES}
    drawn = {name: found for name, found in points.items() if found}
    if not drawn:
        return
    figure = Figure(figsize=(4.5 * len(drawn), 4))
    FigureCanvasAgg(figure)
    for axes, (name, found) in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True):
        axes.plot(*zip(*found, strict=True), marker="." if len(found) == 1 else None)
        axes.set_xlabel("step")
        axes.set_title(CURVES[name])
        if name == "loss" and all(value > 0 for _, value in found):  # a likelihood may be below 0
            axes.set_yscale("log")
    figure.tight_layout()
    figure.savefig(path)
