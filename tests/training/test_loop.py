"""The loop with recipes that misbehave."""

import json
import signal
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from pellucid.data.batch import Batch
from pellucid.errors import ConfigurationError, MethodError
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


def test_lines_from_before_the_first_checkpoint_are_not_kept_twice(open_run) -> None:
    def killed() -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        train(CountingRecipe(at={3: killed}), batches, settings(log_every=1), open_run())
    run = open_run()
    train(CountingRecipe(), batches, settings(log_every=1), run)
    assert [line["step"] for line in run.lines()] == list(range(1, 11))


def test_tensorboard_passes_over_what_is_done_again(open_run) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def killed() -> None:
        raise RuntimeError("killed")

    first = open_run()
    with pytest.raises(RuntimeError, match="killed"):
        train(CountingRecipe(at={6: killed}), batches, settings(log_every=1), first)
    first.close()
    run = open_run()
    train(CountingRecipe(), batches, settings(log_every=1), run)
    run.close()
    # One file after the other, as TensorBoard reads them; two within a second would be sorted by process and number.
    files = sorted((run.path / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert len(files) == 2
    for number, file in enumerate(files):
        file.rename(file.with_name(f"events.out.tfevents.{number:010d}.x"))
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(1, 11))


def test_losses_that_are_not_finite_are_counted_in_a_row_across_a_stop(open_run) -> None:
    run = open_run()
    stopped = CountingRecipe(frozenset({1, 2}), {2: lambda: signal.raise_signal(signal.SIGINT)})
    assert train(stopped, batches, settings(largest_non_finite_streak=3), run).step == 3
    with pytest.raises(MethodError, match="got 3 that are not in a row up to step 3"):
        train(CountingRecipe(frozenset({3})), batches, settings(largest_non_finite_streak=3), run)


def test_going_on_with_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    def opened(num_processes: int) -> RunFolder:
        return RunFolder(tmp_path, {"training": {}}, num_processes=num_processes)

    opened(1).close()
    run = opened(2)  # nothing was saved yet
    train(CountingRecipe(), batches, settings(), run)
    run.close()
    with pytest.raises(ConfigurationError, match=r"as many processes as the run in .* began with, 2, got 1: launch"):
        opened(1)
    opened(2).close()
    environments = json.loads((tmp_path / "environment.json").read_text())
    assert [entry["num_processes"] for entry in environments] == [1, 2, 2]


def test_the_pace_is_that_of_all_processes_and_of_training_alone(open_run) -> None:
    def validate(recipe: Any, step: int) -> dict[str, float]:
        time.sleep(0.3)
        return {}

    run = open_run()
    slow = {step: lambda: time.sleep(0.05) for step in range(10)}
    train(CountingRecipe(at=slow), batches, settings(validate_every=4), run, validate=validate, num_processes=3)
    paces = [line["images_per_second"] for line in run.lines() if "images_per_second" in line]
    assert all(3 * 2 / 0.05 / 3 < pace < 3 * 2 / 0.05 for pace in paces) and len(paces) == 2


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


class SettlingRecipe(CountingRecipe):
    """A recipe that has gone far enough once it stepped five times, and says so when it is looked at."""

    over: str | None = None

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "over": self.over}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.over = state["over"]


def test_a_recipe_that_has_settled_is_saved_and_not_taken_up_again(open_run) -> None:
    run, recipe = open_run(), SettlingRecipe()

    def look(recipe: Any, step: int) -> dict[str, float]:
        recipe.over = "no better" if recipe.taken >= 5 else None
        return {}

    outcome = train(recipe, batches, settings(validate_every=2), run, validate=look)
    assert (outcome.step, outcome.reason) == (6, "settled")
    assert checkpoints(run.checkpoints)[-1].name == "step-00000006"
    again = SettlingRecipe(at={6: lambda: pytest.fail("it was over")})
    assert train(again, batches, settings(validate_every=2), run, validate=look).reason == "settled"


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


def test_processes_that_do_not_log_keep_no_terms(open_run) -> None:
    class Term(float):
        pass

    class Recipe(CountingRecipe):
        terms: ClassVar[list[weakref.ref]] = []
        kept: ClassVar[list[int]] = []

        def step(self, batch: Batch) -> dict[str, float]:
            self.kept.append(sum(term() is not None for term in self.terms))
            term = Term(super().step(batch)["loss"])
            self.terms.append(weakref.ref(term))
            return {"loss": term}

    train(Recipe(), batches, settings(), open_run(), is_main=False)
    assert max(Recipe.kept) <= 1  # that of the step before
