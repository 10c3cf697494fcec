"""Fusion against dense linear algebra, in its limits, and at what it refuses."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import gaussian_kernels
from pellucid.degradations.grayscale import LUMA
from pellucid.degradations.mask import hole
from pellucid.errors import ConfigurationError, ImageError, MethodError
from pellucid.trust.fusion import consistency, effect, fuse
from pellucid.trust.operators.average_pooling import AveragePooling
from pellucid.trust.operators.circular_blur import CircularBlur
from pellucid.trust.operators.contract import LinearOperator, SeparateOperator
from pellucid.trust.operators.identity import Identity
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask
from pellucid.trust.probes import Probes

SIZE = (4, 6)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def random(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, dtype=dtype, generator=seeded(seed))


SEPARATE = {
    "identity": Identity(),
    "mask": Mask(random(9, 1, 1, *SIZE) > 0.4),
    "luma": Luma(),
    "pooling": AveragePooling(2),
}
BLUR = CircularBlur(torch.tensor([[0.1, 0.05, 0.0], [0.2, 0.4, 0.05], [0.0, 0.1, 0.1]], dtype=torch.float64))
EVERY = {**SEPARATE, "blur": BLUR}


@pytest.fixture(params=EVERY)
def operator(request: pytest.FixtureRequest) -> LinearOperator:
    return EVERY[request.param]


@pytest.fixture(params=SEPARATE)
def separate(request: pytest.FixtureRequest) -> SeparateOperator:
    return SEPARATE[request.param]


def reliance(matrix: np.ndarray, spread: Tensor, noise: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """K and I - K A, written out."""
    of_data = matrix @ np.diag(spread.flatten().numpy()) @ matrix.T + np.diag(noise.flatten().numpy())
    gain = np.diag(spread.flatten().numpy()) @ matrix.T @ np.linalg.pinv(of_data)
    return gain, np.eye(matrix.shape[1]) - gain @ matrix


@pytest.mark.parametrize("strength", [0.001, 0.3])
def test_equals_dense_linear_algebra(operator: LinearOperator, strength: float, dense) -> None:
    matrix = dense(operator.forward, (3, *SIZE))
    prior, spread = random(1, 2, 3, *SIZE), 0.01 + random(2, 2, 3, *SIZE) ** 3
    observed = random(3, *operator.forward(prior).shape)
    noise = strength * (0.2 + random(4, *observed.shape))
    fused = fuse(
        observed,
        prior,
        prior_variance=spread,
        noise_variance=noise,
        operator=operator,
        probes=Probes(seeded(), 64),
    )
    assert torch.equal(fused.image, fused.evidence + fused.belief)
    for row in range(2):
        gain, rely = reliance(matrix, spread[row], noise[row])
        # Conjugate gradients stop at a residual of 1e-7; closed forms are exact.
        tolerance = 1e-5 if operator is BLUR else 1e-12
        np.testing.assert_allclose(
            fused.evidence[row].flatten(), gain @ observed[row].flatten().numpy(), atol=tolerance
        )
        np.testing.assert_allclose(fused.belief[row].flatten(), rely @ prior[row].flatten().numpy(), atol=tolerance)
        off = fused.prior_weight[row].flatten().numpy() - np.diag(rely)
        if fused.prior_weight_error is None:
            np.testing.assert_allclose(off, 0, atol=1e-12)
        else:
            deviations = off / fused.prior_weight_error[row].flatten().clamp_min(1e-9).numpy()
            assert np.abs(deviations).max() < 4.5 and np.sqrt((deviations**2).mean()) < 1.4
            assert fused.prior_weight_error.max() < 0.5 / 64**0.5 * 1.5  # the bound, and how far an estimate may stray
    assert (fused.prior_weight_error is None) == (operator is not BLUR)
    assert fused.prior_weight.min() >= 0 and fused.prior_weight.max() <= 1


def test_variances_broadcast(separate: SeparateOperator) -> None:
    prior = random(1, 2, 3, *SIZE)
    observed = random(3, *separate.forward(prior).shape)

    def weight(spread: Tensor | float, noise: Tensor | float) -> Tensor:
        return fuse(observed, prior, prior_variance=spread, noise_variance=noise, operator=separate).prior_weight

    per_pixel, per_sample = random(5, 2, 1, *SIZE), 0.1 + random(6, 2, 1, 1, 1)
    full = weight(per_pixel.expand(-1, 3, -1, -1), per_sample.expand_as(observed))
    assert torch.equal(weight(per_pixel, per_sample), full)
    assert torch.equal(weight(0.5, 0.25), weight(torch.full_like(prior, 0.5), torch.full_like(observed, 0.25)))


def test_identity_with_noise_weighs_by_variance() -> None:
    spread, noise = random(1, 2, 3, 5, 7), random(2, 2, 3, 5, 7)
    weight = fuse(spread, noise, prior_variance=spread, noise_variance=noise).prior_weight
    assert torch.allclose(weight, noise / (noise + spread), atol=1e-15)


def test_without_noise_the_hole_is_the_prior_and_the_rest_the_data_to_the_bit() -> None:
    prior, observed = random(1, 2, 3, 20, 30, dtype=torch.float32), random(2, 2, 3, 20, 30, dtype=torch.float32)
    missing = hole(prior, 0.3, shape="free-form", generator=seeded())
    spread = 10 ** (6 * random(3, 2, 3, 20, 30, dtype=torch.float32) - 7)
    fused = fuse(observed, prior, prior_variance=spread, noise_variance=0, operator=Mask(1 - missing))
    assert torch.equal(fused.image, torch.where(missing == 1, prior, observed))
    assert torch.equal(fused.prior_weight, missing.expand_as(prior))
    assert torch.equal(fused.evidence, torch.where(missing == 1, 0, observed))


def test_what_stands_in_the_hole_does_not_matter() -> None:
    prior, observed, known = random(1, 1, 3, *SIZE), random(2, 1, 3, *SIZE), SEPARATE["mask"].known
    spoiled = torch.where(known, observed, float("nan"))
    one, other = (
        fuse(data, prior, prior_variance=0.1, noise_variance=0.02, operator=Mask(known)) for data in (observed, spoiled)
    )
    assert torch.equal(one.image, other.image) and not other.image.isnan().any()
    assert consistency(prior, spoiled, Mask(known)) == consistency(prior, observed, Mask(known))


def test_luma_without_noise_leaves_each_colour_its_share() -> None:
    weights = np.array(LUMA)
    share = 1 - weights**2 / (weights**2).sum()
    np.testing.assert_allclose(share, [0.80, 0.23, 0.97], atol=0.005)
    prior = random(1, 2, 3, *SIZE, dtype=torch.float32)
    fused = fuse(prior[:, :1], prior, prior_variance=0.04, noise_variance=0, operator=Luma())
    np.testing.assert_allclose(fused.prior_weight, np.broadcast_to(share[:, None, None], prior.shape), atol=1e-7)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_pooling_without_noise_leaves_one_value_of_each_block(factor: int) -> None:
    prior = random(1, 1, 3, 12, 24, dtype=torch.float32)
    operator = AveragePooling(factor)
    fused = fuse(operator.forward(prior), prior, prior_variance=0.3, noise_variance=0, operator=operator)
    assert torch.allclose(fused.prior_weight, torch.full_like(prior, 1 - 1 / factor**2), atol=1e-7)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
def test_without_noise_the_data_are_met(separate: SeparateOperator, scale: float) -> None:
    prior = random(1, 2, 3, *SIZE, dtype=torch.float32)
    observed = separate.forward(random(2, 2, 3, *SIZE, dtype=torch.float32))
    spread = scale * 10 ** (4 * random(3, 2, 3, *SIZE, dtype=torch.float32) - 4)
    fused = fuse(observed, prior, prior_variance=spread, noise_variance=0, operator=separate)
    assert (separate.forward(fused.image.double()) - observed).abs().max() < 2e-7
    assert consistency(fused.image, observed, separate).max() < 2e-7


def test_a_little_noise_is_near_none(separate: SeparateOperator) -> None:
    prior, observed = random(1, 1, 3, *SIZE), separate.forward(random(2, 1, 3, *SIZE))
    none, little = (
        fuse(observed, prior, prior_variance=0.1, noise_variance=noise, operator=separate).image
        for noise in (0.0, 1e-12)
    )
    assert torch.allclose(none, little, atol=1e-9)


def test_where_neither_can_be_wrong_the_data_win(separate: SeparateOperator, dense) -> None:
    """The limit of a small constant variance: `A^+ y + (I - A^+ A) G`, nowhere a NaN."""
    prior, observed = random(1, 1, 3, *SIZE), random(2, *separate.forward(torch.zeros(1, 3, *SIZE)).shape)
    fused = fuse(observed, prior, prior_variance=0, noise_variance=0, operator=separate)
    matrix = dense(separate.forward, (3, *SIZE))
    inverse = np.linalg.pinv(matrix)
    rely = np.eye(matrix.shape[1]) - inverse @ matrix
    np.testing.assert_allclose(fused.evidence.flatten(), inverse @ observed.flatten().numpy(), atol=1e-12)
    np.testing.assert_allclose(fused.belief.flatten(), rely @ prior.flatten().numpy(), atol=1e-12)
    np.testing.assert_allclose(fused.prior_weight.flatten(), np.diag(rely), atol=1e-12)


def test_a_certain_pixel_stays_when_others_can_give_way() -> None:
    prior = torch.full((1, 3, 1, 1), 0.4, dtype=torch.float64)
    observed = torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64)
    spread = torch.tensor([0.0, 0.2, 0.0]).view(1, 3, 1, 1)
    fused = fuse(observed, prior, prior_variance=spread, noise_variance=0, operator=Luma())
    assert fused.image.flatten().tolist() == pytest.approx([0.4, 0.4 + 0.1 / LUMA[1], 0.4], abs=1e-12)
    assert fused.prior_weight.flatten().tolist() == pytest.approx([1, 0, 1], abs=1e-12)


def test_the_closed_form_can_be_differentiated(separate: SeparateOperator) -> None:
    prior, spread = random(1, 1, 3, 2, 6), 0.1 + random(2, 1, 3, 2, 6)
    operator = Mask(separate.known[..., :2, :]) if isinstance(separate, Mask) else separate
    observed = random(3, *operator.forward(prior).shape)

    def parts(guess: Tensor, variance: Tensor, data: Tensor) -> tuple[Tensor, Tensor]:
        fused = fuse(data, guess, prior_variance=variance, noise_variance=0.03, operator=operator)
        return fused.image, fused.prior_weight

    assert torch.autograd.gradcheck(parts, [v.requires_grad_() for v in (prior, spread, observed)])


def test_gradients_are_numbers_where_nothing_is_known_and_nothing_noisy() -> None:
    spread, noise = torch.full((1, 3, *SIZE), 0.1, requires_grad=True), torch.zeros(1, 3, *SIZE, requires_grad=True)
    fused = fuse(noise + 1, spread, prior_variance=spread, noise_variance=noise, operator=SEPARATE["mask"])
    (fused.image.sum() + fused.prior_weight.sum()).backward()
    for variance in (spread, noise):
        assert variance.grad is not None and variance.grad.isfinite().all()


def test_a_blur_of_constant_variances_is_known_per_frequency() -> None:
    kernel = gaussian_kernels(torch.tensor([1.2], dtype=torch.float64), torch.tensor([0.5]), torch.tensor([0.6]))
    prior, observed = random(1, 1, 3, 12, 15), random(2, 1, 3, 12, 15)
    blur, spread, noise = CircularBlur(kernel), 0.05, 0.002
    fused = fuse(
        observed, prior, prior_variance=spread, noise_variance=noise, operator=blur, probes=Probes(seeded(2), 64)
    )
    # The response to one bright pixel, by NumPy's transform; its phase does not count for the weight.
    bright = torch.zeros(1, 3, 12, 15, dtype=torch.float64)
    bright[..., 0, 0] = 1
    power = np.abs(np.fft.fft2(blur.forward(bright)[0, 0].numpy())) ** 2
    weight = 1 - power * spread / (power * spread + noise)
    belief = np.fft.ifft2(weight * np.fft.fft2(prior.numpy())).real
    np.testing.assert_allclose(fused.belief, belief, atol=1e-6)
    assert fused.prior_weight_error is not None
    deviations = (fused.prior_weight.numpy() - weight.mean()) / fused.prior_weight_error.numpy()
    assert np.sqrt((deviations**2).mean()) == pytest.approx(1, abs=0.2) and np.abs(deviations).max() < 4.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_the_priors(operator: LinearOperator, dtype: torch.dtype) -> None:
    prior = random(1, 1, 3, *SIZE, dtype=dtype)
    observed = operator.forward(prior).float()
    fused = fuse(observed, prior, prior_variance=0.1, noise_variance=0.1, operator=operator, probes=Probes(seeded(), 2))
    assert {fused.image.dtype, fused.evidence.dtype, fused.belief.dtype, fused.prior_weight.dtype} == {dtype}


def test_effect_is_the_way_from_the_data(operator: LinearOperator, dense) -> None:
    image = random(1, 1, 3, *SIZE)
    observed = random(2, *operator.forward(image).shape)
    inverse = np.linalg.pinv(dense(operator.forward, (3, *SIZE)))
    expected = np.abs(image.flatten().numpy() - inverse @ observed.flatten().numpy())
    np.testing.assert_allclose(effect(image, observed, operator).flatten(), expected, atol=1e-9)


def test_consistency_of_the_truth_is_the_noise(operator: LinearOperator) -> None:
    height, width = SIZE if isinstance(operator, Mask) else (60, 90)
    batch = 90 if isinstance(operator, Mask) else 2
    clean = random(1, batch, 3, height, width)
    observed = operator.forward(clean)
    noisy = observed + 0.05 * torch.randn(observed.shape, dtype=torch.float64, generator=seeded(2))
    found = consistency(clean, noisy, operator)
    assert found.shape == (batch,) and found.dtype == torch.float64
    # Over thousands of values; for the mask over the known ones alone.
    assert found.square().mean().sqrt().item() == pytest.approx(0.05, rel=0.05)


def test_consistency_where_nothing_is_known_is_zero() -> None:
    assert consistency(torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), Mask(torch.zeros(1, 1, 2, 2))).item() == 0


def test_what_does_not_fit_is_refused() -> None:
    prior, observed = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    with pytest.raises(ImageError, match="prior as a tensor"):
        fuse(observed, prior[0], prior_variance=1, noise_variance=1)
    with pytest.raises(ImageError, match=r"observed of shape \(2, 1, 4, 4\)"):
        fuse(observed, prior, prior_variance=1, noise_variance=1, operator=Luma())
    with pytest.raises(ImageError, match="prior_variance"):
        fuse(observed, prior, prior_variance=torch.ones(2), noise_variance=1)
    with pytest.raises(ImageError, match="noise_variance"):
        fuse(observed, prior, prior_variance=1, noise_variance=torch.ones(2, 3, 4, 5))
    for spread, noise in ((-1.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, float("nan"))):
        with pytest.raises(ConfigurationError, match="_variance of at least 0"):
            fuse(observed, prior, prior_variance=spread, noise_variance=noise)
    with pytest.raises(ImageError, match="observed of shape"):
        effect(prior, observed, Luma())
    with pytest.raises(ImageError, match="observed of shape"):
        consistency(prior, observed[..., :2])


def test_a_blur_without_probes_or_without_noise_is_refused() -> None:
    prior = torch.zeros(1, 3, 4, 4)
    with pytest.raises(ConfigurationError, match="probes"):
        fuse(prior, prior, prior_variance=1, noise_variance=1, operator=BLUR)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigurationError, match="noise_variance above 0"):
        fuse(prior, prior, prior_variance=1, noise_variance=0, operator=BLUR, probes=Probes(seeded()))


def test_what_cannot_be_solved_is_said() -> None:
    prior = random(1, 1, 3, 16, 16)
    blur = CircularBlur(gaussian_kernels(torch.tensor([3.0], dtype=torch.float64)))
    with pytest.raises(MethodError, match="larger noise_variance"):
        fuse(
            random(2, 1, 3, 16, 16),
            prior,
            prior_variance=1,
            noise_variance=1e-18,
            operator=blur,
            probes=Probes(seeded()),
        )
