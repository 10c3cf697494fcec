"""What the perceiver concludes for whole pictures is fitted rightly."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit

SCRIPT = Path(__file__).parents[2] / "scripts" / "bundle_perceiver.py"

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="scripts are in the repository, not in the package")


def test_the_regression_is_scipy_s_on_what_can_be_seen() -> None:
    script = runpy.run_path(str(SCRIPT))
    generator = torch.Generator().manual_seed(0)
    clues = 3 * torch.randn(300, 2, 4, generator=generator) + 1
    chance = torch.rand(300, 2, generator=generator)
    is_there = chance < torch.sigmoid(clues[..., 0] - 0.5 * clues[..., 2] - 1)
    severity = torch.where(is_there, torch.rand(300, 2, generator=generator), 0.0)
    weights, biases = script["fit"](clues, severity)
    for column in range(2):
        asked = ((severity[:, column] == 0) | (severity[:, column] >= 0.08)).numpy()
        seen, true = clues[asked, column].double().numpy(), (severity[asked, column] > 0).double().numpy()
        centre, spread = seen.mean(axis=0), seen.std(axis=0, ddof=1)
        scaled = (seen - centre) / spread

        def loss(own: np.ndarray, scaled: np.ndarray = scaled, true: np.ndarray = true) -> float:
            told = expit(scaled @ own[:-1] + own[-1])
            entropy = -(true * np.log(told) + (1 - true) * np.log(1 - told)).mean()
            return float(entropy + script["RIDGE"] * (own[:-1] ** 2).sum())

        best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-8}).x
        expected = best[:-1] / spread
        np.testing.assert_allclose(weights[column].numpy(), expected, atol=2e-4)
        np.testing.assert_allclose(biases[column].item(), best[-1] - expected @ centre, atol=1e-3)
