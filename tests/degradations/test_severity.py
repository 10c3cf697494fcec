"""Severity of a degradation: what `draw` was asked for, what is measured on pictures, and what people are told."""

import math
from itertools import pairwise

import pytest
import torch

from pellucid.degradations.blur import DefocusBlur, GaussianBlur, MotionBlur
from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.contract import apply
from pellucid.degradations.grayscale import Grayscale
from pellucid.degradations.haze import Haze
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.low_light import LiftedLowLight, LowLight
from pellucid.degradations.noise import GaussianNoise, SensorNoise
from pellucid.degradations.severity import KINDS, NAMES, severities, severity_of


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def measured(degradation: GaussianNoise | SensorNoise | LiftedLowLight) -> float:
    """Standard deviation at mid-grey, of 255."""
    grey = torch.full((1, 3, 128, 128), 0.5)
    return 255 * apply(grey, [degradation], generator()).std().item()


@pytest.mark.parametrize(
    "degradation",
    [
        GaussianNoise(20 / 255),
        SensorNoise(0.01, 0.03),
        SensorNoise(0.0, 0.1),
        LiftedLowLight(0.5, 1.5, 0.001, 0.005),
        LiftedLowLight(0.3, 2.0, 0.0005, 0.002),
    ],
)
def test_noise_is_as_strong_as_it_measures(degradation: GaussianNoise | SensorNoise | LiftedLowLight) -> None:
    told = severity_of(degradation)
    assert told is not None
    kind, severity = told
    assert kind == "noise"
    assert KINDS[0].strength(severity) == pytest.approx(measured(degradation), rel=0.07)


@pytest.mark.parametrize("degradation", [GaussianBlur(2.0), MotionBlur(9.0, 0.0), DefocusBlur(4.0)])
def test_blur_is_as_wide_as_its_kernel(degradation: GaussianBlur | MotionBlur | DefocusBlur) -> None:
    """Spread of a point along the horizontal axis, in pixels."""
    point = torch.zeros(1, 3, 65, 65)
    point[..., 32, 32] = 1
    spread = apply(point, [degradation], generator())[0, 0].sum(dim=0)
    places = torch.arange(65.0) - 32
    deviation = ((spread * places**2).sum() / spread.sum()).sqrt().item()
    told = severity_of(degradation)
    assert told is not None
    assert told[0] == "blur"
    assert KINDS[1].strength(told[1]) == pytest.approx(deviation, rel=0.08, abs=0.05)


@pytest.mark.parametrize("quality", [12, 20, 35, 60, 90])
def test_quality_comes_back(quality: float) -> None:
    told = severity_of(Jpeg(float(quality)))
    assert told is not None
    assert KINDS[2].strength(told[1]) == pytest.approx(quality, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "slack"), [("gaussian-noise", 1e-6), ("sensor-noise", 0.1), ("jpeg", 0.12), ("haze", 1e-6)]
)
def test_it_is_what_drawing_was_asked_for(name: str, slack: float) -> None:
    for severity in (0.1, 0.4, 0.9):
        told = severity_of(DEGRADATIONS[name].draw(severity, generator()))
        assert told is not None
        assert told[1] == pytest.approx(severity, abs=slack)


@pytest.mark.parametrize("name", ["rain", "low-light", "gaussian-blur", "motion-blur", "defocus-blur"])
def test_it_rises_with_what_drawing_was_asked_for(name: str) -> None:
    def mean(severity: float) -> float:
        drawn = [severity_of(DEGRADATIONS[name].draw(severity, generator(seed))) for seed in range(40)]
        return sum(told[1] for told in drawn if told is not None) / len(drawn)

    means = [mean(severity) for severity in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert all(one < other or other == 1 for one, other in pairwise(means))
    assert means[0] < 0.2
    assert means[-1] > 0.6


def test_low_light_is_told_by_what_is_left_of_mid_grey() -> None:
    told = severity_of(LowLight(0.4, 1.0, 0.0, 0.0))
    assert told is not None
    assert KINDS[-1].strength(told[1]) == pytest.approx(0.4)
    assert KINDS[-1].words(told[1]) == "40 % of the light"


def test_a_chain_has_a_severity_per_kind_the_severest_of_two() -> None:
    chain = (GaussianBlur(2.0), GaussianNoise(11 / 255), SensorNoise(0.0, 22 / 255), Grayscale())
    assert severities(chain) == {"blur": pytest.approx(0.5), "noise": pytest.approx(0.4)}
    assert severities(()) == {}
    assert severity_of(Grayscale()) is None


def test_severities_stay_within_their_range_and_are_told_in_words() -> None:
    for degradation in (GaussianNoise(1.0), GaussianBlur(40.0), Jpeg(1.0), Jpeg(100.0), Haze(9.0, 1.0)):
        told = severity_of(degradation)
        assert told is not None
        assert 0 <= told[1] <= 1
    assert [kind.name for kind in KINDS] == list(NAMES)
    words = [kind.words(0.5) for kind in KINDS]
    assert words == ["sigma 28", "2.0 pixels", "quality 76", "moderate", "moderate", "19 % of the light"]
    assert math.isclose(KINDS[2].strength(1.0), 5000 / 450)
