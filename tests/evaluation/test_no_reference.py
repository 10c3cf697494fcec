"""NIQE: its parts against formulas and other libraries, and the whole against figures that somebody else measured."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from pellucid.errors import ImageError
from pellucid.evaluation.measures import rounded_to_8_bits
from pellucid.evaluation.no_reference import asymmetric_fit, halved, niqe, normalised

data = pytest.importorskip("skimage.data")
stats = pytest.importorskip("scipy.stats")
ndimage = pytest.importorskip("scipy.ndimage")


def as_image(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize(("name", "published"), [("astronaut", 3.1), ("coffee", 4.1)])
def test_photographs_have_the_figures_that_others_measured(name: str, published: float) -> None:
    """BasicSR's parameters, measured by their own code, to the digits that were written down."""
    assert niqe(as_image(getattr(data, name)())).item() == pytest.approx(published, abs=0.05)


def test_what_is_degraded_is_less_natural() -> None:
    clean = as_image(data.astronaut())
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    held = io.BytesIO()
    Image.fromarray(data.astronaut()).save(held, "JPEG", quality=5)
    degraded = {
        "noise": rounded_to_8_bits(clean + noise * 25 / 255),
        "blur": as_image(ndimage.gaussian_filter(data.astronaut().astype(float), (3, 3, 0)).round()),
        "jpeg": as_image(np.array(Image.open(held))),
    }
    figures = niqe(torch.cat([clean, *degraded.values()]))
    assert figures[0] < 3.2 and (figures[1:] > 7).all()
    alone = torch.cat([niqe(its) for its in (clean, *degraded.values())])
    torch.testing.assert_close(figures, alone)


@pytest.mark.parametrize(
    ("shape", "left", "right"), [(0.7, 1.0, 1.0), (2.0, 0.5, 0.5), (1.0, 0.4, 1.2), (3.0, 2.0, 0.7)]
)
def test_the_fit_finds_what_samples_were_drawn_from(shape: float, left: float, right: float) -> None:
    count = 400_000
    drawn = np.abs(stats.gennorm.rvs(shape, size=count, random_state=1))
    is_left = np.random.default_rng(2).random(count) < left / (left + right)
    found = asymmetric_fit(torch.from_numpy(np.where(is_left, -left * drawn, right * drawn)))
    for value, wanted in zip(found, (shape, left, right), strict=True):
        assert value.item() == pytest.approx(wanted, rel=0.04)


def test_where_one_side_is_missing_there_is_no_fit() -> None:
    shape, left, _ = asymmetric_fit(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    assert shape.isnan() and left.isnan()


def test_pixels_are_normalised_by_a_gaussian_neighbourhood() -> None:
    levels = 255 * torch.rand(1, 1, 30, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    row = [0.00430352, 0.02700894, 0.08130511, 0.11739636]  # of the authors' 7 x 7 window, its middle
    window = np.array([*row, *row[2::-1]]) / np.sqrt(row[-1])

    def local_mean(values: np.ndarray) -> np.ndarray:
        return ndimage.correlate(values, np.outer(window, window), mode="nearest")

    given = levels[0, 0].numpy()
    mean = local_mean(given)
    expected = (given - mean) / (np.sqrt(np.abs(local_mean(given**2) - mean**2)) + 1)
    np.testing.assert_allclose(normalised(levels)[0, 0], expected, atol=2e-4)


@pytest.mark.parametrize("size", [(96, 60), (31, 45)])
def test_half_the_size_is_bicubic(size: tuple[int, int]) -> None:
    image = torch.rand(1, 2, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    half = halved(image)
    assert half.shape[-2:] == (-(-size[0] // 2), -(-size[1] // 2))
    even = image[..., : size[0] // 2 * 2, : size[1] // 2 * 2]
    expected = F.interpolate(even, scale_factor=0.5, mode="bicubic", antialias=True)
    inner = (..., slice(2, expected.shape[2] - 2), slice(2, expected.shape[3] - 2))  # borders are another matter
    torch.testing.assert_close(half[inner], expected[inner], atol=1e-6, rtol=0)
    torch.testing.assert_close(halved(torch.full((1, 1, *size), 3.0)), torch.full((1, 1, *half.shape[-2:]), 3.0))


def test_nothing_is_said_of_what_cannot_be_described() -> None:
    assert niqe(torch.full((1, 3, 100, 200), 0.5)).isnan().all()
    assert niqe(as_image(data.astronaut())[..., :96, :96]).isfinite().all(), "of one block"
    with pytest.raises(ImageError, match="at least 96 x 96 pixels"):
        niqe(torch.rand(1, 3, 95, 300))
