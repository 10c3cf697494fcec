"""Folders that cannot be learned from, and such as one should know something of."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.unpaired_check import check_unpaired
from pellucid.errors import DataError


def scene(seed: int, side: int = 120) -> Tensor:
    """A picture with detail of its own at every scale."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 3, side, side)
    for cells in (4, 9, 20, 60):
        total += F.interpolate(torch.rand(1, 3, cells, cells, generator=generator), (side, side), mode="bilinear")
    return (total[0] * 60).to(torch.uint8)


def folder(first: int, count: int = 22) -> list[tuple[str, Tensor]]:
    return [(f"{number}.png", scene(number)) for number in range(first, first + count)]


def rained(picture: Tensor) -> Tensor:
    streaks = (torch.rand(1, 1, picture.shape[2], generator=torch.Generator().manual_seed(0)) < 0.1) * 70
    return (picture.int() + streaks.int()).clamp(max=255).to(torch.uint8)


def test_nothing_is_said_of_folders_that_will_do() -> None:
    assert check_unpaired(folder(0), folder(100), 96) == []


def test_too_few_pictures_are_refused_and_few_are_named() -> None:
    with pytest.raises(DataError, match=r"at least 4 clean pictures .* got 3: add some to --clean"):
        check_unpaired(folder(0), folder(100, 3), 96)
    assert check_unpaired(folder(0, 5), folder(100), 96) == ["there are only 5 rainy pictures; 20 or more are better"]


def test_small_pictures_are_named_and_refused_when_there_are_no_others() -> None:
    mixed = [("tiny.png", scene(7, 64)), *folder(0)]
    assert check_unpaired(mixed, folder(100), 96) == [
        "1 rainy pictures are smaller than a patch and left out, tiny.png first"
    ]
    with pytest.raises(DataError, match="rainy pictures of at least 200 pixels"):
        check_unpaired(mixed, folder(100), 200)


def test_pairs_are_told_from_the_same_picture_twice() -> None:
    clean = folder(100)
    pairs = [("rainy.png", rained(clean[3][1])), *folder(0)]
    (warning,) = check_unpaired(pairs, clean, 96)
    assert warning.startswith("1 rainy pictures show what clean ones show (rainy.png and 103.png)")
    with pytest.raises(DataError, match=r"got 1 that are in both, copy.png \(there 103.png\)"):
        check_unpaired([("copy.png", clean[3][1]), *folder(0)], clean, 96)
