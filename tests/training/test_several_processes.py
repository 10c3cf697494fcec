"""Two processes on the CPU: they train one network, stop together, and only one writes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pellucid.training.checkpoint import checkpoints


def launch(recipe: Path, *options: str) -> int:
    """The status of training with two processes as `accelerate launch` would."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    answer = subprocess.run(
        [*command, "-m", "pellucid", "train", str(recipe), *options],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "Error: " not in answer.stderr.replace("ChildFailedError: ", ""), answer.stderr[-3000:]
    return answer.returncode


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
