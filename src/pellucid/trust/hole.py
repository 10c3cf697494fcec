"""How wrong the filling of a hole may be: more the farther from what is known, and the livelier its surroundings."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.images.contract import check_image

CELL = 8
"""Pixels along a side of the squares whose liveliness is measured; larger where these hold too little that is known."""

LEAST_KNOWN = 0.25
"""Share of a square that must be known."""

REACH = 6.0
"""Pixels after which a filling is about as wrong as its surroundings are lively; calibration corrects it."""

LEAST_SCALE = 0.5 / 255
"""Of a filling between perfectly plain surroundings."""


def hole_scale(image: Tensor, known: Tensor) -> Tensor:
    """The scale of a filling's error, `(B, 1, H, W)`, 0 where the pixel is known.

        scale = deviation of the surroundings  sqrt(d / (d + REACH)),   d the distance to the nearest known pixel

    Args:
        image: `(B, 3, H, W)`; what stands in the hole is not looked at.
        known: `(B, 1, H, W)`, one where a pixel is known and zero in the hole.
    """
    known = known.to(check_image(image))
    distance = distance_to_known(known)
    deviation = local_deviation(image, known) + LEAST_SCALE
    return deviation * (distance / (distance + REACH)).sqrt()


def distance_to_known(known: Tensor) -> Tensor:
    """Along rows, columns and diagonals (chessboard), pixels, `(B, 1, H, W)`; 0 where known, the border is no help."""
    hole = 1 - known
    distance = torch.zeros_like(hole)
    for _ in range(max(known.shape[-2:])):
        if not bool(hole.any()):
            break
        distance += hole
        # A pixel stays in the hole while all its neighbours are in it; beyond the border all are.
        hole = 1 - F.max_pool2d(F.pad(1 - hole, (1, 1, 1, 1)), 3, stride=1)
    return distance


def local_deviation(image: Tensor, known: Tensor) -> Tensor:
    """Standard deviation of the known pixels around each pixel, mean of the colours, `(B, 1, H, W)`."""
    height, width = image.shape[-2:]
    result = torch.zeros_like(known)
    is_told = torch.zeros_like(known, dtype=torch.bool)
    seen = torch.where(known > 0, image, 0)
    cell = CELL
    while True:
        padding = (0, -width % cell, 0, -height % cell)
        share, first, second = (F.avg_pool2d(F.pad(one, padding), cell) for one in (known, seen, seen.square()))
        mean = first / share.clamp_min(1e-6)
        deviation = (second / share.clamp_min(1e-6) - mean.square()).clamp_min(0).mean(dim=1, keepdim=True).sqrt()
        is_enough = share >= LEAST_KNOWN
        found, enough = (
            F.interpolate(one, scale_factor=cell, mode="nearest")[..., :height, :width]
            for one in (deviation, is_enough.float())
        )
        fresh = ~is_told & (enough > 0)
        result = torch.where(fresh, found, result)
        is_told |= fresh
        if bool(is_told.all()):
            return result
        if cell >= max(height, width):  # nearly all of it is a hole: what little there is must do
            return torch.where(is_told, result, found)
        cell *= 2
