"""Haze against its formula, forwards and backwards."""

import numpy as np
import pytest
import torch
from torch import Generator

from pellucid.degradations.haze import haze, synthesised_depth


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_given_depth_gives_the_formula() -> None:
    image = torch.rand(2, 3, 14, 11, generator=seeded(), dtype=torch.float64)
    depth = torch.rand(2, 1, 14, 11, generator=seeded(1), dtype=torch.float64)
    beta, airlight = np.array([0.7, 1.9]), np.array([0.8, 0.95])
    ours = haze(image, torch.tensor(beta), torch.tensor(airlight), depth=depth, generator=seeded())
    transmission = np.exp(-beta[:, None, None, None] * depth.numpy())
    theirs = image.numpy() * transmission + airlight[:, None, None, None] * (1 - transmission)
    assert np.allclose(ours.numpy(), theirs, atol=1e-12)


def test_known_depth_and_light_give_the_picture_back() -> None:
    image = torch.rand(1, 3, 20, 20, generator=seeded(), dtype=torch.float64)
    depth = synthesised_depth(image, seeded(2))
    hazy = haze(image, 1.5, 0.9, 0.03, depth=depth, generator=seeded())
    transmission = torch.exp(-1.5 * depth)
    light = torch.tensor([0.93, 0.9, 0.87], dtype=torch.float64).view(1, 3, 1, 1)
    assert torch.allclose((hazy - light * (1 - transmission)) / transmission, image, atol=1e-12)


def test_clear_air_leaves_the_picture_and_thick_haze_is_the_light() -> None:
    image = torch.rand(1, 3, 20, 20, generator=seeded())
    assert torch.equal(haze(image, 0.0, 0.9, generator=seeded()), image)
    thick = haze(image, 100.0, 0.9, depth=torch.ones(1, 1, 20, 20), generator=seeded())
    assert torch.allclose(thick, torch.full_like(thick, 0.9))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (64, 96)])
def test_synthesised_depth_lies_between_near_and_far(size: tuple[int, int]) -> None:
    depth = synthesised_depth(torch.zeros(50, 3, *size), seeded())
    assert depth.shape == (50, 1, *size)
    assert depth.min() >= 0 and depth.max() <= 1 + 1e-5
    if size == (64, 96):
        assert torch.allclose(depth.amax(dim=(2, 3)), torch.ones(50, 1), atol=1e-4)
        top, bottom = depth[:, :, :8].mean(), depth[:, :, -8:].mean()
        assert top > bottom  # mostly farther towards the top
