"""The dark channel prior: what it finds where the answer is known, and what it leaves alone."""

import pytest
import torch
from scipy import ndimage
from torch import Tensor

from pellucid.degradations.haze import haze
from pellucid.images.overview import spread, views
from pellucid.images.tiling import Box
from pellucid.networks import dark_channel
from pellucid.networks.dark_channel import DarkChannel


def scene(height: int = 96, width: int = 128) -> Tensor:
    """Dark and colourful things everywhere, and a patch of sky."""
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))
    image = image * (torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(4)) > 0.2)
    image[..., :24, :40] = 0.95
    return image


def hazy(image: Tensor, beta: float, airlight: float, depth: Tensor) -> Tensor:
    degraded = haze(image, beta, airlight, depth=depth, generator=torch.Generator())
    degraded[..., :24, :40] = airlight  # the sky has no other colour than the air
    return degraded


def undone(image: Tensor, **arguments: float) -> Tensor:
    network = DarkChannel(**arguments)
    return network(image, spread(network.context(views(image)), (image.shape[-2], image.shape[-1])))


@pytest.mark.parametrize(("beta", "airlight"), [(0.5, 0.9), (1.0, 0.8)])
def test_haze_by_koschmieders_law_is_undone(beta: float, airlight: float) -> None:
    clean = scene()
    depth = torch.linspace(1.0, 0.4, 96).view(1, 1, -1, 1).expand(1, 1, 96, 128)
    degraded = hazy(clean, beta, airlight, depth)
    network = DarkChannel(share=1.0, least_transmission=0.05)
    context = network.context(views(degraded))
    assert torch.allclose(context[:, 2:], torch.tensor(airlight), atol=0.02), "the colour of the air"
    below = (..., slice(60, None), slice(None))
    slope, offset = spread(context, (96, 128))[:, :2].split(1, dim=1)
    transmission = (slope * degraded.mean(1, keepdim=True) + offset)[below]
    assert (transmission - torch.exp(-beta * depth)[below]).abs().mean() < 0.05
    before, after = (degraded - clean)[below], (undone(degraded, share=1.0) - clean)[below]
    assert after.square().mean() < 0.1 * before.square().mean()


def test_the_dark_channel_is_scipys_minimum_filter() -> None:
    image = torch.rand(1, 3, 30, 41, generator=torch.Generator().manual_seed(0))
    ours = dark_channel._darkest(image)[0, 0].numpy()
    theirs = ndimage.minimum_filter(image.amin(1)[0].numpy(), size=13, mode="nearest")
    assert (ours == theirs).all()


def test_a_picture_with_something_black_everywhere_stays() -> None:
    image = torch.rand(1, 3, 80, 90, generator=torch.Generator().manual_seed(0))
    image[..., ::4, ::4] = 0.0
    torch.testing.assert_close(undone(image), image, atol=1e-5, rtol=0)


def test_a_grey_picture_stays_grey() -> None:
    grey = (0.4 + 0.5 * scene()).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    result = undone(grey)
    assert (result - grey).abs().max() > 0.05
    assert (result.amax(1) - result.amin(1)).max() < 1e-6


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (400, 700)])
def test_any_size_gives_numbers(size: tuple[int, int]) -> None:
    image = 0.3 + 0.6 * torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(undone(image)).all()
    white = torch.ones(1, 3, *size)
    assert torch.isfinite(undone(white)).all() and torch.isfinite(undone(0 * white)).all()


def test_a_part_is_that_part_of_the_whole() -> None:
    image = 0.4 + 0.5 * scene()
    network = DarkChannel()
    coarse = network.context(views(image))
    whole = network(image, spread(coarse, (96, 128)))
    part = network(image[..., 32:64, 48:96], spread(coarse, (96, 128), Box(32, 48, 32, 48)))
    assert torch.equal(part, whole[..., 32:64, 48:96])
