"""Low light against its curve."""

import numpy as np
import torch
from torch import Generator

from pellucid.degradations.low_light import LowLight, low_light


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_without_noise_it_is_the_curve_in_8_bits() -> None:
    image = torch.rand(2, 3, 15, 20, generator=seeded(), dtype=torch.float64)
    exposure, gamma = np.array([0.3, 0.7]), np.array([2.2, 1.4])
    ours = low_light(image, torch.tensor(exposure), torch.tensor(gamma), 0.0, 0.0, generator=seeded())
    curve = exposure[:, None, None, None] * image.numpy() ** gamma[:, None, None, None]
    assert np.array_equal(np.round(ours.numpy() * 255), np.round(curve * 255))


def test_noise_has_the_mean_of_the_curve() -> None:
    image = torch.full((1, 3, 150, 150), 0.8)
    dark = low_light(image, 0.4, 2.0, 0.001, 0.01, generator=seeded())
    assert abs(dark.mean().item() - 0.4 * 0.64) < 5e-4
    # Rounding to 8 bits adds a twelfth of a squared level.
    assert abs(dark.var().item() / (0.001 * 0.4 * 0.64 + 0.01**2 + 1 / 12 / 255**2) - 1) < 0.03


def test_draws_stay_within_their_ranges() -> None:
    for seed in range(100):
        drawn = LowLight.draw(seed / 99, seeded(seed))
        assert 0.1 < drawn.exposure < 1
        assert 0.95 < drawn.gamma < 3
