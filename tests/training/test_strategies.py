"""Every strategy in a whole run: chosen by a line, logged, resumed bit for bit, and refused where it is not known."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid.app.recipe_file import read_run
from pellucid.app.train import train
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.errors import ConfigurationError, MethodError
from pellucid.methods.catalog import STRATEGIES
from pellucid.training.checkpoint import checkpoints, load_checkpoint

BALANCED = ["--data.balanced", "true", "--data.batch_size", "4"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_run_that_stops_and_goes_on_equals_one_that_ran_through(
    name: str, write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--strategy", name, *BALANCED]
    through = train(write_recipe(f"through-{name}"), options).folder
    recipe = write_recipe(f"stopped-{name}")
    make = DegradedBatches.__call__

    def interrupting(self: DegradedBatches, step: int, *rest: Any) -> Any:
        if step == 7 and self.batch_size == 4:
            signal.raise_signal(signal.SIGINT)
        return make(self, step, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(DegradedBatches, "__call__", interrupting)
        assert train(recipe, options).reason == "interrupted"
    again = train(recipe, options).folder
    (_, one), (_, other) = (load_checkpoint(checkpoints(folder / "checkpoints")[-1]) for folder in (through, again))
    for part in ("network", "average"):
        left, right = one["recipe"][part], other["recipe"][part]
        left, right = left.get("average", left), right.get("average", right)
        assert all(torch.equal(value, right[key]) for key, value in left.items())
    assert repr(one["recipe"]["strategy"]) == repr(other["recipe"]["strategy"])
    assert ("inner_optimiser" in one["recipe"]["strategy"]) == name.endswith("f")
    lines = [json.loads(line) for line in (again / "log.jsonl").read_text().splitlines()]
    assert any("virtual/size" in line for line in lines) == name.startswith("dil-")


def test_a_name_is_short_for_a_section_and_settings_reach_it(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe("named")
    assert read_run(recipe).strategy == "empirical-risk"
    run = read_run(recipe, ["--strategy", "dil-sf", "--strategy.inner-learning-rate", "5e-5"])
    assert run.strategy == "dil-sf" and run.strategy_settings.inner_learning_rate == 5e-5
    assert run.as_resolved()["strategy"]["inner_betas"] == [0.0, 0.999]
    assert run == read_run(recipe, ["--strategy.inner-learning-rate=5e-5", "--strategy=dil-sf"]), "in any order"


def test_a_domain_can_be_set_from_the_command_line(write_recipe: Callable[..., Path]) -> None:
    options = ["--data.mixture.gaussian-noise:sigma=2.5,clip=true", "3", "--data.mixture.clean", "0"]
    mixture = read_run(write_recipe("named"), options).config.data.mixture
    assert mixture["gaussian-noise:sigma=2.5,clip=true"] == 3 and mixture["clean"] == 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--strategy", "dil"], MethodError, "Expected a strategy out of empirical-risk, dil-sf"),
        (["--strategy", "dil-sf", "--strategy.inner_steps", "3"], ConfigurationError, "strategy.inner_steps"),
        (["--strategy.inner_learning_rate", "1"], ConfigurationError, "strategy.inner_learning_rate"),
        (["--strategy", "dil-pf", "--strategy.reading", "gradient"], ConfigurationError, "inner_optimiser: sgd"),
        (["--data.same_content", "true"], ConfigurationError, "balanced: true"),
        (["--data.mixture", "{fog: 1}"], ConfigurationError, "got 'fog': choose from"),
        (["--strategy", "[dil-sf]"], MethodError, "Expected a strategy out of"),
        (["--strategy", "dil-sf", "--strategy.inner_betas", "[0.0, 1.5]"], ConfigurationError, "inner_betas"),
    ],
)
def test_what_a_strategy_does_not_know_is_refused(
    options: list[str], error: type[Exception], words: str, write_recipe: Callable[..., Path]
) -> None:
    with pytest.raises(error, match=words):
        read_run(write_recipe("wrong"), options)
