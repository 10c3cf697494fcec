"""Rain: what the presets measure, and what the parameters mean."""

import math

import pytest
import torch
from torch import Generator, Tensor

from pellucid.degradations.contract import apply
from pellucid.degradations.rain import Rain, rain, rain_streaks, smeared_streaks


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize(("draw", "published"), [(Rain.draw_light, 25.5), (Rain.draw_heavy, 12.0)])
def test_presets_measure_as_the_rain_sets_do(photographs: dict[str, Tensor], draw, published: float) -> None:
    peak = pytest.importorskip("skimage.metrics").peak_signal_noise_ratio
    figures = []
    for number, photograph in enumerate(photographs.values()):
        image = photograph[..., 32:192, 40:280].contiguous()
        for seed in range(100 * number, 100 * number + 10):
            rainy = apply(image, [draw(seeded(seed))], seeded(1000 + seed)).clamp(0, 1)
            figures.append(peak(image.numpy(), rainy.numpy(), data_range=1))
    # Pictures of one preset spread by 3 dB, so the mean of 40 is known to 0.5 dB; the photographs are other ones.
    assert sum(figures) / len(figures) == pytest.approx(published, abs=1.2)


def test_faint_rain_is_fainter_than_light_rain_and_everywhere() -> None:
    generator, black = seeded(), torch.zeros(1, 3, 96, 96)
    faint, light = ([draw(generator) for _ in range(300)] for draw in (Rain.draw_faint, Rain.draw_light))
    assert sorted(its.intensity for its in faint)[150] < min(its.intensity for its in light)
    assert sum(its.density for its in faint) > 2 * sum(its.density for its in light)
    assert min(its.length / its.width for its in faint) > 6, "streaks, not blots"
    assert min(abs(its.angle) for its in faint) < 0.01 and max(abs(its.angle) for its in faint) <= 0.5
    for its in faint[::30]:
        falling = apply(black, [its], seeded()) - 0.8 * its.veil
        assert 0.2 * its.density < (falling > 0.05 * its.intensity).double().mean() and falling.max() < 1


def test_density_is_about_the_share_covered() -> None:
    black = torch.zeros(4, 3, 200, 200)
    for density in (0.02, 0.1, 0.3):
        streaks = rain_streaks(black, 20.0, 0.2, 1.5, density, 0.5, generator=seeded())
        # Strokes overlap, and their soft rims count.
        assert (streaks > 0.05).double().mean().item() == pytest.approx(density, rel=0.7)


@pytest.mark.parametrize("smear", [0.0, 1.0])
@pytest.mark.parametrize("angle", [-0.5, 0.0, 0.6])
def test_streaks_lean_by_their_angle(angle: float, smear: float) -> None:
    black = torch.zeros(1, 3, 192, 192)
    streaks = rain_streaks(black, 40.0, angle, 5.0, 0.05, 0.5, smear, generator=seeded())[0, 0]
    down, right = torch.gradient(streaks)
    # The direction across the streaks, in which brightness changes most: from the structure tensor, rows downwards.
    across = 0.5 * math.atan2(2 * (right * down).mean().item(), (right**2 - down**2).mean().item())
    assert across == pytest.approx(angle, abs=0.1)


@pytest.mark.parametrize("density", [0.05, 0.2, 0.5])
def test_smeared_streaks_cover_their_density(density: float) -> None:
    length, angle, width, share = (torch.full((6,), value) for value in (15.0, 0.2, 2.5, density))
    streaks = smeared_streaks(torch.zeros(6, 1, 300, 300), length, angle, width, share, generator=seeded())
    # Some 200 streaks per picture, six pictures: their share is known to a tenth.
    assert (streaks > 0).double().mean().item() == pytest.approx(density, rel=0.1)
    assert (streaks > 1).double().mean().item() == pytest.approx(density / 250, rel=0.8)


def test_each_picture_has_its_share_of_smeared_streaks() -> None:
    black = torch.zeros(3, 3, 96, 96)
    settings = (30.0, 0.2, 2.0, 0.1, 0.5)
    mixed = rain_streaks(black, *settings, torch.tensor([0.0, 1.0, 0.5]), generator=seeded())
    smeared = rain_streaks(black, *settings, 1.0, generator=seeded())
    # The smeared part is drawn first, so pictures of the same generator share it.
    assert torch.allclose(mixed[1], smeared[1], atol=1e-6)
    assert not torch.allclose(mixed[0], smeared[0], atol=1e-2)
    drops = 2 * mixed[2] - smeared[2]
    assert drops.min() > -1e-5 and drops.max() > 0.05


@pytest.mark.parametrize("smear", [0.0, 0.5, 1.0])
def test_rain_only_adds_light(smear: float) -> None:
    image = torch.rand(2, 3, 40, 50, generator=seeded())
    rainy = rain(image, 15.0, 0.1, 1.5, 0.2, 0.5, 0.0, smear, layers=3, generator=seeded(1))
    assert (rainy >= image - 1e-6).all() and rainy.max() <= 1
    saturated = (rainy >= 1).any(1)
    added = rainy - image
    assert torch.allclose(added.amax(1)[~saturated], added.amin(1)[~saturated], atol=1e-6) and (~saturated).any()


def test_no_drops_and_no_veil_leave_the_picture() -> None:
    image = torch.rand(1, 3, 30, 30, generator=seeded())
    assert torch.equal(rain(image, 15.0, 0.1, 1.5, 0.0, 0.5, generator=seeded()), image)


def test_veil_is_a_blend_towards_light_grey() -> None:
    image = torch.rand(1, 3, 30, 30, generator=seeded())
    veiled = rain(image, 15.0, 0.1, 1.5, 0.0, 0.5, torch.tensor([0.3]), generator=seeded())
    assert torch.allclose(veiled, 0.7 * image + 0.3 * 0.8)


def test_more_layers_are_more_rain() -> None:
    black = torch.zeros(2, 3, 96, 96)
    light = [rain_streaks(black, 20.0, 0.0, 1.5, 0.1, 0.4, layers=n, generator=seeded()).mean() for n in (1, 2, 4)]
    assert light[0] < light[1] < light[2]
