import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from pellucid.methods.nlcl.restorer import DerainingRestorer, wider_than


@pytest.mark.parametrize("width", [3, 7])
def test_what_is_wide_is_an_opening_as_scipy_has_it(width: int) -> None:
    removed = torch.rand(2, 3, 20, 31, generator=torch.Generator().manual_seed(0))
    theirs = ndimage.grey_opening(removed.numpy(), size=(1, 1, width, width), mode="nearest")
    assert np.array_equal(wider_than(removed, width).numpy(), theirs)


class Removing(nn.Module):
    """Takes a fifth of the light away, and all of what is above a half."""

    size_multiple, receptive_radius = 1, 0

    def forward(self, image: Tensor) -> Tensor:
        return torch.where(image > 0.5, 0.2, image - 0.2)


class Rain(Removing):
    """What it takes away."""

    def forward(self, image: Tensor) -> Tensor:
        return image - super().forward(image)


@pytest.mark.parametrize("widest", [None, 9])
def test_mist_is_given_back_and_streaks_are_not(widest: int | None) -> None:
    picture = torch.full((1, 3, 40, 40), 0.4)
    picture[..., 5:35, 20:23] = 0.9
    restorer = DerainingRestorer(Removing(), Rain(), dtype=torch.float32, widest_rain=widest)
    restored = restorer.restore(picture)
    result = restored.image
    assert torch.allclose(result + restored.maps["rain"], picture, atol=1e-6)
    assert torch.allclose(result, torch.full_like(result, 0.2 if widest is None else 0.4), atol=1e-6)
    assert restorer.reach(None) == (0 if widest is None else 8)


def test_a_wide_thing_that_is_removed_comes_back_as_it_was() -> None:
    picture = torch.zeros(1, 1, 30, 30)
    picture[..., 5:20, 8:22] = 0.7
    assert torch.equal(wider_than(picture, 9), picture)
