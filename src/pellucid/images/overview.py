"""A small view of a whole picture and a few details of it, and what was concluded brought back to the picture's pixels.

The views are the same for a picture in memory and one that is read in tiles, and so is the conclusion at every pixel.
"""

import torch
from torch import Tensor

from pellucid.images.tiling import Box

LONGEST_SIDE = 768
"""Of an overview, pixels."""

DETAIL_SIDE = 128
"""Of a detail, pixels."""

DETAILS = 4
"""Details along each axis of a picture, at most; fewer cover a small one."""

_BLOCK = 16  # details begin on JPEG's grid of blocks, in both its samplings of colour


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
    return sorted({room * number // max(1, count - 1) // _BLOCK * _BLOCK for number in range(count)})


def details(image: Tensor) -> Tensor:
    """Parts of `(B, C, H, W)` pixel by pixel, `(B, N, C, h, w)`: what an overview of a large picture cannot show."""
    boxes = detail_boxes(*image.shape[-2:])
    return torch.stack([image[..., box.top : box.bottom, box.left : box.right] for box in boxes], dim=1)


def spread(coarse: Tensor, size: tuple[int, int], box: Box | None = None) -> Tensor:
    """A coarse map of a whole picture at the pixels of a box of it, interpolated linearly.

    Every pixel is computed from its place in the picture alone, so that tiles agree with the whole exactly.

    Args:
        coarse: `(B, C, h, w)`, cells of equal size that cover the picture.
        size: height and width of the picture, pixels.
        box: which pixels, may reach over the border; the whole picture when absent.

    Returns:
        `(B, C, box.height, box.width)`.

    Example:
        >>> import torch
        >>> spread(torch.tensor([[[[0.0, 1.0]]]]), (1, 4))
        tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """
    box = Box(0, 0, *size) if box is None else box
    if coarse.shape[-2:] == (1, 1):
        return coarse.expand(-1, -1, box.height, box.width)  # a view: one value for all costs nothing
    above, below, share = _neighbours(box.top, box.height, size[0], coarse.shape[-2], coarse)
    rows = torch.lerp(coarse.index_select(-2, above), coarse.index_select(-2, below), share.view(-1, 1))
    left, right, share = _neighbours(box.left, box.width, size[1], coarse.shape[-1], coarse)
    return torch.lerp(rows.index_select(-1, left), rows.index_select(-1, right), share)


def _neighbours(start: int, count: int, length: int, cells: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The cells before and after each pixel from `start`, and how near to the latter it is."""
    pixel = torch.arange(start, start + count, dtype=torch.float64)  # on the CPU: not every device has float64
    place = ((pixel + 0.5) * (cells / length) - 0.5).clamp(0, cells - 1)
    before = place.floor().long()
    after, share = (before + 1).clamp_max(cells - 1), (place - before).to(like.dtype)
    return before.to(like.device), after.to(like.device), share.to(like.device)
