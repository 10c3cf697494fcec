"""Padding to a size multiple by reflection, and back."""

import torch
from torch import Tensor
from torch.nn import functional


def pad_to_multiple(image: Tensor, multiple: int) -> tuple[Tensor, tuple[int, int]]:
    """`image` with rows below and columns to the right, so that both sides are multiples of `multiple`; and its size.

    The added pixels mirror those before them without repeating the last one; a picture smaller than what is added is
    mirrored again and again, and a single row or column is repeated.

    Args:
        image: `(B, C, H, W)`.
        multiple: at least 1, in pixels.

    Returns:
        The padded image, the input itself when nothing is to be added, and `(H, W)` for `crop_to`.

    Example:
        >>> padded, size = pad_to_multiple(torch.arange(5.0).view(1, 1, 1, 5), 8)
        >>> padded[0, 0, 0].tolist(), size
        ([0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0], (1, 5))
    """
    height, width = image.shape[-2:]
    return pad_below_and_right(image, -height % multiple, -width % multiple), (height, width)


def pad_below_and_right(image: Tensor, rows: int, columns: int) -> Tensor:
    """`image` with `rows` below and `columns` to the right, as `pad_to_multiple` adds them."""
    if rows == 0 and columns == 0:
        return image
    height, width = image.shape[-2:]
    if rows < height and columns < width:
        return functional.pad(image, (0, columns, 0, rows), mode="reflect")
    by_row = image.index_select(-2, _mirrored(height, rows, image.device))
    return by_row.index_select(-1, _mirrored(width, columns, image.device))


def crop_to(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The top left `(height, width)` of `image`, a view: `pad_to_multiple` undone."""
    return image[..., : size[0], : size[1]]


def _mirrored(length: int, added: int, device: torch.device) -> Tensor:
    """Indices 0 ... length - 1, and on with the mirror's period 2 (length - 1)."""
    period = max(1, 2 * (length - 1))
    index = torch.arange(length + added, device=device) % period
    return torch.where(index < length, index, period - index)
