"""One file to one file: read, tile, restore, write, with a receipt."""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.app.budget import plan_tile
from pellucid.app.notes import collected_notes
from pellucid.app.receipt import FileFacts, Receipt
from pellucid.errors import ImageError
from pellucid.images.canvas import Canvas
from pellucid.images.colour import to_tensor
from pellucid.images.files import read_picture
from pellucid.images.overview import detail_boxes, overview_step, spread
from pellucid.images.picture import Picture
from pellucid.images.tiling import Box, plan_tiles, restore_streamed
from pellucid.methods.load import Model
from pellucid.version import __version__
from pellucid.weights.files import sha256


def restore_file(
    source: Path,
    target: Path,
    model: Model,
    *,
    memory: str | int | None = None,
    tile: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Receipt:
    """Restore one picture file to another, which appears whole or not at all. Returns what was done.

    Args:
        source: the original.
        target: the result; its suffix decides the format. Its folder is made when missing.
        model: that restores.
        memory: see `budget.plan_tile`.
        tile: see `budget.plan_tile`.
        progress: told the share done, in `[0, 1]`, after each tile.

    Raises:
        ImageError: when a file cannot be read or written.
        DeviceError: when not even the smallest tile fits the budget.
        ConfigurationError: when `tile` or `memory` is out of range.
    """
    started = time.perf_counter()
    _make_folder(target.parent)
    with collected_notes() as notes:
        before = _facts(source)
        picture = read_picture(source, scratch=target.parent)
        try:
            tile = plan_tile(picture, model, memory=memory, tile=tile)
            context = _context(picture, model)
            _restore(picture, target, model, context, tile, progress)
        finally:
            picture.close()
    return Receipt(
        source=before,
        target=_facts(target),
        model=model.name,
        model_sha256=model.weights_sha256,
        device=model.device,
        taken_for=model.restorer.taken_for(context),
        tile=tile,
        height=picture.height,
        width=picture.width,
        seconds=round(time.perf_counter() - started, 3),
        not_kept=tuple(notes),
        pellucid=__version__,
        finished_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _context(picture: Picture, model: Model) -> Tensor | None:
    """What the model decides from the whole picture."""
    # Above 1 a picture is light as measured, not as shown: how bright it should be, nobody can say.
    is_as_shown = not (picture.samples.is_float and picture.samples.peak > 1)
    return model.restorer.context(overview_of(picture), details_of(picture)) if is_as_shown else None


def _restore(
    picture: Picture,
    target: Path,
    model: Model,
    context: Tensor | None,
    tile: int | None,
    progress: Callable[[float], None] | None,
) -> None:
    restorer, size = model.restorer, (picture.height, picture.width)
    tiles = plan_tiles(*size, tile=tile, multiple=restorer.size_multiple, radius=restorer.receptive_radius)

    def function(part: Tensor, box: Box) -> Tensor:
        return restorer.restore(part, None if context is None else spread(context, size, box)).image

    canvas = Canvas(picture, target.parent)
    try:
        restore_streamed(
            picture.read,
            canvas.write,
            function,
            tiles,
            size,
            progress=None if progress is None else lambda done, total: progress(done / total),
        )
        canvas.save(target)
    finally:
        canvas.close()


def overview_of(picture: Picture) -> Tensor:
    """`images.overview.overview` of a picture file, read row by row, `(1, 3, h, w)`."""
    step, turn = overview_step(picture.height, picture.width), picture.turn
    header, pixels = picture.header, picture.pixels
    # Counted from the upright picture's first pixel, which a flipped one stores last.
    flip_rows, flip_columns = turn.flip_rows, turn.flip_columns
    if turn.transpose:
        flip_rows, flip_columns = flip_columns, flip_rows
    first_row = (header.height - 1) % step if flip_rows else 0
    first_column = (header.width - 1) % step if flip_columns else 0
    stored = [
        pixels.read(Box(row, 0, 1, header.width))[:, first_column::step]
        for row in range(first_row, header.height, step)
    ]
    return to_tensor(picture.samples, turn.upright(np.concatenate(stored)))


def details_of(picture: Picture) -> Tensor:
    """`images.overview.details` of a picture file, `(1, N, 3, h, w)`."""
    boxes = detail_boxes(picture.height, picture.width)
    return torch.stack([picture.read(box.top, box.left, box.height, box.width) for box in boxes], dim=1)


def _facts(path: Path) -> FileFacts:
    try:
        return FileFacts.of(path, sha256(path))
    except FileNotFoundError:
        raise ImageError(f"Expected a picture at {path}, there is no such file: check the path.") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"Expected to read {path}, but that failed ({reason}): check the file.") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"Expected to make the folder {folder}, but that failed ({reason}): name another.") from error
