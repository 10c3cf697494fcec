"""Noise against the statistics that its formulas promise."""

import math

import numpy as np
import pytest
import torch
from torch import Generator

from pellucid.degradations.noise import GaussianNoise, SensorNoise, as_stored, gaussian_noise, sensor_noise


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_gaussian_noise_has_the_moments_of_a_normal_distribution() -> None:
    stats = pytest.importorskip("scipy.stats")
    grey = torch.full((1, 3, 200, 200), 0.5)
    noise = ((gaussian_noise(grey, 25 / 255, generator=seeded()) - grey) / (25 / 255)).flatten().double()
    count = noise.numel()
    assert abs(noise.mean().item()) < 4 / math.sqrt(count)
    assert abs(noise.std().item() - 1) < 4 / math.sqrt(2 * count)
    # 1e-3: a right generator fails one seed in a thousand, and this seed is fixed
    assert stats.kstest(noise.numpy(), "norm").pvalue > 1e-3


def test_gaussian_noise_is_white_and_the_channels_are_independent() -> None:
    grey = torch.zeros(1, 3, 128, 128)
    noise = gaussian_noise(grey, 1.0, generator=seeded()).double()
    channels = np.corrcoef(noise[0].flatten(1).numpy())
    assert np.abs(channels - np.eye(3)).max() < 4 / 128
    assert abs((noise[..., 1:] * noise[..., :-1]).mean().item()) < 4 / math.sqrt(3 * 128 * 127)
    assert abs((noise[..., 1:, :] * noise[..., :-1, :]).mean().item()) < 4 / math.sqrt(3 * 128 * 127)


def test_gaussian_noise_is_the_stream_of_the_generator() -> None:
    image = torch.rand(2, 3, 20, 30, generator=seeded(1))
    expected = image + 0.1 * torch.randn(image.shape, generator=seeded(5))
    assert torch.equal(gaussian_noise(image, 0.1, generator=seeded(5)), expected)
    assert not torch.equal(gaussian_noise(image, 0.1, generator=seeded(6)), expected)


@pytest.mark.parametrize("function", [gaussian_noise, sensor_noise])
def test_noise_does_not_depend_on_the_layout_of_the_memory(function) -> None:
    image = torch.rand(2, 3, 20, 30, generator=seeded(1))
    strengths = (0.1,) if function is gaussian_noise else (0.01, 0.02)
    rows = function(image, *strengths, generator=seeded())
    assert torch.equal(rows, function(image.to(memory_format=torch.channels_last), *strengths, generator=seeded()))


def test_strength_may_differ_per_sample() -> None:
    grey = torch.full((3, 3, 100, 100), 0.5)
    noise = gaussian_noise(grey, torch.tensor([0.0, 0.05, 0.2]), generator=seeded()) - grey
    assert torch.equal(noise[0], torch.zeros_like(noise[0]))
    assert torch.allclose(noise[1:].std(dim=(1, 2, 3)), torch.tensor([0.05, 0.2]), rtol=0.02)


def test_clipped_and_rounded_are_what_a_file_holds() -> None:
    image = torch.rand(1, 3, 64, 64, generator=seeded())
    free = gaussian_noise(image, 0.3, generator=seeded(1))
    clipped = gaussian_noise(image, 0.3, clip=True, generator=seeded(1))
    rounded = gaussian_noise(image, 0.3, round_to_8_bits=True, generator=seeded(1))
    assert free.min() < 0 and free.max() > 1
    assert torch.equal(clipped, free.clamp(0, 1))
    levels = np.clip(np.round(free.numpy() * 255), 0, 255).astype(np.uint8)
    assert np.array_equal((rounded * 255).round().byte().numpy(), levels)
    assert torch.equal(as_stored(rounded, clip=False, round_to_8_bits=True), rounded)


def test_variance_of_sensor_noise_is_a_line_over_the_light() -> None:
    gain, read_noise = 0.004, 0.015
    greys = torch.linspace(0.05, 0.95, 10)
    image = greys.view(-1, 1, 1, 1).expand(10, 3, 90, 90).contiguous()
    noise = sensor_noise(image, gain, read_noise, round_to_8_bits=False, generator=seeded()) - image
    assert noise.mean(dim=(1, 2, 3)).abs().max() < 0.002
    slope, offset = np.polyfit(greys.numpy(), noise.var(dim=(1, 2, 3)).numpy(), 1)
    assert slope == pytest.approx(gain, rel=0.03)
    assert offset == pytest.approx(read_noise**2, rel=0.15)  # the small end of the line


def test_shot_noise_counts_photons() -> None:
    image = torch.full((1, 3, 50, 50), 0.3)
    counts = sensor_noise(image, 0.01, 0.0, round_to_8_bits=False, generator=seeded()) / 0.01
    assert torch.allclose(counts, counts.round(), atol=1e-3)
    assert counts.mean().item() == pytest.approx(30, rel=0.02)


def test_no_gain_and_no_read_noise_leave_the_picture() -> None:
    image = torch.rand(2, 3, 16, 16, generator=seeded())
    assert torch.equal(sensor_noise(image, 0.0, 0.0, round_to_8_bits=False, generator=seeded()), image)


def test_correlation_keeps_the_strength_and_grows_coarser() -> None:
    image = torch.full((4, 3, 120, 120), 0.5)
    spread = torch.tensor([0.0, 0.4, 0.8, 1.2])
    noise = sensor_noise(image, 0.004, 0.02, spread, round_to_8_bits=False, generator=seeded()) - image
    inner, border = noise[..., 6:-6, 6:-6], torch.cat([noise[..., 0, :], noise[..., -1, :]], dim=-1)
    expected = math.sqrt(0.004 * 0.5 + 0.02**2)
    assert torch.allclose(inner.std(dim=(1, 2, 3)), torch.full((4,), expected), rtol=0.03)
    assert torch.allclose(border.std(dim=(1, 2)), torch.full((4,), expected), rtol=0.15)
    neighbours = (inner[..., 1:] * inner[..., :-1]).mean(dim=(1, 2, 3)) / expected**2
    # White noise through a Gaussian of s correlates over one pixel by exp(-1 / (4 s^2)), once s is not small.
    assert abs(neighbours[0].item()) < 0.02
    assert neighbours[2].item() == pytest.approx(math.exp(-1 / (4 * 0.8**2)), abs=0.03)
    assert neighbours[3].item() == pytest.approx(math.exp(-1 / (4 * 1.2**2)), abs=0.03)
    assert 0 < neighbours[1].item() < neighbours[2].item()


def test_draws_reach_what_they_promise() -> None:
    strongest = [GaussianNoise.draw(1.0, seeded(seed)) for seed in range(200)]
    assert {noise.sigma for noise in strongest} == {55 / 255}
    assert 60 < sum(noise.round_to_8_bits for noise in strongest) < 140
    for seed in range(50):
        sensor = SensorNoise.draw(0.5, seeded(seed))
        mid_grey = math.sqrt(sensor.gain * 0.5 + sensor.read_noise**2)
        assert mid_grey == pytest.approx(26 / 255, rel=1e-6)
