"""Two folders that somebody wants to learn from without pairs: what is wrong with them, before hours are spent."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.leaks import Thumbnails, find_leaks, thumbnails
from pellucid.errors import DataError

LEAST, FEW = 4, 20
"""Pictures of a folder that are needed, and below which the few are learned by heart."""

SAME = 1.5 / 255
"""Mean absolute difference of two pictures, shrunk to squares of `SIDE` pixels, up to which one is the other."""

SIDE = 32

NamedPicture = tuple[str, Tensor]


def check_unpaired(degraded: Iterable[NamedPicture], clean: Iterable[NamedPicture], patch_size: int) -> list[str]:
    """What a person should know of the two folders before learning from them; nothing when all is well.

    Args:
        degraded: names and pixels, uint8, `(3, H, W)`; of which one is held at a time.
        clean: likewise.
        patch_size: of training, pixels.

    Raises:
        DataError: when there are too few pictures, none is as large as a patch, or the same picture is in both folders.
    """
    warnings = []
    noted = [_Noted(degraded), _Noted(clean)]
    for kind, pictures in zip(("rainy", "clean"), (its.sides for its in noted), strict=True):
        if len(pictures) < LEAST:
            raise DataError(
                f"Expected at least {LEAST} {kind} pictures to learn from, got {len(pictures)}: add some to --{kind}."
            )
        if len(pictures) < FEW:
            warnings.append(f"there are only {len(pictures)} {kind} pictures; {FEW} or more are better")
        small = [name for name, side in pictures.items() if side < patch_size]
        if len(small) == len(pictures):
            raise DataError(
                f"Expected {kind} pictures of at least {patch_size} pixels a side, got none: take smaller patches or "
                "larger pictures."
            )
        if small:
            warnings.append(f"{len(small)} {kind} pictures are smaller than a patch and left out, {small[0]} first")
    alike = find_leaks(noted[0].thumbnails, noted[1].thumbnails)
    same = [one for one in alike if _differ(noted[0].shrunk[one.train], noted[1].shrunk[one.test]) < SAME]
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


class _Noted:
    """What is kept of a folder: the shorter side of each picture, a small copy, and thumbnails; nothing when empty."""

    def __init__(self, pictures: Iterable[NamedPicture]):
        self.sides: dict[str, int] = {}
        self.shrunk: dict[str, Tensor] = {}
        self._thumbnails: list[Thumbnails] = []
        for name, pixels in pictures:
            self.sides[name] = min(pixels.shape[1:])
            self.shrunk[name] = F.adaptive_avg_pool2d(pixels.float() / 255, SIDE)
            self._thumbnails.append(thumbnails([(name, pixels)]))

    @property
    def thumbnails(self) -> Thumbnails:
        """Of all together."""
        each = self._thumbnails
        names = tuple(name for its in each for name in its.names)
        return Thumbnails(names, torch.cat([its.grey for its in each]), torch.cat([its.aspects for its in each]))


def _differ(one: Tensor, other: Tensor) -> float:
    return torch.mean((one - other).abs()).item()
