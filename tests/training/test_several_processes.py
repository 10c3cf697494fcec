"""Two processes on the CPU: they train one network, stop together, and only one writes."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


TWO_STEPS = """
import json, sys, torch
from accelerate import Accelerator
from torch.nn import functional as F
from pellucid.data.batch import Batch
from pellucid.methods.catalog import strategy

def batch_of(rank):
    generator = torch.Generator().manual_seed(rank)
    clean = torch.rand((4, 3, 6, 6), generator=generator, dtype=torch.float64)
    noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    return Batch(clean + 0.1 * noise, clean, ("a", "b") * 2)

def squared_error(network, batch):
    return F.mse_loss(network(batch.degraded), batch.clean), {}

accelerator = Accelerator(cpu=True, mixed_precision="no")
answers = {}
for name, settings in json.loads(sys.argv[1]):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Tanh(), torch.nn.ConvTranspose2d(4, 3, 3)).double()
    outer = torch.optim.SGD(network.parameters(), lr=1.0)
    row = strategy(name)
    built = row.build(row.config(**settings), *accelerator.prepare(network, outer), accelerator, None)
    ranks = [accelerator.process_index] if accelerator.num_processes == 2 else json.loads(sys.argv[2])
    parts = [batch_of(rank) for rank in ranks]
    degraded, clean = (torch.cat([getattr(part, key) for part in parts]) for key in ("degraded", "clean"))
    joined = Batch(degraded, clean, sum((part.domains for part in parts), ()))
    built.step(squared_error, joined)
    answers[name] = [value for weight in network.parameters() for value in weight.flatten().tolist()]
print("ANSWER" + json.dumps(answers))
"""


def weights_after(processes: int, strategies: list[Any], ranks: list[int]) -> list[dict[str, list[float]]]:
    """The weights after one step in every process."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if processes == 2 else []
    given = [json.dumps(strategies), json.dumps(ranks)]
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(TWO_STEPS)
        script.flush()
        answer = subprocess.run(
            [sys.executable, *launcher, script.name, *given],
            env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    found = [json.loads(line) for line in re.findall(r"ANSWER(\{.*?\})", answer.stdout)]
    assert len(found) == processes, answer.stderr[-3000:]
    return found


def test_two_processes_take_one_step_of_dil_together() -> None:
    """First order: the step of one process on both batches. Second order: the mean of both processes' own steps."""
    sgd = {"inner_optimiser": "sgd", "inner_learning_rate": 0.05}
    strategies = [["dil-sf", sgd], ["dil-ss", {"inner_learning_rate": 0.05}]]
    one, other = weights_after(2, strategies, [])
    assert one == other, "the processes agree to the last bit"
    (joined,) = weights_after(1, strategies, [0, 1])
    assert one["dil-sf"] == pytest.approx(joined["dil-sf"], rel=1e-9)
    (first,), (second,) = weights_after(1, strategies, [0]), weights_after(1, strategies, [1])
    mean = [(left + right) / 2 for left, right in zip(first["dil-ss"], second["dil-ss"], strict=True)]
    assert one["dil-ss"] == pytest.approx(mean, rel=1e-9)


def test_processes_of_different_domains_are_refused_and_do_not_wait_for_ever(
    write_recipe: Callable[..., Path],
) -> None:
    answer = launched(write_recipe("apart", steps=8), "--strategy", "dil-sf")
    assert answer.returncode != 0
    assert "Expected the same domains in the batches of all processes" in answer.stderr
