"""How wrong guessed colours may be: more the more colour a pixel of this brightness has room for, and was given."""

import torch
from torch import Tensor

LEAST_SCALE = 0.5 / 255
"""Of black and of white, which have no colour."""

SHARE_OF_ROOM = 0.25
"""Of what colours there is room for, what is usually missed by where none is guessed; calibration corrects it."""


def colour_scale(grey: Tensor, coloured: Tensor) -> Tensor:
    """The scale of the error of guessed colours, `(B, 1, H, W)`.

        scale = SHARE_OF_ROOM min(y, 1 - y) + mean of |R - y|, |G - y|, |B - y|

    Args:
        grey: y, `(B, 1, H, W)` in `[0, 1]`.
        coloured: `(B, 3, H, W)`, of that luma.
    """
    room = torch.minimum(grey, 1 - grey).clamp_min(0)
    return SHARE_OF_ROOM * room + (coloured - grey).abs().mean(dim=1, keepdim=True) + LEAST_SCALE
