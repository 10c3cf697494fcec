"""Low light against its curve."""

import numpy as np
import torch
from torch import Generator

from pellucid.degradations.low_light import LowLight, lifted_low_light, low_light


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


def test_lifting_undoes_the_curve_and_leaves_noise_in_the_shadows() -> None:
    image = torch.linspace(0.1, 1, 10).view(1, 1, 1, 10).repeat(1, 3, 400, 1)
    lifted = lifted_low_light(image, 0.5, 2.0, 0.0, 0.01, generator=seeded())
    # The root is concave, so that noise lowers its mean a little in the shadows: by sigma^2 / (8 y^2) of it.
    torch.testing.assert_close(lifted.mean(dim=(1, 2))[0, 2:], image[0, 0, 0, 2:], atol=0.01, rtol=0)
    spread = lifted.std(dim=2).mean(dim=1)[0]
    # The slope of (y / 0.5)^(1/2) at y = 0.5 x^2 is 1 / x.
    torch.testing.assert_close(spread[4:-1], 0.01 / image[0, 0, 0, 4:-1], rtol=0.1, atol=0)


def test_uneven_light_leaves_the_brightest_place_as_it_was() -> None:
    image = torch.full((2, 3, 40, 60), 0.8, dtype=torch.float64)
    dark = low_light(image, 0.3, 2.0, 0.0, 0.0, torch.tensor([1.0, 0.5]), generator=seeded())
    lowest, highest = 0.3 * 0.8**2, 0.3**0.5 * 0.8 ** (2**0.5)  # of the second: halfway to no change, in exponents
    assert abs(dark[0].max().item() - 0.8) < 0.003 and abs(dark[1].max().item() - highest) < 0.003
    assert (dark.amin(dim=(1, 2, 3)) - lowest).abs().max() < 0.003
    assert dark[0].mean() < 0.4, "most of it is dark"
    steps = (dark[..., 1:] - dark[..., :-1]).abs().max().item()
    assert steps < 0.06, "and the light changes slowly"


def test_uneven_light_is_lifted_where_it_was_low() -> None:
    image = torch.full((1, 3, 64, 64), 0.7)
    lifted = lifted_low_light(image, 0.2, 2.0, 0.0, 0.005, 1.0, generator=seeded())
    assert abs(lifted.mean().item() - 0.7) < 0.01
    noise = (lifted - 0.7).square().mean(dim=1).view(8, 8, 8, 8).mean(dim=(1, 3))  # of squares of 8 pixels
    assert noise.max() > 5 * noise.min(), "noise stays where the light was low"
