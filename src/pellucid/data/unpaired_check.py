"""Two folders that somebody wants to learn from without pairs: what is wrong with them, before hours are spent."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.leaks import find_leaks, thumbnails
from pellucid.errors import DataError

LEAST, FEW = 4, 20
"""Pictures of a folder that are needed, and below which the few are learned by heart."""

SAME = 1.5 / 255
"""Mean absolute difference of two pictures, shrunk to squares of `SIDE` pixels, up to which one is the other."""

SIDE = 32

NamedPicture = tuple[str, Tensor]


def check_unpaired(degraded: Sequence[NamedPicture], clean: Sequence[NamedPicture], patch_size: int) -> list[str]:
    """What a person should know of the two folders before learning from them; nothing when all is well.

    Args:
        degraded: names and pixels, uint8, `(3, H, W)`.
        clean: likewise.
        patch_size: of training, pixels.

    Raises:
        DataError: when there are too few pictures, none is as large as a patch, or the same picture is in both folders.
    """
    warnings = []
    for kind, pictures in (("rainy", degraded), ("clean", clean)):
        if len(pictures) < LEAST:
            raise DataError(
                f"Expected at least {LEAST} {kind} pictures to learn from, got {len(pictures)}: add some to --{kind}."
            )
        if len(pictures) < FEW:
            warnings.append(f"there are only {len(pictures)} {kind} pictures; {FEW} or more are better")
        small = [name for name, pixels in pictures if min(pixels.shape[1:]) < patch_size]
        if len(small) == len(pictures):
            raise DataError(
                f"Expected {kind} pictures of at least {patch_size} pixels a side, got none: take smaller patches or "
                "larger pictures."
            )
        if small:
            warnings.append(f"{len(small)} {kind} pictures are smaller than a patch and left out, {small[0]} first")
    shown = {name: _shrunk(pixels) for name, pixels in (*_marked(degraded, 0), *_marked(clean, 1))}
    alike = find_leaks(thumbnails(degraded), thumbnails(clean))
    same = [one for one in alike if _differ(shown[0, one.train], shown[1, one.test]) < SAME]
    if same:
        raise DataError(
            f"Expected other pictures in each folder, got {len(same)} that are in both, {same[0].train} (there "
            f"{same[0].test}) first: take them out of one."
        )
    if alike:
        warnings.append(
            f"{len(alike)} rainy pictures show what clean ones show ({alike[0].train} and {alike[0].test}): of pairs "
            "more is learned with them as pairs, see data.pairs in docs/training.md"
        )
    return warnings


def _marked(pictures: Sequence[NamedPicture], folder: int) -> list[tuple[tuple[int, str], Tensor]]:
    return [((folder, name), pixels) for name, pixels in pictures]


def _shrunk(pixels: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(pixels.float() / 255, SIDE)


def _differ(one: Tensor, other: Tensor) -> float:
    return torch.mean((one - other).abs()).item()
