"""A small view of a whole picture and a few details of it, and what was concluded brought back to the picture's pixels.

The views are the same for a picture in memory and one that is read in tiles, and so is the conclusion at every pixel.
"""

from dataclasses import dataclass, replace
from typing import Any, overload

import torch
from torch import Tensor

from pellucid.images.tiling import Box

LONGEST_SIDE = 768
"""Of an overview, pixels."""

DETAIL_SIDE = 128
"""Of a detail, pixels."""

DETAILS = 4
"""Details along each axis of a picture, at most; fewer cover a small one."""

JPEG_GRID = 16
"""Pixels after which JPEG's blocks, of brightness and of colour, begin alike; details begin on this grid."""

Context = Tensor | tuple[Tensor, ...]
"""What was concluded of whole pictures: a coarse map, `(B, C, h, w)`, of cells of equal size that cover the picture, of
one cell when it is the same everywhere; or several such maps."""


def maps_of(context: Context | None) -> tuple[Tensor, ...]:
    """The maps of a context, none without one."""
    return () if context is None else context if isinstance(context, tuple) else (context,)


@dataclass(frozen=True)
class Views:
    """What is shown of a picture, or of several of one size, to whoever decides how it is to be restored.

    Attributes:
        overview: `(B, 3, h, w)`, see `overview`.
        details: `(B, N, 3, h, w)`, see `details`.
        size: height and width of the picture, pixels; `detail_boxes` of it are the places of the details.
        is_as_shown: whether values are as a screen shows them. Of light-linear floats nobody knows what white is, so
            nothing is concluded from how bright or clear they are.
    """

    overview: Tensor
    details: Tensor
    size: tuple[int, int]
    is_as_shown: bool = True

    def to(self, *arguments: Any) -> "Views":
        """As `Tensor.to`, of both."""
        return replace(self, overview=self.overview.to(*arguments), details=self.details.to(*arguments))


def views(image: Tensor) -> Views:
    """Of pictures in memory, `(B, 3, H, W)`."""
    return Views(overview(image), details(image), (image.shape[-2], image.shape[-1]))


def overview_step(height: int, width: int) -> int:
    """Every how many-th pixel of every how many-th row an overview takes."""
    return -(-max(height, width) // LONGEST_SIDE)


def overview(image: Tensor) -> Tensor:
    """Every n-th pixel of every n-th row of `(B, C, H, W)`, at most `LONGEST_SIDE` long; a view.

    Pixels are taken and not averaged, so that noise stays as strong as it is.
    """
    step = overview_step(*image.shape[-2:])
    return image[..., ::step, ::step]


def detail_boxes(height: int, width: int) -> list[Box]:
    """Where the details of a picture lie: evenly spread squares of `DETAIL_SIDE`, smaller where the picture is.

    Example:
        >>> [(box.top, box.left, box.height, box.width) for box in detail_boxes(100, 300)]
        [(0, 0, 100, 128), (0, 80, 100, 128), (0, 160, 100, 128)]
    """
    rows, columns = _starts(height), _starts(width)
    return [Box(top, left, min(height, DETAIL_SIDE), min(width, DETAIL_SIDE)) for top in rows for left in columns]


def _starts(length: int) -> list[int]:
    room = max(0, length - DETAIL_SIDE)
    count = min(DETAILS, -(-length // DETAIL_SIDE))
    return sorted({room * number // max(1, count - 1) // JPEG_GRID * JPEG_GRID for number in range(count)})


def details(image: Tensor) -> Tensor:
    """Parts of `(B, C, H, W)` pixel by pixel, `(B, N, C, h, w)`: what an overview of a large picture cannot show."""
    boxes = detail_boxes(*image.shape[-2:])
    return torch.stack([image[..., box.top : box.bottom, box.left : box.right] for box in boxes], dim=1)


class CollectedViews:
    """Views of a picture that comes in as boxes, in any order; the same as `views` of the whole.

    Args:
        size: height and width of the picture, pixels.
    """

    def __init__(self, size: tuple[int, int]):
        self.size, self.step = size, overview_step(*size)
        self._boxes = detail_boxes(*size)
        self._overview = torch.zeros(1, 3, -(-size[0] // self.step), -(-size[1] // self.step))
        self._details = torch.zeros(1, len(self._boxes), 3, self._boxes[0].height, self._boxes[0].width)

    def write(self, top: int, left: int, image: Tensor) -> None:
        """A box of the picture, `(1, 3, h, w)`."""
        image = image.detach().float().cpu()
        bottom, right = top + image.shape[-2], left + image.shape[-1]
        first_row, first_column = -(-top // self.step), -(-left // self.step)
        taken = image[..., first_row * self.step - top :: self.step, first_column * self.step - left :: self.step]
        rows, columns = taken.shape[-2:]
        self._overview[..., first_row : first_row + rows, first_column : first_column + columns] = taken
        for number, box in enumerate(self._boxes):
            upper, lower = max(top, box.top), min(bottom, box.bottom)
            near, far = max(left, box.left), min(right, box.right)
            if upper < lower and near < far:
                part = image[..., upper - top : lower - top, near - left : far - left]
                self._details[:, number, :, upper - box.top : lower - box.top, near - box.left : far - box.left] = part

    def views(self) -> Views:
        """What came in."""
        return Views(self._overview, self._details, self.size)


@overload
def spread(coarse: Tensor, size: tuple[int, int], box: Box | None = None) -> Tensor: ...
@overload
def spread(coarse: Context, size: tuple[int, int], box: Box | None = None) -> Context: ...
def spread(coarse: Context, size: tuple[int, int], box: Box | None = None) -> Context:
    """A coarse map of a whole picture at the pixels of a box of it, interpolated linearly.

    Every pixel is computed from its place in the picture alone, so that tiles agree with the whole exactly.

    Args:
        coarse: `(B, C, h, w)`, cells of equal size that cover the picture; or several of these, each with cells of its
            own.
        size: height and width of the picture, pixels.
        box: which pixels, may reach over the border; the whole picture when absent.

    Returns:
        `(B, C, box.height, box.width)`, of several maps each.

    Example:
        >>> import torch
        >>> spread(torch.tensor([[[[0.0, 1.0]]]]), (1, 4))
        tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """
    if isinstance(coarse, tuple):
        return tuple(spread(one, size, box) for one in coarse)
    box = Box(0, 0, *size) if box is None else box
    if coarse.shape[-2:] == (1, 1):
        return coarse.expand(-1, -1, box.height, box.width)  # a view: one value for all costs nothing
    down = _shares(box.top, box.height, size[0], coarse.shape[-2]).to(coarse.dtype).to(coarse.device)
    across = _shares(box.left, box.width, size[1], coarse.shape[-1]).to(coarse.dtype).to(coarse.device)
    # Products with two shares of a cell in each row, all others zero, are far quicker than gathering both cells.
    with torch.autocast(coarse.device.type, enabled=False):  # bf16 would round a curve by more than a grey level
        return down @ coarse @ across.mT


def _shares(start: int, count: int, length: int, cells: int) -> Tensor:
    """How much of each cell each pixel from `start` is, `(count, cells)`: of the nearest cells before and after."""
    pixel = torch.arange(start, start + count, dtype=torch.float64)  # on the CPU: not every device has float64
    place = ((pixel + 0.5) * (cells / length) - 0.5).clamp(0, cells - 1)
    return (1 - (place[:, None] - torch.arange(cells)).abs()).clamp_min(0)
