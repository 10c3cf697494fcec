"""Sets of inversions: which pictures are for tests, the grey input, and batches that need no state."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid.data.inversions import grey_input, open_inversions, split_inversions
from pellucid.data.inverted_batches import InvertedBatches, batches_of_inversions
from pellucid.errors import DataError
from pellucid.evaluation.measures import area_under_ab_curve

PUBLISHED = Path(os.environ.get("PELLUCID_DATA", "")) / "bigprior" / "ColorizationBedroom300.tar"


@pytest.fixture
def folder(tmp_path, write_files, encode, noise_picture) -> Path:
    """Twelve pictures of 16 x 16, named 0 to 11, and their inversions."""
    files = {}
    for number in range(12):
        files[f"gt/{number}.png"] = encode(noise_picture(number, 16, 16))
        files[f"inversion/{number}.webp"] = encode(noise_picture(100 + number, 16, 16), ".webp", lossless=True)
    return write_files(tmp_path / "set", files)


def pairs(count: int, side: int = 16) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(256, (count, 2, 3, side, side), generator=generator, dtype=torch.uint8)
    return [(clean, prior) for clean, prior in drawn]


def test_pictures_come_in_the_order_of_their_numbers(folder: Path, noise_picture) -> None:
    opened = open_inversions(folder)
    assert [pair.name for pair in opened] == [str(number) for number in range(12)]
    prior, clean = opened[10].load()
    assert np.array_equal(clean.permute(1, 2, 0).numpy(), noise_picture(10, 16, 16))
    assert np.array_equal(prior.permute(1, 2, 0).numpy(), noise_picture(110, 16, 16))


def test_numbers_within_names_count_too(tmp_path, write_files, encode, noise_picture) -> None:
    picture = encode(noise_picture(0))
    names = ("bed_2", "bed_10", "a_3")
    files = {f"{part}/{name}.png": picture for part in ("gt", "inversion") for name in names}
    assert [pair.name for pair in open_inversions(write_files(tmp_path, files))] == ["a_3", "bed_2", "bed_10"]


def test_the_last_ones_are_for_tests(folder: Path) -> None:
    training, test = split_inversions(open_inversions(folder), 9)
    assert [pair.name for pair in test] == ["9", "10", "11"] and len(training) == 9
    with pytest.raises(DataError, match="12"):
        split_inversions(open_inversions(folder), 12)


def test_an_inversion_without_a_partner_is_refused(folder: Path) -> None:
    (folder / "gt" / "3.png").unlink()
    with pytest.raises(DataError, match="3"):
        open_inversions(folder)


def test_grey_is_pillow_s_luma_but_rounded_down(noise_picture) -> None:
    pixels = noise_picture(1, 64, 64)
    luma = np.array(Image.fromarray(pixels).convert("L"), dtype=int)  # rounded to nearest
    grey = grey_input(torch.from_numpy(pixels).permute(2, 0, 1))[0].numpy().astype(int)
    exact = pixels @ np.array([0.299, 0.587, 0.114])
    assert set(np.unique(luma - grey)) == {0, 1}
    assert (np.abs(exact - grey - 0.5) <= 0.5 + 1e-9).all()
    level = torch.arange(256, dtype=torch.uint8).view(1, 1, 256)
    assert torch.equal(grey_input(level.expand(3, -1, -1)), level)  # what is grey stays so, white too


def test_an_epoch_takes_every_picture_once_and_the_next_one_in_another_order() -> None:
    pictures = pairs(10)
    batches = InvertedBatches(pictures, patch_size=None, batch_size=4)
    assert batches.steps_per_epoch == 3
    epochs = [torch.cat([batches(step).clean for step in range(first, first + 3)]) for first in (0, 3)]
    every = torch.stack([clean for clean, _ in pictures]).float() / 255
    for epoch in epochs:
        distances = (epoch[:, None] - every[None]).abs().amax((2, 3, 4))
        assert sorted(distances.argmin(1).tolist()) == list(range(10)) and distances.amin(1).max() == 0
    assert not torch.equal(*epochs)


def test_a_batch_depends_on_seed_step_and_rank_alone() -> None:
    make = {"patch_size": 8, "batch_size": 4, "is_turned": True}
    one, again = (InvertedBatches(pairs(10), seed=1, **make) for _ in range(2))
    one(0)
    assert torch.equal(one(5).clean, again(5).clean)
    for other in (InvertedBatches(pairs(10), seed=2, **make), InvertedBatches(pairs(10), seed=1, rank=1, **make)):
        assert not torch.equal(one(5).clean, other(5).clean)


def test_grey_clean_and_prior_are_cut_and_turned_alike() -> None:
    pictures = [(clean, 255 - clean) for clean, _ in pairs(6)]
    batch = InvertedBatches(pictures, patch_size=8, batch_size=6, is_turned=True)(3)
    assert batch.prior is not None and batch.clean.shape == (6, 3, 8, 8)
    torch.testing.assert_close(batch.prior, 1 - batch.clean)
    luma = (batch.clean * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert (luma - batch.degraded).min() > -1e-5 and (luma - batch.degraded).max() < 1 / 255
    assert torch.equal(batch.degraded[:, 0], batch.degraded[:, 2])
    chosen = batch.rows([1, 4])
    assert chosen.prior is not None and torch.equal(chosen.prior, batch.prior[[1, 4]])


def test_all_eight_flips_and_turns_occur_where_they_are_wanted_and_none_elsewhere() -> None:
    ramp = torch.arange(16, dtype=torch.uint8)
    picture = (16 * ramp.view(1, 16, 1) + ramp.view(1, 1, 16)).expand(3, -1, -1)
    for is_turned, expected in ((True, 8), (False, 1)):
        make = InvertedBatches([(picture, picture)] * 64, patch_size=None, batch_size=64, is_turned=is_turned)
        clean = make(0).clean
        assert len({tuple(corners) for corners in clean[:, 0, ::15, ::15].flatten(1).tolist()}) == expected


def test_held_out_pictures_are_not_learned_from(folder: Path) -> None:
    settings = {"patch_size": None, "batch_size": 8, "seed": 0, "is_turned": False, "device": "cpu", "rank": 0}
    batches, held_out, told = batches_of_inversions(folder, None, training=10, validation_share=0.2, **settings)
    learned = batches(0).clean
    assert len(learned) == 8 and len(held_out.clean) == 2
    assert all(not torch.equal(one, other) for one in learned for other in held_out.clean)
    assert told["inversions"]["num_pictures"] == 20  # type: ignore[index]  # those for tests were not read


@pytest.mark.parametrize(("sides", "patch", "words"), [((16, 20), None, "patch_size"), ((16, 16), 24, "16")])
def test_pictures_that_do_not_fit_are_refused(sides: tuple[int, int], patch: int | None, words: str) -> None:
    pictures = [pair for side in sides for pair in pairs(1, side)]
    with pytest.raises(DataError, match=words):
        InvertedBatches(pictures, patch_size=patch, batch_size=2)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="needs the published set in PELLUCID_DATA")
def test_the_order_is_that_of_the_released_logs() -> None:
    """The authors' AuC of inversions 250 to 252, picture by picture."""
    _, test = split_inversions(open_inversions(PUBLISHED))
    assert len(test) == 50
    for pair, logged in zip(test, (82.13486735, 95.66132609, 80.55993652), strict=False):
        prior, clean = (pixels[None].float() / 255 for pixels in pair.load())
        assert area_under_ab_curve(prior, clean).item() == pytest.approx(logged, abs=1e-3)
