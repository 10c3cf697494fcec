"""The quality of a picture's last JPEG compression, against Pillow's encoder."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pellucid.degradations.jpeg_reading import QUALITIES, jpeg_quality_read
from pellucid.degradations.severity import severity_of_quality


def photograph(seed: int = 0, side: int = 384) -> Image.Image:
    """Smooth shapes with edges and some grain, much as a photograph has."""
    draws = np.random.default_rng(seed)
    coarse = Image.fromarray(draws.integers(10, 240, (12, 12, 3), dtype=np.uint8)).resize((side, side), 3)
    pixels = np.asarray(coarse).astype(float)
    for _ in range(40):
        top, left = draws.integers(0, side - 40, 2)
        pixels[top : top + draws.integers(5, 40), left : left + draws.integers(5, 40)] *= draws.uniform(0.6, 1.2)
    return Image.fromarray((pixels + draws.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8))


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    memory = io.BytesIO()
    picture.save(memory, "JPEG", quality=quality)
    return Image.open(memory).convert("RGB")


def parts(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("quality", [5, 8, 10, 15, 23, 40, 50, 61, 75, 85, 90])
def test_it_is_what_pillow_was_told_within_two(quality: int) -> None:
    found = jpeg_quality_read(parts(compressed(photograph(), quality)))
    assert found is not None and quality - 2 <= found <= quality  # neighbours' steps differ by nothing at times


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("quality", [10, 30])
def test_a_turned_picture_says_the_same(quality: int, quarters: int) -> None:
    turned = parts(compressed(photograph(), quality)).rot90(quarters, (2, 3))
    assert jpeg_quality_read(turned) == jpeg_quality_read(turned.flip(3)) == quality


@pytest.mark.parametrize("step", [8, 16, 40])
def test_a_table_of_another_make_says_nothing(step: int) -> None:
    memory = io.BytesIO()
    photograph().save(memory, "JPEG", qtables=[[step] * 64, [step] * 64])
    assert jpeg_quality_read(parts(Image.open(memory).convert("RGB"))) is None


@pytest.mark.parametrize("grain", [0, 0.3, 1])
@pytest.mark.parametrize(
    "shade",
    [
        lambda x, y: 0.45 * x + 10,
        lambda x, y: 0.25 * (x + y),
        lambda x, y: 255 - 0.6 * ((x - 256) ** 2 + (y - 192) ** 2) ** 0.5,
        lambda x, y: 128 + 60 * (x / 9).sin() + 20 * (y / 17).sin(),
        lambda x, y: 100 + 80 * (x // 5 % 2),
    ],
)
def test_a_smooth_picture_that_never_was_a_jpeg_is_none(shade, grain: float) -> None:
    y, x = torch.meshgrid(torch.arange(384.0), torch.arange(512.0), indexing="ij")
    level = shade(x, y) + grain * torch.randn(384, 512, generator=torch.Generator().manual_seed(0))
    assert jpeg_quality_read((level.round().clamp(0, 255) / 255).expand(1, 3, 384, 512)) is None


@pytest.mark.parametrize("quality", [2, 97, 100])
def test_the_coarsest_and_the_finest_are_not_read(quality: int) -> None:
    assert jpeg_quality_read(parts(compressed(photograph(), quality))) is None


def test_it_is_the_last_one_that_counts() -> None:
    assert jpeg_quality_read(parts(compressed(compressed(photograph(), 80), 30))) == 30


def test_parts_on_the_grid_say_what_the_whole_says() -> None:
    whole = parts(compressed(photograph(), 40))
    some = torch.cat([whole[..., :128, 16:144], whole[..., 200:328, 240:368]])
    assert jpeg_quality_read(some) == jpeg_quality_read(whole) is not None


@pytest.mark.parametrize(
    "worked",
    [
        lambda its: its,  # never compressed
        lambda its: compressed(its, 30).resize((300, 300), 3),
        lambda its: compressed(its, 30).crop((3, 5, 381, 382)),  # off the grid
        lambda its: Image.new("RGB", (64, 64), (90, 90, 90)),
        lambda its: Image.new("RGB", (5, 5)),
    ],
)
def test_nothing_is_read_where_there_is_nothing_to_read(worked) -> None:
    assert jpeg_quality_read(parts(worked(photograph()))) is None


def test_grain_over_it_covers_it() -> None:
    noise = 0.1 * torch.randn(1, 3, 384, 384, generator=torch.Generator().manual_seed(0))
    assert jpeg_quality_read(parts(compressed(photograph(), 85)) + noise) is None


def test_severity_falls_with_quality_from_one_to_nothing() -> None:
    severities = [severity_of_quality(quality) for quality in QUALITIES]
    assert severities == sorted(severities, reverse=True)
    assert severity_of_quality(5000 / 450) == pytest.approx(1) and severity_of_quality(97.5) == pytest.approx(0)
