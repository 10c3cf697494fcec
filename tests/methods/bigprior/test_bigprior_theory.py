"""Learned weights against the theory: where the data are Gaussian, the best weight is known in closed form."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.methods.bigprior.config import FusionObjectiveSettings
from pellucid.methods.bigprior.fusion import fused_by
from pellucid.methods.bigprior.objective import FusionObjective
from pellucid.networks.fusion_network import BoundedFusion, PriorErrorNetwork
from pellucid.trust.fusion import fuse
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask

NOISE = 0.01
"""Variance of the noise."""

LEVELS, VARIANCES = (0.3, 0.7), (0.0025, 0.04)
"""The prior's picture tells the class of a pixel, and with it how wrong the prior is: S is 1/4 or 4."""


@dataclass(frozen=True)
class Drawn:
    """Gaussian pictures with what made them."""

    batch: Batch
    weight: Tensor
    wiener: Tensor


def drawn(seed: int, count: int = 8, side: int = 24) -> Drawn:
    """Pictures `x = G + tau z` observed as `y = x + s n`; the best weight is `1 / (1 + S)`, S = tau^2 / s^2."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(2, (count, 1, side // 4, side // 4), generator=generator)
    classes = blocks.repeat_interleave(4, 2).repeat_interleave(4, 3).expand(-1, 3, -1, -1)
    prior, variance = torch.tensor(LEVELS)[classes], torch.tensor(VARIANCES)[classes]
    clean = prior + variance.sqrt() * torch.randn(prior.shape, generator=generator)
    observed = clean + NOISE**0.5 * torch.randn(prior.shape, generator=generator)
    weight = 1 / (1 + variance / NOISE)
    batch = Batch(observed, clean, ("gaussian-noise",) * count, seed, prior=prior)
    return Drawn(batch, weight, (1 - weight) * observed + weight * prior)


def trained(network: nn.Module, loss: str, steps: int = 150) -> nn.Module:
    objective = FusionObjective(FusionObjectiveSettings.model_validate({"loss": loss}), NOISE)
    optimiser = torch.optim.Adam(network.parameters())
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / steps)
        optimiser.zero_grad()
        objective(network, drawn(step).batch)[0].backward()
        optimiser.step()
    return network.eval()


def bounded() -> nn.Module:
    return BoundedFusion(observed=3, channels=1, width=8, depth=None, dilations=(1,))


def prior_error() -> nn.Module:
    return PriorErrorNetwork(observed=3, channels=1, width=8, dilations=(1,))


def blind_prior_error() -> nn.Module:
    """It must not see the data where the likelihood teaches it, else they count twice."""
    return PriorErrorNetwork(observed=0, channels=1, width=8, dilations=(1,))


@pytest.mark.parametrize(
    ("make", "loss"), [(bounded, "squared"), (prior_error, "squared"), (blind_prior_error, "likelihood")]
)
@torch.random.fork_rng(devices=[])
def test_the_learned_weight_is_that_of_wiener(make: Callable[[], nn.Module], loss: str) -> None:
    torch.manual_seed(0)
    network, test = trained(make(), loss), drawn(10**6, count=32)
    assert test.batch.prior is not None
    with torch.no_grad():
        fused = fused_by(network, test.batch.degraded, test.batch.prior, NOISE)
    for level, variance in zip(LEVELS, VARIANCES, strict=True):
        learned = fused.prior_weight[test.batch.prior == level].mean().item()
        assert learned == pytest.approx(1 / (1 + variance / NOISE), rel=0.05)
    error, best = (
        (picture - test.batch.clean).square().mean().log10().item() * 10 for picture in (fused.image, test.wiener)
    )
    assert error - best < 0.05, "dB"


@torch.random.fork_rng(devices=[])
def test_the_likelihood_tells_how_wrong_the_prior_is_in_squared_units() -> None:
    torch.manual_seed(0)
    network, test = trained(blind_prior_error(), "likelihood"), drawn(10**6)
    assert test.batch.prior is not None
    with torch.no_grad():
        told = network(test.batch.degraded, test.batch.prior).exp().expand_as(test.batch.prior)
    for level, variance in zip(LEVELS, VARIANCES, strict=True):
        assert told[test.batch.prior == level].mean().item() == pytest.approx(variance, rel=0.1)


@torch.random.fork_rng(devices=[])
def test_without_noise_the_weight_is_the_hole_whatever_the_network_says() -> None:
    torch.manual_seed(0)
    network = prior_error()
    nn.init.normal_(network.trunk.last.weight)  # type: ignore[union-attr]
    batch = drawn(0).batch
    assert batch.prior is not None
    known = (torch.rand(8, 1, 24, 24) > 0.3).float()
    observed = batch.clean * known
    with torch.no_grad():
        variance = network(observed, batch.prior).exp()
    fused = fuse(observed, batch.prior, prior_variance=variance, noise_variance=0.0, operator=Mask(known))
    assert torch.equal(fused.prior_weight, (1 - known).expand_as(fused.prior_weight))
    torch.testing.assert_close(fused.image, torch.where(known > 0, batch.clean, batch.prior))


def test_a_prior_that_has_the_observed_luma_is_given_back_by_the_exact_operator() -> None:
    """Why colours are fused with the data's picture: luma alone says nothing against them."""
    batch = drawn(0).batch
    assert batch.prior is not None
    observed = Luma().forward(batch.prior)
    fused = fuse(observed, batch.prior, prior_variance=0.01, noise_variance=0.0, operator=Luma())
    torch.testing.assert_close(fused.image, batch.prior)
