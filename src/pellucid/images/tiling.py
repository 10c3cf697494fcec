"""Tiles with enough overlap that a network restores them as it would have restored the whole picture.

An output pixel depends on the input pixels within the network's receptive radius. When each tile is cut with at least
that much around the pixels it is kept for, and begins at a multiple of the network's size multiple (so that strided
layers sample the same grid), *tiled equals whole*. At the picture's borders a tile ends where the padded picture ends,
so that the network's own border handling is the same, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from torch import Tensor

from pellucid.errors import ConfigurationError
from pellucid.images.padding import pad_below_and_right


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """The first column to the right of it."""
        return self.left + self.width


Read = Callable[[int, int, int, int], Tensor]
"""`(top, left, height, width) -> (B, C, height, width)`: a box of the picture, wholly inside it."""

Write = Callable[[int, int, Tensor], None]
"""`(top, left, restored)`: a restored box goes to its place."""

Restore = Callable[[Tensor, Box], Tensor]
"""`(source, box) -> restored`: `(B, C, h, w)` to `(B, D, h, w)`; `box` is where it lies in the padded picture."""

Progress = Callable[[int, int], None]
"""`(done, total)`, in tiles; called after each."""


@dataclass(frozen=True)
class Tile:
    """One tile.

    Attributes:
        source: what the network sees, in the padded picture; sizes are multiples of the size multiple, offsets of the
            grid.
        target: what is kept of it, in the picture.
    """

    source: Box
    target: Box

    def kept(self, restored: Tensor) -> Tensor:
        """The part of the network's output that belongs to `target`, a view."""
        top, left = self.target.top - self.source.top, self.target.left - self.source.left
        return restored[..., top : top + self.target.height, left : left + self.target.width]


def plan_tiles(
    height: int, width: int, *, tile: int | None, multiple: int, radius: int, grid: int | None = None
) -> list[Tile]:
    """Tiles whose targets cover the picture exactly once, row by row.

    All sources have the same size (shapes repeat, so kernels are prepared once), but for those at the right and lower
    border where `grid` is not `multiple`: they end where the padded picture ends. Of all shapes with no more pixels
    than a square `tile` has, that with the least pixels in all tiles together is taken: overlap is work done twice.

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        tile: side of the largest square source; `None` for the whole picture at once.
        multiple: of the sides a network takes; the picture is padded to it.
        radius: how far a pixel of the network's output sees.
        grid: multiple of `multiple` that tiles begin on; `multiple` itself when absent.

    Raises:
        ConfigurationError: when a `tile` that small would keep nothing of what it restores.

    Example:
        >>> [(t.source.left, t.source.width, t.target.left, t.target.width)
        ...  for t in plan_tiles(120, 200, tile=128, multiple=8, radius=15)]
        [(0, 120, 0, 96), (80, 120, 96, 104)]
    """
    grid = multiple if grid is None else grid
    overlap = ceil(radius / grid) * grid
    vertical, horizontal = (_Axis(side, grid, overlap) for side in (height, width))
    padded = Box(0, 0, *(ceil(side / multiple) * multiple for side in (height, width)))
    shapes = _shapes(vertical, horizontal, tile)
    if not shapes:
        least = smallest_tile(grid, radius)
        raise ConfigurationError(
            f"Expected a tile of at least {least} pixels for a network that sees {radius} pixels far, got {tile}: "
            f"use --tile {least} or more."
        )
    rows, columns = min(shapes, key=lambda shape: vertical.work(shape[0]) * horizontal.work(shape[1]))
    return [
        Tile(
            Box(y.start, x.start, min(y.size, padded.bottom - y.start), min(x.size, padded.right - x.start)),
            Box(y.first, x.first, y.end - y.first, x.end - x.first),
        )
        for y in vertical.spans(rows)
        for x in horizontal.spans(columns)
    ]


@dataclass(frozen=True)
class _Span:
    """Along one axis: the source begins at `start` and has `size`; `first` up to before `end` is kept."""

    start: int
    size: int
    first: int
    end: int


@dataclass(frozen=True)
class _Axis:
    """One axis of a picture that is cut into equal sources."""

    length: int
    multiple: int
    overlap: int

    @property
    def padded(self) -> int:
        """The length of the padded picture."""
        return ceil(self.length / self.multiple) * self.multiple

    @property
    def most(self) -> int:
        """The largest number of sources; more would keep nothing."""
        return max(1, (self.padded - 2 * self.overlap) // self.multiple)

    def size(self, count: int) -> int:
        """Of each of `count` sources that just cover the axis."""
        return ceil((self.padded + 2 * self.overlap * (count - 1)) / count / self.multiple) * self.multiple

    def work(self, count: int) -> int:
        """All sources together."""
        return count * self.size(count)

    def fewest(self, largest: int) -> int | None:
        """How many sources of at most `largest` are needed; `None` when none of that size keeps anything."""
        if largest >= self.padded:
            return 1
        kept = largest // self.multiple * self.multiple - 2 * self.overlap
        return ceil((self.padded - 2 * self.overlap) / kept) if kept > 0 else None

    def spans(self, count: int) -> list[_Span]:
        """The sources, and what is kept of each."""
        size, padded = self.size(count), self.padded
        # Fewer than `count` where rounding the size up to the multiple has made the last one needless.
        starts = sorted({min(k * (size - 2 * self.overlap), padded - size) for k in range(count)})
        # Neighbours meet `overlap` after the later one begins; the earlier one then reaches at least `overlap` further.
        cuts = [0, *(start + self.overlap for start in starts[1:]), self.length]
        return [_Span(start, size, cuts[k], cuts[k + 1]) for k, start in enumerate(starts)]


def _shapes(vertical: _Axis, horizontal: _Axis, tile: int | None) -> list[tuple[int, int]]:
    """Numbers of rows and columns: for every number of rows as few columns as the pixels of a tile allow."""
    if tile is None:
        return [(1, 1)]
    found = []
    for rows in range(1, vertical.most + 1):
        columns = horizontal.fewest(tile * tile // vertical.size(rows))
        if columns is not None:
            found.append((rows, columns))
        if columns == 1:
            break  # more rows would only overlap more
    return found


def smallest_tile(multiple: int, radius: int) -> int:
    """The smallest source of which something can be kept: the overlap on both sides and one multiple between."""
    return 2 * ceil(radius / multiple) * multiple + multiple


def restore_streamed(
    read: Read,
    write: Write,
    function: Restore,
    tiles: Sequence[Tile],
    size: tuple[int, int],
    *,
    progress: Progress | None = None,
) -> None:
    """Read, restore and write tile by tile, so that only one tile is in memory as float.

    Args:
        read: gives a box of the picture.
        write: takes a restored box; with as many channels as `function` returns.
        function: restores a tile; its sides are multiples of the plan's `multiple`.
        tiles: the plan, in rows.
        size: height and width of the picture.
        progress: told after each tile.
    """
    for done, tile in enumerate(tiles, start=1):
        restored = function(_read_padded(read, tile.source, *size), tile.source)
        write(tile.target.top, tile.target.left, tile.kept(restored))
        if progress is not None:
            progress(done, len(tiles))


def restore_tiled(
    image: Tensor,
    function: Restore,
    tiles: Sequence[Tile],
    *,
    progress: Progress | None = None,
) -> Tensor:
    """`image` restored tile by tile in memory, for pictures that fit as float while the network's work does not.

    Args:
        image: `(B, C, H, W)`, not padded.
        function: as for `restore_streamed`; it may return more channels than it gets, maps beside the picture.
        tiles: the plan for H and W.
        progress: told after each tile.

    Returns:
        `(B, D, H, W)`, on the image's device.

    Example:
        >>> import torch
        >>> image = torch.rand(1, 3, 40, 50)
        >>> tiles = plan_tiles(40, 50, tile=24, multiple=8, radius=3)
        >>> torch.equal(restore_tiled(image, lambda part, box: 1 - part, tiles), 1 - image)
        True
    """
    height, width = image.shape[-2:]
    result: list[Tensor] = []

    def read(top: int, left: int, rows: int, columns: int) -> Tensor:
        return image[..., top : top + rows, left : left + columns]

    def write(top: int, left: int, restored: Tensor) -> None:
        if not result:
            result.append(restored.new_empty((*restored.shape[:-2], height, width), device=image.device))
        result[0][..., top : top + restored.shape[-2], left : left + restored.shape[-1]] = restored

    restore_streamed(read, write, function, tiles, (height, width), progress=progress)
    return result[0]


def _read_padded(read: Read, source: Box, height: int, width: int) -> Tensor:
    """The box `source` of the padded picture.

    The padding mirrors pixels of the picture that may lie before the box, so these are read, too.
    """
    below, beside = max(0, source.bottom - height), max(0, source.right - width)
    top = min(source.top, max(0, height - 1 - below))
    left = min(source.left, max(0, width - 1 - beside))
    part = read(top, left, min(source.bottom, height) - top, min(source.right, width) - left)
    return pad_below_and_right(part, below, beside)[..., source.top - top :, source.left - left :]
