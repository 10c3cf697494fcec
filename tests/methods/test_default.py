"""The bundled model on photographs that it was never trained on: it helps where it must, and leaves the rest alone."""

import pytest
import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import gaussian_blur
from pellucid.degradations.haze import haze
from pellucid.degradations.jpeg import jpeg
from pellucid.degradations.low_light import low_light
from pellucid.degradations.noise import gaussian_noise
from pellucid.degradations.rain import rain
from pellucid.images.overview import maps_of, views
from pellucid.methods.load import Model, load


@pytest.fixture(scope="module")
def model() -> Model:
    return load("default", "cpu")


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    """Three photographs that come with scikit-image, `(3, 3, 224, 320)`."""
    data = pytest.importorskip("skimage.data")
    pictures = [torch.tensor(getattr(data, name)()) for name in ("astronaut", "coffee", "chelsea")]
    return torch.stack([picture.permute(2, 0, 1)[:, 40:264, 80:400] for picture in pictures]) / 255


def psnr(one: Tensor, other: Tensor) -> Tensor:
    """Per picture, dB."""
    return -10 * torch.log10((one - other).square().mean(dim=(1, 2, 3)))


def chosen(model: Model, pictures: Tensor) -> list[str]:
    """Which of the model's networks restores each picture; fails when a tone is changed."""
    names = ["generalist", *model.restorer.network.specialists]  # pyright: ignore
    context = model.restorer.context(views(pictures))
    if context is None:
        return ["generalist"] * len(pictures)
    decided = maps_of(context)[0]
    assert decided.shape[1] == 1
    return [names[int(number)] for number in decided.flatten().tolist()]


def seeded() -> Generator:
    return Generator().manual_seed(0)


def test_clean_photographs_come_back(model: Model, photographs: Tensor) -> None:
    assert set(chosen(model, photographs)) <= {
        "clean",
        "generalist",
        "jpeg",
    }  # the last hardly touch them; nor does tone
    assert psnr(model.restore(photographs).image, photographs).min() >= 40


@pytest.mark.parametrize(("sigma", "gain"), [(15, 5.5), (25, 7.0), (50, 9.0)])
def test_noise_goes(model: Model, photographs: Tensor, sigma: int, gain: float) -> None:
    noisy = gaussian_noise(photographs, sigma / 255, round_to_8_bits=True, generator=seeded())
    assert chosen(model, noisy) == ["noise"] * 3
    gained = psnr(model.restore(noisy).image, photographs) - psnr(noisy, photographs)
    assert gained.mean() > gain


def test_jpeg_is_not_made_worse(model: Model, photographs: Tensor) -> None:
    compressed = jpeg(photographs, 20)
    assert psnr(model.restore(compressed).image, photographs).mean() > psnr(compressed, photographs).mean() + 0.3


def test_rain_goes(model: Model, photographs: Tensor) -> None:
    rainy = rain(photographs, 25.0, 0.3, 1.5, 0.15, 0.4, generator=seeded())
    assert chosen(model, rainy) == ["rain"] * 3
    assert (psnr(model.restore(rainy).image, photographs) - psnr(rainy, photographs)).mean() > 4


def test_blur_is_lessened(model: Model, photographs: Tensor) -> None:
    blurred = (gaussian_blur(photographs, 1.5) * 255).round() / 255
    assert chosen(model, blurred) == ["blur"] * 3
    assert (psnr(model.restore(blurred).image, photographs) - psnr(blurred, photographs)).mean() > 1


def test_dark_pictures_are_lifted(model: Model, photographs: Tensor) -> None:
    dark = low_light(photographs, 0.2, 2.2, 0.001, 0.005, generator=seeded())
    assert psnr(model.restore(dark).image, photographs).mean() > psnr(dark, photographs).mean() + 3


def test_haze_clears(model: Model, photographs: Tensor) -> None:
    hazy = haze(photographs, 2.0, 0.9, depth=torch.ones(3, 1, 224, 320), generator=seeded())
    assert psnr(model.restore(hazy).image, photographs).mean() > psnr(hazy, photographs).mean() + 1
