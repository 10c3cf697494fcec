"""A run that is stopped in any way and run again equals one that ran through, bit for bit."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from torch import Tensor

import pellucid
from pellucid.app.train import Trained, _validation_patch_size
from pellucid.app.train import train as train_to_outcome
from pellucid.data.clean_pictures import CleanPicture
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.errors import ConfigurationError, DataError
from pellucid.training.checkpoint import checkpoints, load_checkpoint
from pellucid.training.run_folder import RunFolder
from pellucid.weights.files import load_weights

KILLED = """
import os, signal, sys
from pathlib import Path
import torch
import yaml
torch.set_num_threads(1)
from pellucid.app.train import train
from pellucid.data.degraded_batches import DegradedBatches
make = DegradedBatches.__call__
def killing(self, step, *rest):
    if step == 7 and self.batch_size == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return make(self, step, *rest)
DegradedBatches.__call__ = killing
train(Path(sys.argv[1]))
"""


def train(recipe: Path, overrides: Sequence[str] = ()) -> Path:
    """The run folder."""
    return train_to_outcome(recipe, overrides).folder


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Ctrl-C while the batch of `step` is made: the step is finished, then the run stops."""
    make = DegradedBatches.__call__

    def interrupting(self: DegradedBatches, wanted: int, *rest: Any) -> Any:
        if wanted == step and self.batch_size == 2:
            signal.raise_signal(signal.SIGINT)
        return make(self, wanted, *rest)

    monkeypatch.setattr(DegradedBatches, "__call__", interrupting)


def flattened(state: Any, name: str = "") -> dict[str, Any]:
    """Every value of nested dicts and lists by its path."""
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else None
    if items is None:
        return {name: state}
    return {path: value for key, item in items for path, value in flattened(item, f"{name}/{key}").items()}


def assert_equal_states(one: Any, other: Any) -> None:
    one, other = flattened(one), flattened(other)
    assert list(one) == list(other)
    for path, value in one.items():
        assert torch.equal(value, other[path]) if isinstance(value, Tensor) else value == other[path], path


def log_of(folder: Path) -> list[dict[str, Any]]:
    """The log without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: v for name, v in line.items() if name not in ("time", "images_per_second")} for line in lines]


def assert_equal_runs(one: Path, other: Path) -> None:
    last, other_last = (load_checkpoint(checkpoints(folder / "checkpoints")[-1]) for folder in (one, other))
    assert last[0] == other_last[0] == 12
    assert_equal_states(last[1], other_last[1])
    assert_equal_states(load_weights(one / "weights.safetensors")[0], load_weights(other / "weights.safetensors")[0])
    assert log_of(one) == log_of(other)


@pytest.fixture(scope="module")
def straight(write_recipe: Callable[..., Path]) -> Path:
    """A run that ran through."""
    return train(write_recipe("straight"))


def test_a_run_leaves_what_it_promises(straight: Path) -> None:
    for name in ("config.yaml", "pictures.json", "environment.json", "log.jsonl", "weights.safetensors", "curves.png"):
        assert (straight / name).is_file()
    assert [path.name for path in checkpoints(straight / "checkpoints")] == ["step-00000009", "step-00000012"]
    assert [path.name for path in sorted((straight / "samples").iterdir())] == [f"step-{n:08d}.png" for n in (6, 12)]
    lines = log_of(straight)
    assert [line["step"] for line in lines if "loss" in line] == [2, 4, 6, 8, 10, 12]
    assert [line["step"] for line in lines if "validation/gain" in line] == [6, 12]
    rates = [line["learning_rate"] for line in lines if "loss" in line]
    assert rates[0] < max(rates) and rates[-1] < 0.1 * max(rates)
    _, description = load_weights(straight / "weights.safetensors")
    assert description["step"] == 12 and description["recipe"]["data"]["patch_size"] == 32


def test_ctrl_c_saves_and_going_on_equals_running_through(
    straight: Path,
    write_recipe: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recipe = write_recipe("stopped")
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "pellucid"):
        interrupt_at(patch, 4)
        stopped = train_to_outcome(recipe)
        folder = stopped.folder
    assert (stopped.step, stopped.reason) == (5, "interrupted")
    assert "Stopped at step 5 (interrupted); run the same command again to go on." in caplog.text
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # as it was before
    assert checkpoints(folder / "checkpoints")[-1].name == "step-00000005"  # in the middle of a line of the log
    assert train_to_outcome(recipe) == Trained(folder, 12, "finished")
    assert_equal_runs(folder, straight)
    before = (folder / "weights.safetensors").read_bytes()
    train(recipe)  # finished already: nothing changes
    assert (folder / "weights.safetensors").read_bytes() == before
    assert_equal_runs(folder, straight)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_kill_9_and_going_on_equals_running_through(straight: Path, write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe("killed")
    source = str(Path(pellucid.__file__).parents[1])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(recipe)],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    folder = recipe.with_suffix("")
    assert [path.name for path in checkpoints(folder / "checkpoints")][-1] == "step-00000006"
    (folder / "checkpoints" / "step-00000009.partial").mkdir()  # as if it had been killed while writing, too
    with (folder / "log.jsonl").open("a") as log:
        log.write('{"step": 8, "lo')
    train(recipe)
    assert_equal_runs(folder, straight)


def test_threads_that_prepare_batches_change_nothing(straight: Path, write_recipe: Callable[..., Path]) -> None:
    assert_equal_runs(train(write_recipe("ahead", prefetch=3)), straight)


def test_full_precision_runs_too_and_differs(straight: Path, write_recipe: Callable[..., Path]) -> None:
    state = pytest.importorskip("accelerate.state")
    state.AcceleratorState._reset_state(True)
    full = train(write_recipe("full", precision="no"))
    losses, other = ([line["loss"] for line in log_of(folder) if "loss" in line] for folder in (full, straight))
    assert losses == pytest.approx(other, rel=0.02) and losses != other


def test_another_setting_is_refused_in_the_same_folder(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe("run", steps=2)
    folder = train(recipe)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for change, named in (
        ("--optimisation.learning_rate=0.1", "optimisation.learning_rate"),
        ("--data.mixture={jpeg: 1.0}", "data.mixture"),
        ("--training.steps=4", "training.steps"),
    ):
        with pytest.raises(ConfigurationError, match=f"{named}.* differs"):
            train(recipe, [change])
    assert {path: path.read_bytes() for path in before} == before
    train(recipe, ["--training.log_every=1", "--training.prefetch=1"])  # how it runs may change


def test_going_on_with_other_pictures_is_refused(
    write_recipe: Callable[..., Path], clean_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(clean_pictures, tmp_path / "pictures")
    options = ["--data.sources", json.dumps([{"path": str(tmp_path / "pictures")}])]
    recipe = write_recipe("other")
    train(recipe, [*options, "--training.time_limit_minutes", "0.000001"])
    shutil.copy(tmp_path / "pictures" / "0.png", tmp_path / "pictures" / "again.png")
    with pytest.raises(ConfigurationError, match=r"Expected the pictures that the run in .* began with"):
        train(recipe, options)
    (tmp_path / "pictures" / "again.png").unlink()
    assert train(recipe, options).is_dir()


def test_a_run_whose_pictures_do_not_fit_into_memory_is_the_same(
    straight: Path, write_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "pellucid"):
        folder = train(write_recipe("small"), ["--data.memory", "100K"])
    assert "decoded as they are drawn" in caplog.text
    assert_equal_runs(folder, straight)


def test_a_network_that_tells_degradations_apart_is_trained_judged_and_resumed(
    write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def recipe(name: str) -> Path:
        path = write_recipe(name)
        content = yaml.safe_load(path.read_text())
        arguments = {"domains": ["clean", "grayscale", "gaussian-noise"], "width": 4}
        content["network"] = {"name": "degradation-classifier", "arguments": arguments}
        content["optimisation"]["loss"] = "cross-entropy"
        path.write_text(yaml.safe_dump(content))
        return path

    through = train(recipe("classified-through"))
    judged = [line for line in log_of(through) if "validation/accuracy" in line]
    assert [line["step"] for line in judged] == [6, 12]
    assert all(0 <= line[name] <= 1 for line in judged for name in line if name.startswith("validation/"))
    assert (through / "curves.png").is_file()
    with monkeypatch.context() as patch:
        interrupt_at(patch, 4)
        train(recipe("classified-stopped"))
    stopped = train(recipe("classified-stopped"))
    one, other = load_weights(through / "weights.safetensors")[0], load_weights(stopped / "weights.safetensors")[0]
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_from_before_a_setting_that_is_off_goes_on(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe("older")
    folder = train(recipe)
    written = folder / "config.yaml"
    content = yaml.safe_load(written.read_text())
    del content["data"]["rounded_share"]
    written.write_text(yaml.safe_dump(content))
    train(recipe)
    with pytest.raises(ConfigurationError, match="rounded_share"):
        train(recipe, ["--data.rounded_share", "0.5"])


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    straight: Path, write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe("early", checkpoint_every=20)
    make = DegradedBatches.__call__

    def killing(self: DegradedBatches, step: int, *rest: Any) -> Any:
        if step == 7 and self.batch_size == 2:
            raise RuntimeError("killed")
        return make(self, step, *rest)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(DegradedBatches, "__call__", killing)
        train(recipe)
    folder = train(recipe)
    assert log_of(folder) == log_of(straight)


def test_own_pairs_are_trained_on(write_recipe: Callable[..., Path], clean_pictures: Path, tmp_path: Path) -> None:
    for name in ("clean", "degraded"):
        shutil.copytree(clean_pictures, tmp_path / "mine" / name)
    own = ["--data.pairs", json.dumps([{"name": "mine", "path": str(tmp_path / "mine")}]), "--data.pairs_share=0.5"]
    folder = train(write_recipe("paired"), own)
    assert (folder / "weights.safetensors").is_file()
    clean_only = tmp_path / "mine" / "degraded"
    with pytest.raises(DataError, match="Expected the folders gt/ and input/ or clean/ and degraded/"):
        train(write_recipe("unpaired"), ["--data.pairs", json.dumps([{"name": "mine", "path": str(clean_only)}])])


def test_a_run_from_before_a_setting_of_a_list_goes_on(tmp_path: Path) -> None:
    def open_run(pair: dict[str, Any]) -> None:
        RunFolder(tmp_path, {"data": {"pairs": [pair]}, "training": {}}).close()

    open_run({"name": "a", "weight": 1.0})
    (tmp_path / "checkpoints").mkdir()
    open_run({"name": "a", "weight": 1.0, "path": None})
    with pytest.raises(ConfigurationError, match=r"data\.pairs\.0\.path differs"):
        open_run({"name": "a", "weight": 1.0, "path": "mine"})


@pytest.mark.parametrize(("side", "reduced_share"), [(100, 0.0), (80, 0.5)])
def test_pictures_smaller_than_the_usual_validation_patch_are_trained_on(
    side: int, reduced_share: float, write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(3):
        Image.effect_noise((side, side + 10), 60).convert("RGB").save(tmp_path / f"{number}.png")
    options = [f"--data.sources=[{{path: {tmp_path}}}]", f"--data.reduced_share={reduced_share}"]
    assert train(write_recipe(f"small-{side}"), [*options, "--training.steps=1"]).is_dir()


def test_the_validation_patch_is_as_large_as_fits() -> None:
    def size(*sides: int, trained: int = 96, is_reduced: bool = False) -> int:
        pictures = [CleanPicture("", side, side + 50, lambda: torch.zeros(0), lambda: None) for side in sides]
        return _validation_patch_size(pictures, trained, is_reduced=is_reduced)

    assert size(2000, 40) == size(128) == size(256, is_reduced=True) == 128
    assert (size(127), size(100, 70), size(130, is_reduced=True), size(20)) == (96, 96, 64, 32)
    assert (size(2000, trained=224), size(200, trained=224)) == (224, 192)


def test_a_precision_that_the_device_lacks_is_one_sentence(
    write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfit(**_: Any) -> None:
        raise ValueError("bf16 mixed precision requires PyTorch >= 1.10 and a supported device.")

    monkeypatch.setattr("accelerate.Accelerator", unfit)
    with pytest.raises(
        ConfigurationError, match=r"trains in bf16, got one that does not .*: train with --training\.pre"
    ):
        train(write_recipe("unfit"))


def test_loss_and_network_must_fit(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe("misfit")
    with pytest.raises(ConfigurationError, match="belongs to the degradation-classifier"):
        train(recipe, ["--optimisation.loss", "cross-entropy"])
    classifier = ["--network.name=degradation-classifier", "--optimisation.loss=cross-entropy"]
    with pytest.raises(ConfigurationError, match="lacks 'gaussian-noise'"):
        train(recipe, [*classifier, "--network.arguments={domains: [clean, grayscale]}"])
    with pytest.raises(ConfigurationError, match="lacks 'rain-faint'"):
        train(recipe, [*classifier, "--network.arguments={domains: [clean]}", "--data.mixture={rain-faint: 1}"])
