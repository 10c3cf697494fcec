"""The loop with recipes that misbehave."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.data.batch import Batch
from pellucid.errors import MethodError
from pellucid.training.checkpoint import checkpoints
from pellucid.training.config import TrainingSettings
from pellucid.training.loop import train
from pellucid.training.run_folder import RunFolder


class CountingRecipe:
    """A recipe whose weights are how often it stepped; some steps are not finite, some do something on the way."""

    def __init__(self, broken: frozenset[int] = frozenset(), at: dict[int, Callable[[], object]] | None = None):
        self.broken, self.at, self.taken = broken, at or {}, 0

    def step(self, batch: Batch) -> dict[str, float]:
        self.at.get(batch.step, lambda: None)()
        if batch.step in self.broken:
            raise FloatingPointError("loss nan")
        self.taken += 1
        return {"loss": float(batch.step)}

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self.taken, "tensor": torch.tensor([self.taken])}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state["tensor"].item() == state["taken"]
        self.taken = state["taken"]

    def restorer(self) -> Any:
        raise NotImplementedError

    def judge(self, batch: Batch) -> Any:
        raise NotImplementedError

    def weights(self) -> Any:
        raise NotImplementedError


def batches(step: int) -> Batch:
    return Batch(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), ("clean", "clean"), step)


@pytest.fixture
def open_run(tmp_path: Path):
    """A function that opens the one run folder of the test; all are closed at its end."""
    opened = []

    def open_it() -> RunFolder:
        opened.append(RunFolder(tmp_path / "run", {"training": {}}))
        return opened[-1]

    yield open_it
    for run in opened:
        run.close()


def settings(**changes: Any) -> TrainingSettings:
    return TrainingSettings(**{"steps": 10, "log_every": 5, "checkpoint_every": 4} | changes)


def test_losses_that_are_not_finite_are_skipped_and_counted(open_run, caplog: pytest.LogCaptureFixture) -> None:
    run, recipe = open_run(), CountingRecipe(frozenset({1, 2, 6}))
    outcome = train(recipe, batches, settings(largest_non_finite_streak=3), run)
    assert (outcome.step, outcome.reason, recipe.taken) == (10, "finished", 7)
    lines = run.lines()
    assert [line["non_finite"] for line in lines] == [2, 3]
    assert [line["loss"] for line in lines] == [pytest.approx((0 + 3 + 4) / 3), pytest.approx((5 + 7 + 8 + 9) / 4)]
    assert caplog.text.count("not finite") == 3


def test_several_in_a_row_stop_the_run_and_say_so(open_run) -> None:
    run, recipe = open_run(), CountingRecipe(frozenset(range(5, 10)))
    with pytest.raises(MethodError, match=r"got 3 that are not in a row up to step 7 \(loss nan\): lower the learning"):
        train(recipe, batches, settings(largest_non_finite_streak=3), run)
    assert recipe.taken == 5
    assert checkpoints(run.checkpoints)[-1].name == "step-00000004"  # from before it went wrong


def test_counts_and_means_survive_a_stop(open_run) -> None:
    run = open_run()
    stopped = CountingRecipe(frozenset({1}), {2: lambda: signal.raise_signal(signal.SIGINT)})
    assert train(stopped, batches, settings(), run).reason == "interrupted"
    resumed = CountingRecipe()
    assert train(resumed, batches, settings(), run).step == 10
    assert resumed.taken == 9
    lines = run.lines()
    assert [line["step"] for line in lines] == [5, 10]
    assert [line["non_finite"] for line in lines] == [1, 1]
    assert lines[0]["loss"] == pytest.approx((0 + 2 + 3 + 4) / 4)


def test_sigterm_saves_as_ctrl_c_does(open_run) -> None:
    run = open_run()
    recipe = CountingRecipe(at={6: lambda: signal.raise_signal(signal.SIGTERM)})
    outcome = train(recipe, batches, settings(), run)
    assert (outcome.step, outcome.reason) == (7, "interrupted")
    assert checkpoints(run.checkpoints)[-1].name == "step-00000007"


def test_a_second_ctrl_c_stops_at_once(open_run) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(CountingRecipe(at={2: twice}), batches, settings(), open_run())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_time_limits_save_and_stop(open_run) -> None:
    run = open_run()
    recipe = CountingRecipe(at={3: lambda: time.sleep(0.05)})
    outcome = train(recipe, batches, settings(time_limit_minutes=0.05 / 60), run)
    assert outcome.reason == "time limit" and outcome.step <= 4
    assert checkpoints(run.checkpoints)[-1].name == f"step-{outcome.step:08d}"
    assert train(CountingRecipe(), batches, settings(), run).reason == "finished"


def test_validation_comes_when_it_should_and_its_values_are_logged(open_run) -> None:
    run, seen = open_run(), []

    def validate(recipe: Any, step: int) -> dict[str, float]:
        seen.append((step, recipe.taken))
        return {"validation/gain": 0.5 * step}

    train(CountingRecipe(), batches, settings(validate_every=4), run, validate=validate)
    assert seen == [(4, 4), (8, 8), (10, 10)]
    assert [line["validation/gain"] for line in run.lines() if "validation/gain" in line] == [2.0, 4.0, 5.0]


def test_an_error_in_a_prepared_batch_is_not_lost(open_run) -> None:
    def failing(step: int) -> Batch:
        if step == 3:
            raise MethodError("no such batch")
        return batches(step)

    recipe = CountingRecipe()
    with pytest.raises(MethodError, match="no such batch"):
        train(recipe, failing, settings(prefetch=2), open_run())
    assert recipe.taken == 3


def test_processes_that_are_not_the_first_write_nothing(open_run) -> None:
    run = open_run()
    assert train(CountingRecipe(), batches, settings(), run, is_main=False).step == 10
    assert run.lines() == [] and checkpoints(run.checkpoints) == []
