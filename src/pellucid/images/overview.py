"""A small view of a whole picture, and what was concluded from it brought back to the picture's pixels.

The view is the same for a picture in memory and one that is read in tiles, and so is the conclusion at every pixel.
"""

import torch
from torch import Tensor

from pellucid.images.tiling import Box

LONGEST_SIDE = 768
"""Of an overview, pixels."""


def overview_step(height: int, width: int) -> int:
    """Every how many-th pixel of every how many-th row an overview takes."""
    return -(-max(height, width) // LONGEST_SIDE)


def overview(image: Tensor) -> Tensor:
    """Every n-th pixel of every n-th row of `(B, C, H, W)`, at most `LONGEST_SIDE` long; a view.

    Pixels are taken and not averaged, so that noise stays as strong as it is.
    """
    step = overview_step(*image.shape[-2:])
    return image[..., ::step, ::step]


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
