"""Classic methods are fusion with a certain variance: each against its own formula, solver or library."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Generator, Tensor

from pellucid.degradations.blur import gaussian_kernels, line_kernels
from pellucid.trust.fusion import fuse
from pellucid.trust.operators.average_pooling import AveragePooling
from pellucid.trust.operators.circular_blur import CircularBlur
from pellucid.trust.operators.contract import LinearOperator
from pellucid.trust.operators.identity import Identity
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask
from pellucid.trust.probes import Probes


def random(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=Generator().manual_seed(seed))


def few() -> Probes:
    """Where the weight is not looked at."""
    return Probes(Generator().manual_seed(0), 2)


OPERATORS = {
    "identity": Identity(),
    "mask": Mask(random(9, 1, 1, 4, 6) > 0.4),
    "luma": Luma(),
    "pooling": AveragePooling(2),
    "blur": CircularBlur(gaussian_kernels(torch.tensor([0.6], dtype=torch.float64))),
}


@pytest.fixture(params=OPERATORS)
def operator(request: pytest.FixtureRequest) -> LinearOperator:
    return OPERATORS[request.param]


@pytest.fixture
def prior() -> Tensor:
    return random(1, 1, 3, 4, 6)


@pytest.fixture
def observed(operator: LinearOperator, prior: Tensor) -> Tensor:
    return random(2, *operator.forward(prior).shape)


def test_map_with_a_gaussian_prior() -> None:
    """BUIFD: `y / (1 + 1/S) + mean / (1 + S)`, S the signal-to-noise ratio of every pixel."""
    data, mean, spread, noise = random(1, 2, 3, 8, 9), random(2, 2, 3, 8, 9), random(3, 2, 3, 8, 9), 0.02
    ratio = spread.numpy() / noise
    fused = fuse(data, mean, prior_variance=spread, noise_variance=noise)
    np.testing.assert_allclose(fused.image, data.numpy() / (1 + 1 / ratio) + mean.numpy() / (1 + ratio), atol=1e-14)
    np.testing.assert_allclose(fused.prior_weight, 1 / (1 + ratio), atol=1e-14)


@pytest.mark.parametrize("strength", [0.05, 2.0])
def test_tikhonov(operator: LinearOperator, prior: Tensor, observed: Tensor, strength: float, dense) -> None:
    """argmin |A x - y|^2 + b |x - x0|^2, by least squares over both terms at once; `T = s^2 / b`."""
    matrix = dense(operator.forward, (3, 4, 6))
    stacked = np.vstack([matrix, strength**0.5 * np.eye(matrix.shape[1])])
    targets = np.concatenate([(observed * (operator.forward(prior) != 0)).flatten(), strength**0.5 * prior.flatten()])
    solved = np.linalg.lstsq(stacked, targets, rcond=None)[0]
    fused = fuse(observed, prior, prior_variance=0.3 / strength, noise_variance=0.3, operator=operator, probes=few())
    np.testing.assert_allclose(fused.image.flatten(), solved, atol=1e-6)
    if isinstance(operator, Identity):
        np.testing.assert_allclose(fused.prior_weight, strength / (1 + strength), atol=1e-15)


@pytest.mark.parametrize("ratio", [3.0, 300.0])
def test_wiener_deconvolution(ratio: float) -> None:
    """`conj(H) Y / (|H|^2 + 1 / SNR)` by NumPy's transforms, the kernel placed by hand."""
    kernels = line_kernels(torch.tensor([4.0]).double(), torch.tensor([0.5]).double()).double()
    kernel, size = kernels[0].numpy()[::-1, ::-1], kernels.shape[-1]  # turned round: a filter, as a convolution
    data = random(4, 1, 3, 14, 17)
    placed = np.zeros((14, 17))
    placed[:size, :size] = kernel
    transfer = np.fft.fft2(np.roll(placed, (-(size // 2), -(size // 2)), (0, 1)))
    keep = np.abs(transfer) ** 2 / (np.abs(transfer) ** 2 + 1 / ratio)  # one minus the weight of the prior
    zero = torch.zeros_like(data)
    arguments = {"prior_variance": 0.01 * ratio, "noise_variance": 0.01, "operator": CircularBlur(kernels)}
    fused = fuse(data, zero, probes=Probes(Generator().manual_seed(1), 16), **arguments)
    expected = np.fft.ifft2(keep / transfer * np.fft.fft2(data.numpy())).real
    np.testing.assert_allclose(fused.image, expected, atol=1e-5)
    assert fused.belief.abs().max() == 0
    # Around a guess each of its frequencies comes through by its weight, the mean of which every pixel has.
    belief = np.fft.ifft2((1 - keep) * np.fft.fft2(data.numpy())).real
    np.testing.assert_allclose(fuse(zero, data, probes=few(), **arguments).image, belief, atol=1e-5)
    assert fused.prior_weight.mean().item() == pytest.approx(1 - keep.mean(), abs=0.01)  # 714 values, 16 probes


def test_wiener_deconvolution_of_scikit_image() -> None:
    """With an impulse as regulariser it is the filter whose prior is black and equally uncertain everywhere."""
    restoration = pytest.importorskip("skimage.restoration")
    kernel = random(5, 5, 5)
    kernel /= kernel.sum()
    data = random(6, 1, 3, 16, 16)
    impulse = np.zeros((5, 5))
    impulse[2, 2] = 1
    expected = np.stack(
        [restoration.wiener(c, kernel.numpy(), balance=0.05, reg=impulse, clip=False) for c in data[0].numpy()]
    )
    blur = CircularBlur(kernel.flip(0, 1))
    zero = torch.zeros_like(data)
    fused = fuse(data, zero, prior_variance=0.2, noise_variance=0.01, operator=blur, probes=few())
    np.testing.assert_allclose(fused.image[0], expected, atol=1e-5)


def test_soft_threshold() -> None:
    """`sign(c) max(|c| - t, 0)` has the weight `min(1, t / |c|)`: the prior's variance is `s^2 (|c| - t) / t`."""
    coefficients = 4 * random(7, 1, 3, 8, 8) - 2
    threshold, noise = 0.6, 0.04
    spread = noise * (coefficients.abs() - threshold).clamp_min(0) / threshold
    fused = fuse(coefficients, torch.zeros_like(coefficients), prior_variance=spread, noise_variance=noise)
    values = coefficients.numpy()
    np.testing.assert_allclose(fused.prior_weight, np.minimum(1, threshold / np.abs(values)), atol=1e-14)
    np.testing.assert_allclose(fused.image, np.sign(values) * np.maximum(np.abs(values) - threshold, 0), atol=1e-14)


def test_plug_and_play_step_of_half_quadratic_splitting(
    operator: LinearOperator, prior: Tensor, observed: Tensor
) -> None:
    """The data step minimises `|A x - y|^2 / (2 s^2) + mu / 2 |x - D(z)|^2`: its gradient vanishes; `T = 1 / mu`."""
    denoised = torch.from_numpy(ndimage.gaussian_filter(prior.numpy(), (0, 0, 1, 1)))
    penalty, noise = 2.5, 0.1
    fused = fuse(observed, denoised, prior_variance=1 / penalty, noise_variance=noise, operator=operator, probes=few())
    step = fused.image.clone().requires_grad_()
    misfit = (operator.forward(step) - observed)[operator.forward(torch.ones_like(step)) != 0]
    (misfit.square().sum() / (2 * noise) + penalty / 2 * (step - denoised).square().sum()).backward()
    assert step.grad is not None
    assert step.grad.abs().max() < 1e-5  # terms of order 10; conjugate gradients stop at 1e-7
    if isinstance(operator, Identity):
        weight = penalty * noise / (1 + penalty * noise)
        assert torch.allclose(fused.prior_weight, torch.full_like(prior, weight), atol=1e-15)


def test_plain_inversion(operator: LinearOperator, prior: Tensor, observed: Tensor) -> None:
    """A prior that is never wrong is the whole picture."""
    fused = fuse(observed, prior, prior_variance=0, noise_variance=0.1, operator=operator, probes=few())
    assert torch.equal(fused.image, prior) and torch.equal(fused.prior_weight, torch.ones_like(prior))


def test_doing_nothing(prior: Tensor) -> None:
    """Data without noise that leave nothing open are the whole picture."""
    data = random(8, 1, 3, 4, 6).float()
    fused = fuse(data, prior.float(), prior_variance=0.1, noise_variance=0)
    assert torch.equal(fused.image, data) and torch.equal(fused.prior_weight, torch.zeros_like(data))


def test_range_and_null_space(operator: LinearOperator, prior: Tensor, observed: Tensor, dense) -> None:
    """DDNM: `A^+ y + (I - A^+ A) G`; of a blur, which has no closed form, in the limit of little noise."""
    is_blur = isinstance(operator, CircularBlur)
    matrix = dense(operator.forward, (3, 4, 6))
    inverse = np.linalg.pinv(matrix)
    expected = prior.flatten().numpy() + inverse @ (observed.flatten().numpy() - matrix @ prior.flatten().numpy())
    noise = 1e-9 if is_blur else 0
    fused = fuse(observed, prior, prior_variance=1, noise_variance=noise, operator=operator, probes=few())
    np.testing.assert_allclose(fused.image.flatten(), expected, atol=1e-4 if is_blur else 1e-12)
