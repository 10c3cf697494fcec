"""Classical denoisers do denoise, know sigma only when they may, and say what is missing."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pellucid.errors import MethodError
from pellucid.evaluation.baselines import BASELINES, baseline, estimated_sigma, true_sigma
from pellucid.evaluation.measures import psnr
from pellucid.evaluation.protocols import Trial, find_protocol

NOISE = Trial(find_protocol("awgn-8bit"), "cbsd68", 25)


def noisy_and_clean(side: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, 5, 5, generator=generator)
    clean = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0.2, 0.8)
    return clean + 25 / 255 * torch.randn(clean.shape, generator=generator), clean


@pytest.mark.parametrize("name", [name for name in BASELINES if name.split("-")[0] not in ("input", "bm3d")])
def test_a_baseline_gains_on_noise(name: str) -> None:
    for module in ("cv2", "skimage", "pywt"):
        pytest.importorskip(module)
    noisy, clean = noisy_and_clean()
    contestant = baseline(name)
    restored = contestant.ready(NOISE)(noisy)
    assert restored.shape == noisy.shape and restored.dtype == noisy.dtype
    assert psnr(restored, clean).item() > psnr(noisy, clean).item() + 1.5
    assert contestant.facts["version"]


@pytest.mark.parametrize("name", ["bm3d", "bm3d-blind"])
def test_bm3d_is_handed_the_pixels_and_sigma(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in: the real one takes seconds to begin with."""
    pytest.importorskip("pywt")
    noisy, _ = noisy_and_clean(128)
    handed: list[tuple[np.ndarray, float, str]] = []

    def bm3d_rgb(pixels: np.ndarray, sigma: float, profile: str) -> np.ndarray:
        handed.append((pixels, sigma, profile))
        return pixels / 2

    monkeypatch.setitem(sys.modules, "bm3d", SimpleNamespace(bm3d_rgb=bm3d_rgb))
    restored = baseline(name).ready(NOISE)(noisy)
    pixels, sigma, profile = handed[0]
    assert np.allclose(pixels, noisy[0].permute(1, 2, 0).numpy())
    assert torch.allclose(restored, noisy / 2)
    assert profile == "np"
    if name == "bm3d":
        assert sigma == 25 / 255
    else:
        assert sigma != 25 / 255 and sigma == pytest.approx(25 / 255, rel=0.1)


def test_the_input_is_the_input() -> None:
    noisy, _ = noisy_and_clean()
    assert baseline("input").ready(NOISE)(noisy) is noisy


def test_sigma_is_known_only_of_white_noise() -> None:
    assert true_sigma(NOISE) == 25 / 255
    assert true_sigma(Trial(find_protocol("adair3-noise"), "cbsd68", 15)) == 15 / 255
    assert true_sigma(Trial(find_protocol("jpeg-grey"), "classic5", 10)) is None
    assert true_sigma(Trial(find_protocol("pairs"), "polyu")) is None


def test_sigma_is_estimated_within_a_tenth() -> None:
    pytest.importorskip("pywt")
    noisy, _ = noisy_and_clean(128)
    assert estimated_sigma(noisy[0].permute(1, 2, 0).double().numpy()) == pytest.approx(25 / 255, rel=0.1)


def test_a_missing_library_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)  # what importing does when a package is not there
    with pytest.raises(MethodError, match="install the extra baselines"):
        baseline("bm3d")


def test_an_unknown_baseline_is_answered_with_the_choices() -> None:
    with pytest.raises(MethodError, match="opencv-nlm-blind"):
        baseline("median")
