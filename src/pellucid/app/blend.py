"""Between the data alone and the full restoration: an original and its saved result, blended."""

from contextlib import ExitStack
from pathlib import Path

from torch import Tensor

from pellucid.app.targets import check_is_not_there
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.canvas import Canvas
from pellucid.images.files import MAX_MEGAPIXELS, read_picture
from pellucid.images.formats import format_of_target
from pellucid.images.picture import Picture
from pellucid.images.tiling import Box, plan_tiles, restore_streamed

TILE = 1024
"""Pixels along a side that are blended at once."""


def blend(
    original: str | Path,
    restored: str | Path,
    output: str | Path,
    *,
    belief: float,
    max_megapixels: float = MAX_MEGAPIXELS,
    overwrite: bool = False,
) -> Path:
    """Keep only part of what restoring has changed; nothing is restored again, and neither input is touched.

        blended = original + belief (restored - original)

    Depth, metadata and transparency are the original's.

    Args:
        original: the picture as it came.
        restored: what `restore` made of it, of the same size; a lossy file brings its own losses along.
        output: the file to write.
        belief: 0 is the original, 1 the result.
        max_megapixels: see `files.read_picture`.
        overwrite: replace a file that is there.

    Returns:
        Where it lies.

    Raises:
        ImageError: when a file cannot be read or written, the sizes differ, or there is a file at `output`.
        ConfigurationError: when `belief` is not within `[0, 1]`.
    """
    source, target = Path(original), Path(output)
    if not 0 <= belief <= 1:
        raise ConfigurationError(f"Expected belief from 0 to 1, got {belief:g}: 0 is the original, 1 the result.")
    format_of_target(target)
    check_is_not_there(target, (source, Path(restored)), overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as open_files:
        before = read_picture(source, scratch=target.parent, max_megapixels=max_megapixels)
        open_files.callback(before.close)
        after = read_picture(restored, scratch=target.parent, max_megapixels=max_megapixels)
        open_files.callback(after.close)
        size = (before.height, before.width)
        if size != (after.height, after.width):
            raise ImageError(
                f"Expected a result as large as its original, got {after.width}x{after.height} for "
                f"{before.width}x{before.height}: name the files in this order, the original and its result."
            )
        # Floats are read as shares of a power of two that each file has of its own.
        unit = _unit(after) / _unit(before)

        def function(part: Tensor, box: Box) -> Tensor:
            return part.lerp(after.read(box.top, box.left, box.height, box.width) * unit, belief)

        canvas = Canvas(before, target.parent)
        open_files.callback(canvas.close)
        tiles = plan_tiles(*size, tile=TILE, multiple=1, radius=0)
        restore_streamed(before.read, canvas.write, function, tiles, size)
        canvas.save(target)
    return target


def _unit(picture: Picture) -> float:
    """What 1 of its pixels as read stands for: of integers their white."""
    return picture.samples.peak if picture.is_float else 1.0
