"""The weight of a prior in a finished estimate, against Gaussian pictures for which everything is known."""

import numpy as np
import pytest
import torch

from pellucid.errors import ConfigurationError
from pellucid.trust.fusion import fuse
from pellucid.trust.posterior_weight import posterior_prior_weight


@pytest.fixture(params=[0.02, 0.3])
def gaussian(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Mean, covariance of 40 neighbouring pixels of different spread, an observation, and its noise variance."""
    generator = np.random.default_rng(4)
    place = np.arange(40)
    spread = 0.1 + 0.4 * generator.random(40)
    covariance = np.exp(-np.abs(place[:, None] - place) / 5) * np.outer(spread, spread)
    return generator.random(40), covariance, generator.random(40), request.param**2


def test_it_is_the_share_of_the_guess_from_all_other_values(gaussian) -> None:
    mean, covariance, observed, noise = gaussian
    gain = covariance @ np.linalg.inv(covariance + noise * np.eye(40))  # Wiener
    estimate = mean + gain @ (observed - mean)
    error = np.diag(covariance - gain @ covariance)
    phi = posterior_prior_weight(torch.tensor(error), noise).numpy()
    np.testing.assert_allclose(phi, 1 - np.diag(gain), atol=1e-12)  # Tweedie: J is the gain
    for pixel in range(40):
        others = np.delete(np.arange(40), pixel)
        across = covariance[pixel, others] @ np.linalg.inv(covariance[np.ix_(others, others)] + noise * np.eye(39))
        guess = mean[pixel] + across @ (observed - mean)[others]
        guess_error = covariance[pixel, pixel] - across @ covariance[others, pixel]
        assert phi[pixel] == pytest.approx(noise / (noise + guess_error), abs=1e-12)
        assert estimate[pixel] == pytest.approx((1 - phi[pixel]) * observed[pixel] + phi[pixel] * guess, abs=1e-12)


def test_it_is_the_weight_that_fusion_gave() -> None:
    """Of independent pixels: the error that is left after fusion tells the weight that fusion had."""
    spread = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    noise = 0.1 + torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(1)).double()
    fused = fuse(spread, spread, prior_variance=spread, noise_variance=noise)
    left = spread * noise / (spread + noise)
    assert torch.allclose(posterior_prior_weight(left, noise), fused.prior_weight, atol=1e-14)


def test_it_stays_within_its_bounds() -> None:
    error = torch.tensor([0.0, 0.0, 0.1, 0.1, 0.5])
    noise = torch.tensor([0.0, 0.1, 0.0, 0.1, 0.1])
    assert posterior_prior_weight(error, noise).tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize(("error", "noise"), [(-0.1, 0.1), (0.1, -0.1), (float("nan"), 0.1), (0.1, float("nan"))])
def test_what_is_no_variance_is_refused(error: float, noise: float) -> None:
    with pytest.raises(ConfigurationError, match="variance of at least 0"):
        posterior_prior_weight(torch.tensor([error]), noise)
