"""Grayscale against kornia."""

import pytest
import torch
from torch import Generator

from pellucid.degradations.grayscale import grayscale


def test_full_share_is_kornias_grey() -> None:
    color = pytest.importorskip("kornia.color")
    image = torch.rand(2, 3, 9, 12, generator=Generator().manual_seed(0))
    theirs = color.rgb_to_grayscale(image).expand_as(image)
    assert torch.allclose(grayscale(image), theirs, atol=1e-6)


def test_share_blends_and_grey_pictures_stay() -> None:
    image = torch.rand(2, 3, 9, 12, generator=Generator().manual_seed(0))
    half = grayscale(image, torch.tensor([0.0, 0.5]))
    assert torch.equal(half[0], image[0])
    assert torch.allclose(half[1], (image[1] + grayscale(image)[1]) / 2, atol=1e-6)
    grey = image[:, :1].expand_as(image)
    assert torch.allclose(grayscale(grey), grey, atol=1e-6)
