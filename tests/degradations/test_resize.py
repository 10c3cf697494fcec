"""Resize against Pillow and scikit-image."""

import pytest
import torch
from torch import Generator, Tensor

from pellucid.degradations.resize import resize


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=Generator().manual_seed(0))


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.7])
@pytest.mark.parametrize("name", ["bicubic", "bilinear"])
def test_smaller_is_pillows(factor: float, name: str) -> None:
    image_module = pytest.importorskip("PIL.Image")
    np = pytest.importorskip("numpy")
    image = picture(45, 62)
    small = resize(image, factor, keep_size=False, filter=name)
    size = (round(62 / factor), round(45 / factor))
    resample = getattr(image_module.Resampling, name.upper())
    for channel in range(3):
        theirs = image_module.fromarray(image[0, channel].numpy()).resize(size, resample)
        assert torch.allclose(small[0, channel], torch.tensor(np.array(theirs)), atol=1e-5)


def test_area_is_scikit_images_local_mean() -> None:
    transform = pytest.importorskip("skimage.transform")
    image = picture(40, 60)
    ours = resize(image, 4.0, keep_size=False, filter="area")
    theirs = transform.downscale_local_mean(image[0].numpy(), (1, 4, 4))
    assert abs(ours[0].numpy() - theirs).max() < 1e-6


def test_enlarged_again_it_has_its_size_and_less_detail() -> None:
    image = picture(41, 63)
    soft = [resize(image, factor) for factor in (1.0, 1.5, 3.0)]
    assert all(each.shape == image.shape for each in soft)
    assert torch.allclose(soft[0], image, atol=1e-5)
    detail = [each.diff(dim=-1).square().mean().item() for each in soft]
    assert detail[0] > detail[1] > detail[2]


def test_samples_may_differ_in_factor() -> None:
    image = picture(30, 30).repeat(2, 1, 1, 1)
    together = resize(image, torch.tensor([1.3, 2.6]))
    assert torch.allclose(together[:1], resize(image[:1], 1.3), atol=1e-6)
    assert torch.allclose(together[1:], resize(image[1:], 2.6), atol=1e-6)


def test_a_pixel_stays() -> None:
    pixel = torch.full((1, 3, 1, 1), 0.3)
    assert torch.allclose(resize(pixel, 4.0), pixel)
