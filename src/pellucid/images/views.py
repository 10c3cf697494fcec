"""What is shown of a picture file to whoever decides how it is to be restored, without all of it in memory."""

import numpy as np
import torch
from torch import Tensor

from pellucid.images.colour import to_tensor
from pellucid.images.overview import Views, detail_boxes, overview_step
from pellucid.images.picture import Picture
from pellucid.images.tiling import Box


def views_of(picture: Picture) -> Views:
    """`overview.views` of a picture file, read row by row and detail by detail."""
    size = (picture.height, picture.width)
    return Views(_overview_of(picture), _details_of(picture), size, picture.is_as_shown)


def _overview_of(picture: Picture) -> Tensor:
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


def _details_of(picture: Picture) -> Tensor:
    boxes = detail_boxes(picture.height, picture.width)
    return torch.stack([picture.read(box.top, box.left, box.height, box.width) for box in boxes], dim=1)
