"""Every measure against another library, on pictures of awkward sizes."""

import numpy as np
import pytest
import torch

from pellucid.errors import ImageError
from pellucid.evaluation.measures import (
    LARGEST_PSNR,
    area_under_ab_curve,
    measured_channels,
    psnr,
    rounded_to_8_bits,
    ssim,
)


def pictures(height: int = 37, width: int = 45, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(count, 3, 6, 7, generator=generator)
    clean = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    return clean + 0.1 * torch.randn(clean.shape, generator=generator), clean


def as_array(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()


def test_psnr_is_that_of_scikit_image_and_torchmetrics() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    functional = pytest.importorskip("torchmetrics.functional.image")
    restored, clean = pictures()
    ours = psnr(restored, clean)
    assert ours.shape == (2,)
    theirs = metrics.peak_signal_noise_ratio(as_array(clean), as_array(restored), data_range=1)
    assert ours[0].item() == pytest.approx(theirs, abs=1e-9)
    each = functional.peak_signal_noise_ratio(
        restored.double(), clean.double(), data_range=1.0, dim=(1, 2, 3), reduction="none"
    )
    assert torch.allclose(ours, each.double(), atol=1e-5)  # torchmetrics rounds its logarithms to float32


def test_psnr_is_taken_over_all_channels_jointly() -> None:
    clean = torch.full((1, 3, 8, 8), 0.5)
    restored = clean.clone()
    restored[:, 0] += 0.3
    assert psnr(restored, clean).item() == pytest.approx(-10 * np.log10(0.09 / 3), abs=1e-5)


def test_y_is_that_of_scikit_image() -> None:
    color = pytest.importorskip("skimage.color")
    _, clean = pictures()
    theirs = color.rgb2ycbcr(as_array(clean))[..., 0] / 255
    ours = measured_channels(clean[:1], "y")[0, 0].numpy()
    assert np.abs(ours - theirs).max() < 1e-9


def test_white_and_black_in_y_are_235_and_16() -> None:
    assert (measured_channels(torch.ones(1, 3, 2, 2), "y") * 255).mean().item() == pytest.approx(235, abs=0.001)
    assert (measured_channels(torch.zeros(1, 3, 2, 2), "y") * 255).mean().item() == pytest.approx(16, abs=1e-9)


def test_ssim_7x7_is_scikit_images_default() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    restored, clean = pictures()
    ours = ssim(restored, clean, variant="skimage-7x7")[0].item()
    theirs = metrics.structural_similarity(as_array(clean), as_array(restored), data_range=1, channel_axis=-1)
    assert ours == pytest.approx(float(theirs), abs=1e-6)  # ours filters in float32; tables print 1e-4


def test_ssim_11x11_is_that_of_scikit_image_and_torchmetrics() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    functional = pytest.importorskip("torchmetrics.functional.image")
    restored, clean = pictures()
    ours = ssim(restored, clean, variant="gaussian-11x11")
    theirs = metrics.structural_similarity(
        as_array(clean),
        as_array(restored),
        data_range=1,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ours[0].item() == pytest.approx(float(theirs), abs=1e-6)
    # torchmetrics averages over a picture mirrored at its borders; what MATLAB averages is the inside of its map.
    _, positions = functional.structural_similarity_index_measure(
        restored.double(), clean.double(), data_range=1.0, reduction="none", return_full_image=True
    )
    inside = positions[..., 5:-5, 5:-5].flatten(1).mean(1)
    assert torch.allclose(ours, inside, atol=1e-6)


def test_the_two_ssims_are_not_the_same_number() -> None:
    restored, clean = pictures()
    difference = ssim(restored, clean, variant="skimage-7x7") - ssim(restored, clean, variant="gaussian-11x11")
    assert difference.abs().min() > 1e-3


def test_auc_is_that_of_scikit_images_lab() -> None:
    color = pytest.importorskip("skimage.color")
    restored, clean = pictures()
    restored = restored.clamp(0, 1)
    ab = [color.rgb2lab(as_array(image))[..., 1:] for image in (restored, clean)]
    distance = np.sqrt(((ab[0] - ab[1]) ** 2).sum(-1))
    theirs = 100 * np.mean([(distance <= threshold).mean() for threshold in range(150)])
    assert area_under_ab_curve(restored, clean)[0].item() == pytest.approx(theirs, abs=1e-2)


def test_identical_pictures_score_the_largest_psnr_and_ssim_one() -> None:
    _, clean = pictures()
    assert psnr(clean, clean).tolist() == [LARGEST_PSNR] * 2
    for variant in ("skimage-7x7", "gaussian-11x11"):
        assert ssim(clean, clean, variant=variant).tolist() == pytest.approx([1.0] * 2)
    assert area_under_ab_curve(clean, clean).tolist() == pytest.approx([100.0] * 2)


def test_the_border_is_left_out() -> None:
    _, clean = pictures()
    restored = clean.clone()
    restored[..., :4, :] = 0
    assert psnr(restored, clean, crop=4).tolist() == [LARGEST_PSNR] * 2
    assert psnr(restored, clean, crop=3).max() < 40


def test_rounding_is_what_a_file_does() -> None:
    image = torch.tensor([-0.2, 0.0, 0.4999 / 255, 0.5001 / 255, 1.4]).view(1, 1, 1, 5).expand(1, 3, 1, 5)
    assert (rounded_to_8_bits(image)[0, 0, 0] * 255).tolist() == pytest.approx([0, 0, 0, 1, 255])


def test_grey_is_blind_to_colour_that_cancels() -> None:
    _, clean = pictures()
    restored = clean + torch.tensor([0.1, -0.05, -0.05]).view(1, 3, 1, 1)
    assert psnr(restored, clean, color="grey").min() > 90
    assert psnr(restored, clean).max() < 30


@pytest.mark.parametrize("shapes", [((1, 3, 8, 8), (1, 3, 8, 9)), ((1, 3, 8, 8), (2, 3, 8, 8))])
def test_other_shapes_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ImageError, match="clean picture's shape"):
        psnr(torch.zeros(shapes[0]), torch.zeros(shapes[1]))


def test_a_picture_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(ImageError, match="11x11"):
        ssim(torch.zeros(1, 3, 9, 20), torch.zeros(1, 3, 9, 20), variant="gaussian-11x11")
