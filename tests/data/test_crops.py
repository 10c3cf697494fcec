"""Crops gathered in one step against slicing and torch's own flips and turns."""

import pytest
import torch
from torch import Generator, Tensor

from pellucid.data.crops import Crops, DrawnPictures, ResidentPictures
from pellucid.errors import DataError


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def pictures(*sizes: tuple[int, int]) -> list[Tensor]:
    generator = seeded(8)
    return [torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]


def turned(patch: Tensor, turn: int) -> Tensor:
    """The eight flips and turns of a square: bit 2 mirrors at the diagonal, then bit 0 flips rows, bit 1 columns."""
    patch = patch.transpose(-1, -2) if turn & 4 else patch
    patch = patch.flip(-1 if turn & 4 else -2) if turn & 1 else patch
    return patch.flip(-2 if turn & 4 else -1) if turn & 2 else patch


def test_gather_is_slicing_and_turning() -> None:
    clean = pictures((20, 31), (9, 8), (40, 8))
    resident = ResidentPictures(clean)
    crops = resident.draw(200, 8, seeded())
    gathered = resident.gather(crops)
    assert gathered.shape == (200, 3, 8, 8) and gathered.dtype == torch.float32
    for position in range(200):
        row, top, left, turn = (int(t[position]) for t in (crops.rows, crops.top, crops.left, crops.turn))
        patch = clean[row][:, top : top + 8, left : left + 8]
        assert torch.equal(gathered[position], turned(patch, turn).float() / 255)


def test_the_eight_turns_are_those_of_torch() -> None:
    (clean,) = pictures((6, 6))
    zeros = torch.zeros(8, dtype=torch.long)
    gathered = ResidentPictures([clean]).gather(Crops(zeros, zeros, zeros, torch.arange(8), 6))
    exact = clean.float() / 255
    expected = [torch.rot90(side, k, (-2, -1)) for side in (exact, exact.flip(-1)) for k in range(4)]
    matches = [[torch.equal(ours, theirs) for theirs in expected] for ours in gathered]
    assert all(sum(row) == 1 for row in matches)  # each is one of the eight ...
    assert all(sum(column) == 1 for column in zip(*matches, strict=True))  # ... and all eight occur
    assert torch.equal(gathered[0], exact)


def test_crops_cover_pictures_by_area_and_positions_evenly() -> None:
    resident = ResidentPictures(pictures((12, 10), (8, 8), (7, 30)))
    count = 40_000
    crops = resident.draw(count, 8, seeded())
    assert (crops.rows == 2).sum() == 0  # too low for a crop
    room = 5 * 3
    chosen = crops.rows == 0
    assert chosen.double().mean().item() == pytest.approx(room / (room + 1), abs=0.006)
    places = torch.bincount(crops.top[chosen] * 3 + crops.left[chosen], minlength=room).double()
    expected = places.sum() / room
    # Chi-squared with 14 degrees of freedom: above 36 once in a thousand.
    assert ((places - expected) ** 2 / expected).sum().item() < 36
    turns = torch.bincount(crops.turn, minlength=8).double()
    assert ((turns - count / 8) ** 2 / (count / 8)).sum().item() < 24  # 7 degrees of freedom


def test_every_pixel_can_be_reached() -> None:
    (clean,) = pictures((11, 13))
    resident = ResidentPictures([torch.zeros_like(clean), clean])
    crops = resident.draw(2000, 8, seeded())
    seen = torch.zeros(11, 13, dtype=torch.bool)
    for top, left in zip(crops.top.tolist(), crops.left.tolist(), strict=True):
        seen[top : top + 8, left : left + 8] = True
    assert seen.all() and crops.top.max() == 3 and crops.left.max() == 5


def test_a_crop_as_large_as_the_picture_is_the_picture() -> None:
    clean = pictures((9, 9))
    crops = ResidentPictures(clean).draw(5, 9, seeded())
    assert crops.top.unique().tolist() == [0] and crops.left.unique().tolist() == [0]


def test_same_seed_same_crops() -> None:
    resident = ResidentPictures(pictures((20, 20), (30, 25)))
    one, again, other = (resident.gather(resident.draw(6, 10, seeded(seed))) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_too_small_or_no_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="at least one training picture"):
        ResidentPictures([])
    with pytest.raises(DataError, match="at least 16 x 16 pixels"):
        ResidentPictures(pictures((20, 15), (15, 20))).draw(1, 16, seeded())
    assert len(ResidentPictures(pictures((3, 4), (5, 6)))) == 2


def test_pictures_decoded_when_drawn_give_the_same_crops() -> None:
    clean = pictures((40, 50), (33, 64), (90, 31))
    resident = ResidentPictures(clean)
    drawn = DrawnPictures([(int(p.shape[1]), int(p.shape[2])) for p in clean], lambda row: clean[row])
    ours, theirs = (store.draw(64, 24, seeded()) for store in (drawn, resident))
    assert set(ours.turn.tolist()) == set(range(8))
    assert torch.equal(drawn.gather(ours), resident.gather(theirs))
