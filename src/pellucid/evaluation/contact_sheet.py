"""A sheet of the best, the median and the worst picture of a result: input, restored, clean, pixel for pixel."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import MethodError
from pellucid.evaluation.benchmark_sets import OpenedSet
from pellucid.evaluation.evaluate import Case, Contestant, PictureScore, Result, cases, score, timed

_MARGIN, _LABEL = 8, 22
"""Pixels between pictures, and of the line of text above each."""


@dataclass(frozen=True)
class LabelledPicture:
    """One picture of a sheet: uint8 `(H, W, 3)` and the line above it."""

    pixels: NDArray[np.uint8]
    label: str


def notable_scores(result: Result) -> tuple[tuple[str, PictureScore], ...]:
    """`("best", ...)`, `("median", ...)` and `("worst", ...)` by PSNR; fewer when there are fewer pictures."""
    ranked = sorted(result.scores, key=lambda row: row.psnr, reverse=True)
    chosen = {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}
    seen: set[int] = set()
    kept = []
    for name, row in chosen.items():
        if row.index not in seen:
            kept.append((name, row))
            seen.add(row.index)
    return tuple(kept)


def contact_sheet(contestant: Contestant, result: Result, pictures: OpenedSet, *, largest: int = 512) -> bytes:
    """A PNG with one line per notable picture. They are degraded and restored again, which gives the same pixels.

    Args:
        contestant: who made `result`.
        result: of one trial.
        pictures: the set of that trial.
        largest: pixels; longer sides are cropped at the centre, nothing is scaled.

    Raises:
        MethodError: when matplotlib is not installed.
    """
    notable = sorted(notable_scores(result), key=lambda pair: pair[1].index)
    indices = [row.index for _, row in notable]
    lines = {}
    restore = contestant.ready(result.trial)
    found = cases(result.trial, pictures, indices, seed=result.seed)
    for (name, row), case in zip(notable, found, strict=True):
        restored, _ = timed(contestant.name, restore, case.degraded)
        lines[name] = _line(name, row, case, restored, result, largest)
    return drawn_sheet([lines[name] for name in ("best", "median", "worst") if name in lines])


def drawn_sheet(lines: list[list[LabelledPicture]]) -> bytes:
    """Lines of labelled pictures as one PNG, every pixel of theirs kept.

    Raises:
        MethodError: when matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MethodError(
            "Expected matplotlib for sheets of pictures, but it is not installed: install the extra evaluate, or "
            "matplotlib alone."
        ) from error
    width = max(sum(cell.pixels.shape[1] + _MARGIN for cell in line) for line in lines) + _MARGIN
    heights = [max(cell.pixels.shape[0] for cell in line) + _LABEL + _MARGIN for line in lines]
    sheet = np.full((sum(heights) + _MARGIN, width, 3), 255, np.uint8)
    figure = Figure(figsize=(sheet.shape[1] / 100, sheet.shape[0] / 100), dpi=100)
    top = _MARGIN
    for line, height in zip(lines, heights, strict=True):
        left = _MARGIN
        for cell in line:
            rows, columns = cell.pixels.shape[:2]
            sheet[top + _LABEL : top + _LABEL + rows, left : left + columns] = cell.pixels
            # The place of a text is a fraction of the figure, from its lower left corner.
            place = left / sheet.shape[1], 1 - (top + _LABEL / 2) / sheet.shape[0]
            figure.text(*place, cell.label, fontsize=9, va="center", ha="left")
            left += columns + _MARGIN
        top += height
    figure.figimage(sheet, zorder=-1)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    return data.getvalue()


def as_pixels(image: Tensor, largest: int | None = None) -> NDArray[np.uint8]:
    """`(1, 3, H, W)` as uint8 `(H, W, 3)`, its centre when a side is longer than `largest`."""
    pixels = (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    if largest is None:
        return pixels
    top, left = (max(0, side - largest) // 2 for side in pixels.shape[:2])
    return pixels[top : top + largest, left : left + largest]


def _line(
    name: str, row: PictureScore, case: Case, restored: Tensor, result: Result, largest: int
) -> list[LabelledPicture]:
    before = score(result.trial.protocol, case, case.degraded, 0.0, is_input=True)
    variant = result.trial.protocol.ssim
    return [
        LabelledPicture(as_pixels(case.degraded, largest), f"{name}: {case.picture}, input {before.psnr:.2f} dB"),
        LabelledPicture(
            as_pixels(restored, largest), f"{result.contestant} {row.psnr:.2f} dB, SSIM {row.ssim[variant]:.3f}"
        ),
        LabelledPicture(as_pixels(case.clean, largest), "clean"),
    ]
