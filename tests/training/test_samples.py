"""Validation: what is measured, and what is drawn of it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.images.overview import Views
from pellucid.methods.base import Restoration
from pellucid.training.run_folder import RunFolder
from pellucid.training.samples import validate


class IdleRecipe:
    """A recipe whose restorer gives what it got; `judged` stands for a network that does not restore."""

    def __init__(self, judged: dict[str, float] | None = None):
        self.judged = judged

    def restorer(self) -> Any:
        return self

    def context(self, views: Views) -> None:
        return None

    def restore(self, image: Tensor, context: Tensor | None = None) -> Restoration:
        return Restoration(image)

    def judge(self, batch: Batch) -> dict[str, float] | None:
        return self.judged


def batch(*domains: str) -> Batch:
    clean = torch.rand(len(domains), 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return Batch(clean * 0.9, clean, domains)


@pytest.fixture
def run(tmp_path: Path):
    run = RunFolder(tmp_path, {"training": {}})
    yield run
    run.close()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """The steps of every curve that was drawn last, by title."""
    figure = pytest.importorskip("matplotlib.figure").Figure
    seen: dict[str, list[float]] = {}

    def savefig(self: Any, path: Path) -> None:
        seen.clear()
        seen.update({axes.get_title(): list(axes.lines[0].get_xdata()) if axes.lines else [] for axes in self.axes})

    monkeypatch.setattr(figure, "savefig", savefig)
    return seen


def test_curves_end_at_the_step_that_is_validated(run: RunFolder, drawn: dict[str, list[float]]) -> None:
    for step in (5, 10):
        run.log(step, loss=0.1)
        run.log(step, **validate(IdleRecipe(), batch("noise", "clean"), run, step))
    assert drawn == {"loss": [5, 10], "validation gain over input, dB": [5, 10]}


def test_the_accuracy_of_a_network_that_does_not_restore_is_drawn(
    run: RunFolder, drawn: dict[str, list[float]]
) -> None:
    for step in (5, 10):
        run.log(step, loss=0.1)
        run.log(step, **validate(IdleRecipe({"accuracy": 0.5, "noise": 0.5}), batch("noise"), run, step))
    assert drawn == {"loss": [5, 10], "validation accuracy": [5, 10]}


def test_without_a_degraded_sample_there_is_no_gain(run: RunFolder, drawn: dict[str, list[float]]) -> None:
    values = validate(IdleRecipe(), batch("clean", "clean"), run, 5)
    assert set(values) == {"validation/clean"}
    assert drawn == {}
