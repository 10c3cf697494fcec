"""Figures about perceiving, against other libraries' of the same."""

import shutil
import tarfile
from pathlib import Path

import pytest
import torch
from scipy.stats import spearmanr
from torchmetrics.classification import BinaryCalibrationError, MulticlassConfusionMatrix

from pellucid.degradations.mixing import Mixture
from pellucid.degradations.severity import NAMES
from pellucid.evaluation.perceiving import Judged, samples, unseen_parts, unseen_pictures
from pellucid.images.files import write_image
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


@pytest.mark.parametrize("is_archive", [True, False])
def test_parts_of_one_photograph_are_known_as_such(tmp_path: Path, is_archive: bool) -> None:
    """Three parts of two photographs of one collection, and one of a photograph of the same name of another."""
    folder = tmp_path / "train" / "HQPhotos400"
    folder.mkdir(parents=True)
    free = tuple(f"{collection}_0.png" for collection in ("budgie", "lomiri", "mei", "pop"))
    names = ("mate_0.png", "mate_1.png", "mate_2.png", "sunhays_0.png", *free)
    for name in names:
        write_image(folder / name, torch.rand(1, 3, 8, 8))
    of = ("sea.jpg", "sea.jpg", "hill.jpg", *["sea.jpg"] * 5)
    rows = [f"{name}\t{its}\t1/1\t0,0" for name, its in zip(names, of, strict=True)]
    (folder / "INDEX.tsv").write_text("\n".join(["file\tsource_file\tscale\tx,y", *rows]))
    others = tmp_path / "train" / "BSDS_rest"
    others.mkdir()
    for number in range(3):
        write_image(others / f"{number}.png", torch.rand(1, 3, 8, 8))
    if is_archive:
        with tarfile.open(folder.with_name("HQPhotos400.tar"), "w") as archive:
            archive.add(folder, "HQPhotos400")
        shutil.rmtree(folder)
    found = [[name for name, _ in unseen_parts(half, tmp_path)] for half in (0, 1)]
    assert found == [["0.png", "2.png", "sunhays/sea.jpg"], ["1.png", "mate/sea.jpg", "mate/sea.jpg", "mate/hill.jpg"]]
    assert [len(unseen_pictures(half, tmp_path)) for half in (0, 1)] == [3, 4]
