"""Colours that are guessed: luma is kept, nothing leaves the range, only luma is looked at, tiles agree."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr

from pellucid.images.overview import spread, views
from pellucid.images.tiling import Box
from pellucid.networks.colorizer import Colorizer, luma, within_range


@pytest.fixture(scope="module")
def network() -> Colorizer:
    """One that guesses strong colours, though not with any sense."""
    torch.manual_seed(0)
    made = Colorizer(width=8).eval()
    with torch.no_grad():
        made.coefficients.weight.normal_(0, 0.1)
        assert made.coefficients.bias is not None
        made.coefficients.bias.copy_(torch.tensor([-0.3, 0.4, 0.2, -0.3]))
    return made


def picture(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_luma_is_kept_and_nothing_leaves_the_range(network: Colorizer) -> None:
    given = picture(64, 96)
    coloured = network(given)
    assert (coloured.amax(dim=1) - coloured.amin(dim=1)).mean() > 0.1, "these are colours"
    assert coloured.min() >= -1e-6 and coloured.max() <= 1 + 1e-6
    before, after = (rgb2ycbcr(one[0].permute(1, 2, 0).numpy())[..., 0] for one in (given, coloured))
    assert np.abs(before - after).max() < 0.01, "of 219, by somebody else's luma"


@torch.no_grad()
def test_only_luma_is_looked_at(network: Colorizer) -> None:
    given = picture(64, 64)
    assert torch.allclose(network(given), network(luma(given).expand(-1, 3, -1, -1)), atol=1e-3)


@torch.no_grad()
def test_a_part_gets_what_the_whole_gets(network: Colorizer) -> None:
    given, box = picture(90, 130), Box(20, 40, 33, 50)
    context = network.context(views(given))
    whole = network(given, spread(context, (90, 130)))
    part = network(given[..., 20:53, 40:90], spread(context, (90, 130), box))
    assert torch.equal(part, whole[..., 20:53, 40:90])


@torch.no_grad()
def test_a_new_network_leaves_everything_grey() -> None:
    given = picture(40, 40)
    assert torch.allclose(Colorizer(width=8)(given), luma(given).expand(-1, 3, -1, -1), atol=1e-6)


def test_colours_are_shortened_no_more_than_needed() -> None:
    generator = torch.Generator().manual_seed(2)
    grey, away = torch.rand(1, 1, 50, 50, generator=generator), torch.randn(1, 3, 50, 50, generator=generator)
    away = away - luma(away)
    made = within_range(grey, away)
    assert made.min() >= -1e-6 and made.max() <= 1 + 1e-6
    shortened = (made - grey).norm(dim=1) / away.norm(dim=1)
    assert torch.allclose(made - grey, shortened[:, None] * away, atol=1e-5), "the hue stays"
    is_short = shortened < 0.999
    at_border = torch.minimum(made.amin(dim=1), 1 - made.amax(dim=1))
    assert bool(is_short.any()) and at_border[is_short].abs().max() < 1e-5
    small = torch.full((1, 3, 2, 2), 0.01)
    assert torch.equal(within_range(torch.full((1, 1, 2, 2), 0.5), small), 0.5 + small)
