"""What every operator owes: adjoint, pseudo-inverse, squared entries; and that each does what its name says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.degradations.blur import filter_by_kernels, gaussian_kernels
from pellucid.degradations.grayscale import grayscale
from pellucid.degradations.mask import hole
from pellucid.errors import ConfigurationError, ImageError
from pellucid.trust.operators.average_pooling import AveragePooling
from pellucid.trust.operators.circular_blur import CircularBlur
from pellucid.trust.operators.contract import LinearOperator, SeparateOperator
from pellucid.trust.operators.identity import Identity
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask

NAMES = ("identity", "mask", "luma", "pooling-1", "pooling-2", "pooling-3", "blur-3", "blur-each-5", "blur-9")
SEPARATE = NAMES[:6]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def picture(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=seeded(seed))


def built(name: str, batch: int, height: int, width: int) -> LinearOperator:
    """An operator for such pictures; kernels have no symmetry, so that a filter turned round is noticed."""
    kind, _, size = name.rpartition("-")
    if name == "mask":
        return Mask((picture(7, batch, 1, height, width) > -0.3).double())
    if kind == "pooling":
        return AveragePooling(int(size))
    if kind.startswith("blur"):
        kernel = torch.rand(batch, int(size), int(size), dtype=torch.float64, generator=seeded(3))
        kernel[:, int(size) // 2, int(size) // 2] += 1
        kernel /= kernel.sum((1, 2), keepdim=True)
        return CircularBlur(kernel if "each" in kind else kernel[0])
    return Identity() if name == "identity" else Luma()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(batch=st.integers(1, 3), height=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_adjoint(name: str, batch: int, height: int, width: int, seed: int) -> None:
    height, width = 6 * height, 6 * width + (0 if "pooling" in name else seed % 2)
    operator = built(name, batch, height, width)
    image = picture(seed, batch, 3, height, width)
    observed = operator.forward(image)
    other = picture(seed + 1, *observed.shape)
    back = operator.adjoint(other)
    assert back.shape == image.shape and observed.dtype == back.dtype == torch.float64
    for row in range(batch):  # per sample: none may look into another
        one, two = (observed[row] * other[row]).sum().item(), (image[row] * back[row]).sum().item()
        assert one == pytest.approx(two, abs=1e-10)  # sums of up to 2700 products of order 1 in float64


@pytest.mark.parametrize("name", NAMES)
def test_pseudo_inverse_keeps_the_four_identities_of_penrose(name: str, dense) -> None:
    operator = built(name, 1, 6, 6)
    matrix = dense(operator.forward, (3, 6, 6))
    inverse = dense(operator.pseudo_inverse, tuple(operator.forward(torch.zeros(1, 3, 6, 6)).shape[1:]))
    np.testing.assert_allclose(matrix @ inverse @ matrix, matrix, atol=1e-12)
    np.testing.assert_allclose(inverse @ matrix @ inverse, inverse, atol=1e-9)
    for product in (inverse @ matrix, matrix @ inverse):
        np.testing.assert_allclose(product, product.T, atol=1e-10)
    np.testing.assert_allclose(inverse, np.linalg.pinv(matrix), atol=1e-9)


def test_pseudo_inverse_of_a_blur_leaves_out_what_it_destroys(dense) -> None:
    """[1, 2, 1] / 4 along rows of even length has a zero at the highest frequency."""
    blur = CircularBlur(torch.tensor([[0, 0, 0], [1, 2, 1], [0, 0, 0]]) / 4)
    matrix = dense(blur.forward, (3, 4, 6))
    inverse = dense(blur.pseudo_inverse, (3, 4, 6))
    assert np.linalg.matrix_rank(matrix, tol=1e-9) == 3 * 4 * 5
    np.testing.assert_allclose(inverse, np.linalg.pinv(matrix, rcond=1e-9), atol=1e-9)
    checkered = torch.tensor([1.0, -1.0]).repeat(3).expand(1, 3, 4, 6)
    assert blur.pseudo_inverse(checkered).abs().max() < 1e-6


def test_a_larger_cutoff_gives_up_more() -> None:
    kernel = gaussian_kernels(torch.tensor([1.0], dtype=torch.float64))[0]
    image = picture(0, 1, 3, 16, 16)
    energies = [CircularBlur(kernel, cutoff).pseudo_inverse(image).norm().item() for cutoff in (1e-9, 1e-2, 1e-1)]
    assert energies[0] > 10 * energies[1] > 20 * energies[2]


@pytest.mark.parametrize("name", SEPARATE)
def test_squared_entries_and_no_shared_pixels(name: str, dense) -> None:
    operator = built(name, 1, 6, 6)
    assert isinstance(operator, SeparateOperator)
    matrix = dense(operator.forward, (3, 6, 6))
    observed_shape = tuple(operator.forward(torch.zeros(1, 3, 6, 6)).shape[1:])
    np.testing.assert_allclose(dense(operator.squared_forward, (3, 6, 6)), matrix**2, atol=1e-15)
    np.testing.assert_allclose(dense(operator.squared_adjoint, observed_shape), (matrix**2).T, atol=1e-15)
    shared = matrix @ np.diag(np.random.default_rng(0).random(matrix.shape[1])) @ matrix.T
    np.testing.assert_allclose(shared, np.diag(np.diag(shared)), atol=1e-15)


def test_a_blur_shares_pixels_and_says_so() -> None:
    blur = built("blur-3", 1, 6, 6)
    assert isinstance(blur, LinearOperator) and not isinstance(blur, SeparateOperator)


def test_luma_is_the_grey_of_the_degradation() -> None:
    image = torch.rand(2, 3, 5, 7, generator=seeded())
    assert torch.allclose(Luma().forward(image).expand(-1, 3, -1, -1), grayscale(image), atol=1e-6)
    assert torch.allclose(Luma().forward(Luma().pseudo_inverse(Luma().forward(image))), Luma().forward(image))


def test_pooling_is_that_of_torch_and_undone_by_repeating() -> None:
    image = torch.rand(2, 3, 6, 12, generator=seeded())
    assert torch.allclose(AveragePooling(3).forward(image), F.avg_pool2d(image, 3))
    observed = AveragePooling(3).forward(image)
    assert torch.equal(AveragePooling(3).pseudo_inverse(observed), F.interpolate(observed, scale_factor=3))


@pytest.mark.parametrize(("size", "height", "width"), [(3, 6, 7), (5, 9, 4), (9, 5, 8)])
def test_blur_is_a_filter_with_a_border_that_wraps(size: int, height: int, width: int) -> None:
    kernel = torch.rand(size, size, dtype=torch.float64, generator=seeded())
    image = picture(1, 2, 3, height, width)
    reach = size // 2
    rows, columns = torch.arange(-reach, height + reach) % height, torch.arange(-reach, width + reach) % width
    wrapped = image[:, :, rows][..., columns]
    expected = F.conv2d(wrapped, kernel.expand(3, 1, -1, -1), groups=3)
    assert torch.allclose(CircularBlur(kernel).forward(image), expected, atol=1e-12)


def test_blur_agrees_with_the_degradation_inside() -> None:
    kernels = torch.rand(2, 5, 5, generator=seeded())
    kernels /= kernels.sum((1, 2), keepdim=True)
    image = torch.rand(2, 3, 12, 13, generator=seeded(1))
    inside = (..., slice(2, -2), slice(2, -2))
    expected = filter_by_kernels(image, kernels)
    assert torch.allclose(CircularBlur(kernels).forward(image)[inside], expected[inside], atol=1e-6)


def test_nothing_comes_through_the_hole() -> None:
    image = torch.rand(1, 3, 20, 20, generator=seeded())
    known = 1 - hole(image, 0.2, generator=seeded())
    spoiled = torch.where(known == 1, image, float("nan"))
    assert torch.equal(Mask(known).adjoint(spoiled), image * known)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_dtype_is_that_of_what_comes_in(name: str, dtype: torch.dtype) -> None:
    operator = built(name, 1, 6, 6)
    observed = operator.forward(torch.rand(1, 3, 6, 6, dtype=dtype))
    assert observed.dtype == operator.adjoint(observed).dtype == operator.pseudo_inverse(observed).dtype == dtype


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="factor"):
        AveragePooling(0)
    with pytest.raises(ImageError, match="multiples of 2"):
        AveragePooling(2).forward(torch.zeros(1, 3, 4, 5))
    with pytest.raises(ConfigurationError, match="odd"):
        CircularBlur(torch.ones(4, 4))
    with pytest.raises(ConfigurationError, match="odd"):
        CircularBlur(torch.ones(3, 5))
    with pytest.raises(ImageError, match="known"):
        Mask(torch.ones(1, 3, 4, 4))
    with pytest.raises(ConfigurationError, match="zeros and ones"):
        Mask(torch.full((1, 1, 4, 4), 0.5))
    with pytest.raises(ImageError, match="mask's size"):
        Mask(torch.ones(1, 1, 1, 1)).forward(torch.zeros(1, 3, 4, 5))
