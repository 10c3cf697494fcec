"""The network of expected errors: what it learns on errors whose scale is known, and how far it sees."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from pellucid.data.batch import Batch
from pellucid.methods.trust_map.objective import ErrorObjective, scale_error
from pellucid.networks.error_scales import LEAST_SCALE, ErrorScales


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_loss_is_least_at_the_quantile(level: float) -> None:
    error = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).double() * 0.05
    tried = torch.linspace(0.01, 0.1, 901).double()
    losses = torch.stack([scale_error(scale.view(1, 1, 1, 1), error, level).mean() for scale in tried])
    assert abs(tried[losses.argmin()].item() - np.quantile(error.abs().numpy(), level)) < 2e-4


def test_no_single_error_counts_for_more_than_another() -> None:
    logarithm = torch.linspace(-9, 0, 200, dtype=torch.float64, requires_grad=True)
    for error in (0.0, 1e-3, 1.0):
        loss = scale_error(logarithm.exp().view(1, 1, 1, -1), torch.full((1, 1, 1, 200), error).double()).sum()
        (slope,) = torch.autograd.grad(loss, logarithm)
        assert slope.abs().max() <= 1


def test_a_pixel_sees_as_far_as_is_declared() -> None:
    for coarse_width in (0, 8):
        network = ErrorScales(width=8, blocks=1, coarse_width=coarse_width)
        torch.nn.init.normal_(network.tail.weight, std=0.5)
        side, radius = 192, network.receptive_radius
        degraded = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
        restored = (degraded + 0.02).requires_grad_()
        network(degraded, restored)[..., side // 2, side // 2].sum().backward()
        assert restored.grad is not None
        seen = restored.grad.abs().sum(dim=(0, 1)).nonzero() - side // 2
        assert seen.abs().max() <= radius
        assert seen.abs().max() >= radius // 2


def test_the_scales_have_a_floor_and_are_float32_in_bf16() -> None:
    network = ErrorScales(width=8, blocks=1, coarse_width=0)
    assert network.tail.bias is not None
    torch.nn.init.constant_(network.tail.bias, -40.0)
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    told = network(picture, picture)
    assert torch.allclose(told, torch.full_like(told, LEAST_SCALE))
    network.head.bfloat16(), network.body.bfloat16()
    assert network(picture, picture).dtype == torch.float32


def test_it_learns_how_strong_noise_is_and_what_is_left_of_it() -> None:
    torch.manual_seed(0)
    draws = torch.Generator().manual_seed(3)
    network = ErrorScales(width=16, blocks=1, coarse_width=0)
    objective = ErrorObjective(lambda degraded: 0.5 + 0.25 * (degraded - 0.5))  # a quarter of the noise is left
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)

    def batch(sigma: torch.Tensor) -> Batch:
        clean = torch.full((len(sigma), 3, 32, 32), 0.5)
        noise = torch.randn(clean.shape, generator=draws) * sigma.view(-1, 1, 1, 1)
        return Batch(clean + noise, clean, ("gaussian-noise",) * len(sigma), step=1)

    for _ in range(150):
        loss, _ = objective(network, batch(0.02 + 0.13 * torch.rand(8, generator=draws)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for sigma in (0.04, 0.12):
        told = batch(torch.full((16,), sigma))
        with torch.no_grad():
            restored, degraded = network(told.degraded, objective.restore(told.degraded)).mean(dim=(0, 2, 3)).tolist()
        expected = sigma * norm.ppf(0.95)  # nine of ten values of normal noise are within
        assert abs(degraded / expected - 1) < 0.15
        assert abs(restored / (expected / 4) - 1) < 0.15


def test_what_is_dark_and_was_not_lifted_does_not_count() -> None:
    """Two dark pictures, one of which the restorer has lifted, and a noisy one: the other dark one teaches nothing."""
    clean = torch.full((3, 3, 32, 32), 0.6)
    degraded = torch.cat([clean[:2] / 3, clean[2:] + 0.1])
    restored = torch.cat([clean[:1] + 0.05, clean[1:2] / 3, clean[2:] + 0.05])
    batch = Batch(degraded, clean, ("low-light", "low-light+jpeg", "gaussian-noise"))
    objective, scales = ErrorObjective(lambda _: restored), torch.full((3, 2, 32, 32), 0.1)
    found = objective(lambda *_: scales, batch)[0]  # pyright: ignore[reportArgumentType]
    others = batch.rows([0, 2])
    expected = scale_error(scales[::2, :1], restored[::2] - others.clean).mean()
    expected += scale_error(scales[::2, 1:], others.degraded - others.clean).mean()
    assert found.item() == pytest.approx(expected.item())
    only = ErrorObjective(lambda _: restored[1:2])(lambda *_: scales[1:2], batch.rows([1]))[0]  # pyright: ignore[reportArgumentType]
    assert only.item() == 0
