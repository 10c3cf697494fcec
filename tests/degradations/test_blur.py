"""Blur against kornia, SciPy and scikit-image, and kernels against their geometry."""

import math

import pytest
import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import (
    GaussianBlur,
    defocus_blur,
    disc_kernels,
    filter_by_kernels,
    gaussian_blur,
    gaussian_kernels,
    line_kernels,
    motion_blur,
)
from pellucid.errors import ConfigurationError


def noise_picture(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(shape, generator=Generator().manual_seed(3), dtype=dtype)


def moments(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Mean position (row, column) and covariance of a kernel taken as a distribution."""
    radius = kernel.shape[-1] // 2
    axis = torch.arange(-radius, radius + 1, dtype=kernel.dtype)
    places = torch.stack([g.flatten() for g in torch.meshgrid(axis, axis, indexing="ij")])
    weights = kernel.flatten()
    mean = (places * weights).sum(1)
    centred = places - mean[:, None]
    return mean, (centred * weights) @ centred.T


@pytest.mark.parametrize("sigma", [0.5, 1.3, 3.0])
def test_gaussian_blur_is_that_of_scipy_and_scikit_image(sigma: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    filters = pytest.importorskip("skimage.filters")
    image = noise_picture(1, 3, 41, 52)
    ours = gaussian_blur(image, sigma)[0].numpy()
    radius = math.ceil(4 * sigma)
    theirs = ndimage.gaussian_filter(image[0].numpy(), (0, sigma, sigma), mode="nearest", radius=(0, radius, radius))
    assert abs(ours - theirs).max() < 1e-6  # our kernel is made in float32
    again = filters.gaussian(image[0].numpy(), sigma, mode="nearest", truncate=4, channel_axis=0)
    assert abs(ours - again).max() < 1e-3  # it rounds the radius down where ours is rounded up


def test_gaussian_blur_is_that_of_kornia() -> None:
    kornia = pytest.importorskip("kornia.filters")
    image = noise_picture(2, 3, 30, 37)
    theirs = kornia.gaussian_blur2d(image, (17, 17), (2.0, 2.0), border_type="replicate")
    assert torch.allclose(gaussian_blur(image, 2.0), theirs, atol=1e-6)


def test_anisotropic_kernel_has_the_covariance_that_it_is_named_for() -> None:
    sigma, ratio, angle = 3.0, 0.5, math.radians(30)
    kernel = gaussian_kernels(*(torch.tensor([v], dtype=torch.float64) for v in (sigma, ratio, angle)))[0]
    mean, covariance = moments(kernel)
    assert mean.abs().max() < 1e-9
    along = torch.tensor([-math.sin(angle), math.cos(angle)], dtype=torch.float64)  # rows grow downwards
    across = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    assert (along @ covariance @ along).sqrt().item() == pytest.approx(sigma, rel=0.01)
    assert (across @ covariance @ across).sqrt().item() == pytest.approx(sigma * ratio, rel=0.01)
    assert abs((along @ covariance @ across).item()) < 0.01


@pytest.mark.parametrize("sigma", [1.0, 4.0, 5.0])  # narrower than the kernel, and cut by it
def test_a_kernel_of_a_given_size_is_opencvs(sigma: float) -> None:
    opencv = pytest.importorskip("cv2")
    line = torch.from_numpy(opencv.getGaussianKernel(21, sigma)).float()
    assert torch.allclose(gaussian_kernels(torch.tensor([sigma]), kernel_size=21)[0], line @ line.T, atol=1e-8)


def test_a_given_size_does_not_depend_on_the_other_samples() -> None:
    image = noise_picture(2, 3, 30, 37)
    together = gaussian_blur(image, torch.tensor([1.0, 4.0]), kernel_size=21)
    for row, sigma in enumerate((1.0, 4.0)):
        alone = gaussian_blur(image[row : row + 1], sigma, kernel_size=21)
        assert torch.allclose(together[row : row + 1], alone, rtol=0, atol=1e-12)
    assert torch.equal(gaussian_blur(image, 2.0, kernel_size=17), gaussian_blur(image, 2.0))  # what it takes anyway


@pytest.mark.parametrize("kernel_size", [20, -3])
def test_a_kernel_without_a_middle_is_refused(kernel_size: int) -> None:
    for refused in (
        lambda: GaussianBlur(2.0, kernel_size=kernel_size),
        lambda: gaussian_blur(noise_picture(1, 3, 9, 9), 2.0, kernel_size=kernel_size),
    ):
        with pytest.raises(ConfigurationError, match=f"odd number of pixels, .* got {kernel_size}"):
            refused()


@pytest.mark.parametrize("make", [gaussian_kernels, disc_kernels, lambda v: line_kernels(v, v / 7)])
def test_kernels_sum_to_one_and_are_not_negative(make) -> None:
    kernels = make(torch.tensor([0.01, 0.7, 2.5, 11.0]))
    assert kernels.shape[-1] % 2 == 1 and kernels.shape[-2] == kernels.shape[-1]
    assert torch.allclose(kernels.sum(dim=(1, 2)), torch.ones(4), atol=1e-5)
    assert kernels.min() >= 0


@pytest.mark.parametrize("degrees", [0, 37, 90, 135])
def test_line_kernel_is_a_line_of_its_length_and_angle(degrees: float) -> None:
    length, angle = 15.0, math.radians(degrees)
    kernel = line_kernels(torch.tensor([length]), torch.tensor([angle]))[0].double()
    mean, covariance = moments(kernel)
    along = torch.tensor([-math.sin(angle), math.cos(angle)], dtype=torch.float64)
    across = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    assert mean.abs().max() < 1e-5
    assert (along @ covariance @ along).item() == pytest.approx(length**2 / 12, rel=0.06)  # of an even stroke
    assert (across @ covariance @ across).sqrt().item() < 0.6  # one pixel wide
    radius = kernel.shape[-1] // 2
    axis = torch.arange(-radius, radius + 1)
    far = (axis.view(-1, 1) ** 2 + axis**2).sqrt() > length / 2 + 1.5
    assert kernel[far].abs().max() == 0 if far.any() else True


def test_disc_kernel_is_a_disc() -> None:
    kernel = disc_kernels(torch.tensor([5.0]))[0]
    axis = torch.arange(-5, 6)
    distance = (axis.view(-1, 1) ** 2 + axis**2).sqrt()
    assert torch.allclose(kernel[distance <= 4.5], kernel[5, 5].expand(()))
    assert kernel[distance > 5.5].max() == 0
    assert 1 / kernel[5, 5].item() == pytest.approx(math.pi * 25, rel=0.05)  # its area
    assert torch.equal(kernel, kernel.T) and torch.equal(kernel, kernel.flip(0))


def test_horizontal_motion_is_a_mean_over_columns() -> None:
    image = noise_picture(1, 3, 9, 40)
    blurred = motion_blur(image, 5.0, 0.0)
    expected = torch.nn.functional.avg_pool2d(image, (1, 5), stride=1)
    assert torch.allclose(blurred[..., 2:-2], expected, atol=1e-6)


def test_a_constant_picture_stays_and_so_does_the_mean_of_any() -> None:
    flat = torch.full((1, 3, 20, 20), 0.37)
    for blurred in (gaussian_blur(flat, 2.0), motion_blur(flat, 9.0, 0.4), defocus_blur(flat, 3.0)):
        assert torch.allclose(blurred, flat, atol=1e-6)


def test_no_strength_leaves_the_picture() -> None:
    image = noise_picture(1, 3, 12, 15)
    assert torch.equal(gaussian_blur(image, 0.0), image)
    assert torch.equal(defocus_blur(image, 0.0), image)
    assert torch.allclose(motion_blur(image, 0.0, 0.0), image)


def test_kernels_larger_than_the_picture_see_its_border_replicated() -> None:
    image = noise_picture(1, 3, 2, 3)
    wide = torch.nn.functional.pad(image, [30] * 4, mode="replicate")
    assert torch.allclose(gaussian_blur(image, 4.0), gaussian_blur(wide, 4.0)[..., 30:-30, 30:-30], atol=1e-6)
    pixel = torch.full((1, 3, 1, 1), 0.25)
    assert torch.allclose(defocus_blur(pixel, 6.0), pixel)


def test_each_sample_has_its_own_kernel() -> None:
    image = noise_picture(3, 3, 24, 31)
    sigma = torch.tensor([0.5, 1.0, 3.0])
    together = gaussian_blur(image, sigma)
    for row, each in enumerate(sigma.tolist()):
        assert torch.allclose(together[row : row + 1], gaussian_blur(image[row : row + 1], each), atol=2e-4)


def test_filtering_is_the_sum_over_neighbours() -> None:
    image = noise_picture(1, 1, 5, 5)
    kernel = torch.zeros(1, 3, 3)
    kernel[0, 0, 2] = 1.0  # one up, one to the right
    shifted = filter_by_kernels(image, kernel)
    assert torch.equal(shifted[0, 0, 1:, :-1], image[0, 0, :-1, 1:])
    assert torch.equal(shifted[0, 0, 0, :-1], image[0, 0, 0, 1:])  # above the picture its first row goes on
