"""Figures about perceiving, against other libraries' of the same."""

import pytest
import torch
from scipy.stats import spearmanr
from torchmetrics.classification import BinaryCalibrationError, MulticlassConfusionMatrix

from pellucid.degradations.mixing import Mixture
from pellucid.degradations.severity import NAMES
from pellucid.evaluation.perceiving import Judged, samples
from pellucid.images.overview import views


def judged(count: int = 400) -> Judged:
    generator = torch.Generator().manual_seed(0)
    severity = torch.rand(count, 3, generator=generator) * (torch.rand(count, 3, generator=generator) < 0.3)
    noise = 0.3 * torch.randn(count, 3, generator=generator)
    told = (severity + noise).clamp(0, 1)
    presence = torch.sigmoid(6 * (severity > 0) - 3 + 8 * noise)
    return Judged(("noise", "rain", "haze"), presence, told, severity)


def test_the_calibration_error_is_torchmetrics_s() -> None:
    found = judged()
    metric = BinaryCalibrationError(n_bins=10, norm="l1")
    expected = metric(found.presence[found.is_asked], found.is_there[found.is_asked].long())
    assert found.calibration_error() == pytest.approx(expected.item(), abs=1e-6)
    assert sum(count for *_, count in found.reliability()) == int(found.is_asked.sum())


def test_the_rank_correlation_is_scipy_s() -> None:
    found = judged()
    for column, kind in enumerate(found.kinds):
        there = found.is_there[:, column]
        expected = spearmanr(found.told[there, column], found.severity[there, column]).statistic
        assert found.severity_correlation(kind) == pytest.approx(expected, abs=0.01)  # ties apart
        error = (found.told - found.severity)[there, column].abs().mean()
        assert found.severity_error(kind) == pytest.approx(error.item())


def test_the_confusion_matrix_is_torchmetrics_s_on_pictures_with_one_kind() -> None:
    found = judged()
    names, counts = found.confusion()
    assert names == ("noise", "rain", "haze", "clean")
    single = [
        row
        for row in range(len(found.severity))
        if sum(found.is_there[row].tolist()) <= 1 and all(found.is_asked[row].tolist())
    ]
    true = [found.is_there[row].tolist().index(True) if found.is_there[row].any() else 3 for row in single]
    said = [int(found.presence[row].argmax()) if found.presence[row].max() >= 0.5 else 3 for row in single]
    expected = MulticlassConfusionMatrix(4)(torch.tensor(said), torch.tensor(true))
    assert torch.equal(counts, expected)


def test_what_is_too_faint_to_be_seen_is_not_asked_for() -> None:
    severity = torch.tensor([[0.0], [0.02], [0.5], [0.9]])
    found = Judged(("noise",), torch.tensor([[0.1], [0.1], [0.9], [0.2]]), severity, severity)
    assert found.recall("noise") == (0.5, 1.0)


def test_samples_know_what_is_wrong_with_them() -> None:
    pictures = [torch.randint(0, 256, (3, 40 + row, 60), dtype=torch.uint8) for row in range(4)]
    mixture = Mixture({"clean": 1, "gaussian-noise:sigma=27.5": 1, "gaussian-noise:sigma=27.5+jpeg:quality=20": 2})
    found = list(samples(pictures, mixture, draws=4, seed=5))
    assert len(found) == 16
    counts = [sum(set(one.severities) == kinds for one in found) for kinds in (set(), {"noise"}, {"noise", "jpeg"})]
    assert counts == [4, 4, 8]
    assert all(kind in NAMES for one in found for kind in one.severities)
    assert all(one.severities["noise"] == pytest.approx(0.5) for one in found if "noise" in one.severities)
    clean = next(one for one in found if not one.severities)
    expected = [views(picture[None].float() / 255).overview for picture in pictures]
    assert any(one.shape == clean.views.overview.shape and torch.equal(one, clean.views.overview) for one in expected)
    again = list(samples(pictures, mixture, draws=4, seed=5))
    assert all(torch.equal(one.views.details, two.views.details) for one, two in zip(found, again, strict=True))
