"""The scale of guessed colours: none where there is no room for any."""

import torch

from pellucid.degradations.grayscale import grayscale
from pellucid.trust.colour import LEAST_SCALE, SHARE_OF_ROOM, colour_scale


def test_black_and_white_have_no_colour_and_grey_has_most_room() -> None:
    grey = torch.tensor([0.0, 0.25, 0.5, 1.0]).view(1, 1, 1, 4)
    scale = colour_scale(grey, grey.expand(-1, 3, -1, -1)).flatten()
    expected = torch.tensor([0.0, 0.25, 0.5, 0.0]) * SHARE_OF_ROOM + LEAST_SCALE
    assert torch.allclose(scale, expected)


def test_what_is_told_more_colour_may_be_off_by_more() -> None:
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    grey = grayscale(image)
    more, less = colour_scale(grey[:, :1], image), colour_scale(grey[:, :1], grey.lerp(image, 0.5))
    assert bool((more >= less).all())
    assert torch.allclose(more - less, 0.5 * (image - grey).abs().mean(dim=1, keepdim=True), atol=1e-6)
