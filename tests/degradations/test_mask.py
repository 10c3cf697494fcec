"""Masks: how much is missing, and what is left alone."""

import pytest
import torch
from torch import Generator

from pellucid.degradations.mask import hole, mask


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize(("height", "width"), [(100, 100), (60, 140), (33, 47)])
@pytest.mark.parametrize("share", [0.0, 0.04, 0.25, 0.5, 1.0])
def test_centre_misses_its_share_up_to_a_row_and_a_column(height: int, width: int, share: float) -> None:
    missing = hole(torch.zeros(1, 3, height, width), share, generator=seeded())
    rows, columns = missing[0, 0].amax(1).sum().item(), missing[0, 0].amax(0).sum().item()
    assert abs(rows - share**0.5 * height) <= 1 and abs(columns - share**0.5 * width) <= 1
    assert missing.sum().item() == rows * columns
    assert torch.equal(missing, missing.flip(2)) and torch.equal(missing, missing.flip(3))


@pytest.mark.parametrize("shape", ["rectangles", "free-form"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_other_shapes_miss_about_their_share(shape: str, share: float) -> None:
    missing = hole(torch.zeros(64, 3, 90, 120), share, shape=shape, generator=seeded())
    assert missing.mean().item() == pytest.approx(share, rel=1 / 3)
    assert missing.unique().tolist() == [0, 1]
    assert not torch.equal(missing[0], missing[1])


@pytest.mark.parametrize("shape", ["centre", "rectangles", "free-form"])
def test_outside_the_hole_nothing_changes_and_inside_is_the_fill(shape: str) -> None:
    image = torch.rand(4, 3, 40, 50, generator=seeded())
    fill = torch.tensor([0.0, 0.2, 0.5, 1.0])
    missing = hole(image, 0.2, shape=shape, generator=seeded(4)).bool().expand_as(image)
    masked = mask(image, 0.2, fill, shape=shape, generator=seeded(4))
    assert torch.equal(masked[~missing], image[~missing])
    assert torch.equal(masked[missing], fill.view(-1, 1, 1, 1).expand_as(image)[missing])


@pytest.mark.parametrize("shape", ["centre", "rectangles", "free-form"])
def test_share_zero_leaves_the_picture(shape: str) -> None:
    image = torch.rand(1, 3, 21, 22, generator=seeded())
    assert torch.equal(mask(image, 0.0, shape=shape, generator=seeded()), image)
