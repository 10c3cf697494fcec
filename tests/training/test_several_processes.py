"""Two processes on the CPU: they train one network, stop together, and only one writes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pellucid.training.checkpoint import checkpoints


def launch(recipe: Path, *options: str) -> int:
    """The status of training with two processes as `accelerate launch` would."""
    answer = launched(recipe, *options)
    assert "Error: " not in answer.stderr.replace("ChildFailedError: ", ""), answer.stderr[-3000:]
    return answer.returncode


def launched(recipe: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """The whole answer."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.run(
        [*command, "-m", "pellucid", "train", str(recipe), *options],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_two_processes_stop_together_and_go_on(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe("several")
    folder = recipe.with_suffix("")
    assert launch(recipe, "--training.time_limit_minutes", "0.000001") != 0
    (stopped,) = checkpoints(folder / "checkpoints")
    assert stopped.name == "step-00000001"
    assert launch(recipe) == 0
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [2, 4, 6, 8, 10, 12]
    assert checkpoints(folder / "checkpoints")[-1].name == "step-00000012"
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("name", ["dil-sf", "dil-ss"])
def test_two_processes_train_by_dil(name: str, write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe(f"two-{name}", steps=3, log_every=1, validate_every=3)
    balanced = ["--data.balanced", "true", "--data.batch_size", "4"]
    assert launch(recipe, "--strategy", name, *balanced) == 0
    lines = [json.loads(line) for line in (recipe.with_suffix("") / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3]


def test_processes_of_different_domains_are_refused_and_do_not_wait_for_ever(
    write_recipe: Callable[..., Path],
) -> None:
    answer = launched(write_recipe("apart", steps=8), "--strategy", "dil-sf")
    assert answer.returncode != 0
    assert "Expected the same domains in the batches of all processes" in answer.stderr
