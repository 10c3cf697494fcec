"""Snow: an overlay that only whitens."""

import torch
from torch import Generator

from pellucid.degradations.snow import snow


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_snow_lies_between_the_picture_and_white() -> None:
    image = torch.rand(2, 3, 60, 70, generator=seeded())
    snowy = snow(image, 0.08, 3.0, 8.0, 0.3, 0.9, generator=seeded(1))
    assert (snowy >= image - 1e-6).all() and (snowy <= 1 + 1e-6).all()
    assert (snowy - image).mean() > 0.01


def test_one_mask_serves_all_channels() -> None:
    image = torch.rand(1, 3, 60, 70, generator=seeded(), dtype=torch.float64) * 0.9
    snowy = snow(image, 0.05, 2.0, 4.0, 0.0, 1.0, generator=seeded(1))
    clear = (1 - snowy) / (1 - image)
    assert torch.allclose(clear.amax(1), clear.amin(1), atol=1e-9)


def test_opacity_bounds_the_whitening() -> None:
    black = torch.zeros(1, 3, 100, 100)
    snowy = snow(black, 0.02, 2.0, 0.0, 0.0, 0.5, generator=seeded())
    assert snowy.max() <= 1 - 0.5**3 + 1e-6  # three layers, each covering at most half
    assert snowy.max() > 0.4


def test_nothing_falls_at_density_or_opacity_zero() -> None:
    image = torch.rand(1, 3, 30, 30, generator=seeded())
    assert torch.allclose(snow(image, 0.0, 3.0, 8.0, 0.3, 0.9, generator=seeded()), image, atol=1e-6)
    assert torch.allclose(snow(image, 0.1, 3.0, 8.0, 0.3, 0.0, generator=seeded()), image, atol=1e-6)


def test_flakes_drawn_out_downwards_cover_columns() -> None:
    black = torch.zeros(1, 3, 128, 128)
    fallen = snow(black, 0.01, 1.0, 15.0, 0.0, 1.0, generator=seeded())[0, 0]
    down, right = torch.gradient(fallen)
    assert right.square().mean() > 2 * down.square().mean()
