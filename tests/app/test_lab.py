"""`pellucid lab`: recipes are trained from every seed, models taken, and all of them tested and written about."""

import io
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pellucid.app import evaluate
from pellucid.app.lab import KEPT, lab
from pellucid.app.train import train
from pellucid.errors import ConfigurationError, DataError, MethodError

image = pytest.importorskip("PIL.Image")
pytest.importorskip("accelerate")


pytestmark = pytest.mark.usefixtures("fresh_accelerator")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a test set of two pictures, and clean pictures to train on."""
    folder = tmp_path_factory.mktemp("root")
    for path, count in (("test/Kodak24", 2), ("train/Clean", 3)):
        (folder / path).parent.mkdir(exist_ok=True)
        with tarfile.open(folder / f"{path}.tar", "w") as packed:
            for seed in range(count):
                coarse = np.random.default_rng(seed + 10 * count).integers(0, 256, (9, 10, 3), dtype=np.uint8)
                file = io.BytesIO()
                image.fromarray(coarse).resize((90, 80), image.Resampling.BICUBIC).save(file, "PNG")
                entry = tarfile.TarInfo(f"{Path(path).name}/{seed}.png")
                entry.size = file.tell()
                packed.addfile(entry, io.BytesIO(file.getvalue()))
    return folder


def write_recipe(folder: Path, name: str, strategy: str) -> Path:
    recipe = {
        "method": "supervised",
        "strategy": strategy,
        "network": {"name": "rrdb", "arguments": {"width": 4, "growth": 2, "blocks": 1}},
        "data": {
            "sources": [{"path": "train/Clean.tar"}],
            "mixture": {"jpeg:quality=20": 1.0, "jpeg:quality=30": 1.0},
            "balanced": True,
            "patch_size": 16,
            "batch_size": 2,
        },
        "training": {"steps": 2, "device": "cpu", "threads": 1},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def test_recipes_of_two_seeds_and_a_baseline(root: Path, tmp_path: Path) -> None:
    plain = write_recipe(tmp_path, "plain", "empirical-risk")
    serial = write_recipe(tmp_path, "serial", "dil-sf")
    output = tmp_path / "out"
    ask = {"on": ["jpeg"], "seeds": [0, 1], "data_root": root, "output": output, "device": "cpu"}
    report = lab([str(plain), str(serial), "input"], **ask)
    assert [(subject.name, len(subject.contestants)) for subject in report.matrix.subjects] == [
        ("plain", 2), ("serial", 2), ("input", 1),
    ]  # fmt: skip
    levels = [condition.trial.level for condition in report.matrix.conditions]
    seen = [level for column, level in enumerate(levels) if report.matrix.cells[0, column].relation == "seen degrees"]
    assert seen == [20, 30]
    assert all(report.matrix.cells[2, column].gain == 0 for column in range(len(levels)))
    assert {"lab.md", "lab.tex", "results.json", "pictures.csv"} <= {file.name for file in report.files}
    assert sorted(path.name for path in (output / "runs").iterdir()) == [
        "plain-s0",
        "plain-s1",
        "serial-s0",
        "serial-s1",
    ]
    # The weights are models of their own, and those that differ by seed alone are one row again.
    files = [str(output / "runs" / name / "weights.safetensors") for name in ("plain-s0", "plain-s1", "serial-s0")]
    again = lab(files, on=["jpeg"], data_root=root, device="cpu")
    assert [(subject.name, len(subject.contestants)) for subject in again.matrix.subjects] == [
        ("plain", 2), ("serial", 1),
    ]  # fmt: skip
    assert again.matrix.cells[0, 0].psnr == report.matrix.cells[0, 0].psnr and not again.files
    # A run of another length is no further seed of it, nor is the same seed again.
    for steps, seed in (("1", "7"), ("2", "0")):
        run = tmp_path / f"{steps} steps" / "plain-s7"
        train(plain, ["--data.seed", seed, "--training.steps", steps, "--training.run_folder", str(run)], root)
        with pytest.raises(ConfigurationError, match="different names, got plain twice"):
            lab([files[0], str(run / "weights.safetensors")], on=["jpeg"], data_root=root, device="cpu", limit=1)
    shorter = lab([str(plain)], on=["jpeg"], steps=1, data_root=root, output=tmp_path / "short", device="cpu", limit=1)
    assert len(shorter.matrix.cells[0, 0].per_picture) == 1


def test_what_was_measured_is_not_measured_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cv2")
    asked: list[str] = []
    measured_in = evaluate.evaluate_trial

    def counting(contestants: Any, *given: Any, **named: Any) -> Any:
        asked.extend(contestant.name for contestant in contestants)
        return measured_in(contestants, *given, **named)

    monkeypatch.setattr(evaluate, "evaluate_trial", counting)
    ask = {"on": ["jpeg"], "data_root": root, "output": tmp_path / "out", "device": "cpu"}
    lines = tmp_path / "out" / KEPT
    first = lab(["opencv-nlm"], **ask)
    trials = len(first.matrix.conditions)
    assert asked == ["input", "opencv-nlm"] * trials
    # Killed within the last line: only that one again; and a new model costs only itself.
    lines.write_text(lines.read_text()[:-100])
    asked.clear()
    recipe = str(write_recipe(tmp_path, "plain", "empirical-risk"))
    second = lab(["opencv-nlm", recipe], **ask)
    assert asked == ["plain-s0"] * (trials - 1) + ["opencv-nlm", "plain-s0"]
    assert second.matrix.cells[0, 0] == first.matrix.cells[0, 0]
    asked.clear()
    lab(["opencv-nlm"], **ask)
    assert not asked
    # Elsewhere, and trained anew: equal trainings are equal files.
    shutil.rmtree(tmp_path / "out" / "runs")
    ask["output"] = (tmp_path / "out").rename(tmp_path / "moved")
    lines = ask["output"] / KEPT
    lab(["opencv-nlm", recipe], **ask)
    assert not asked
    # Other pictures, other versions: measured anew.
    lab(["opencv-nlm"], limit=1, **ask)
    assert len(asked) == 2 * trials
    asked.clear()
    elsewhere = shutil.copytree(root, tmp_path / "other")
    with tarfile.open(elsewhere / "test" / "Kodak24.tar", "w") as packed:
        for path in ("0.png", "1.png"):
            with tarfile.open(root / "train" / "Clean.tar") as given:
                member = given.getmember(f"Clean/{path}")
                member.name, content = f"Kodak24/{path}", given.extractfile(f"Clean/{path}")
                packed.addfile(member, content)
    lab(["opencv-nlm"], **(ask | {"data_root": elsewhere}))
    assert len(asked) == 2 * trials
    asked.clear()
    lines.write_text(lines.read_text().replace('"torch": "', '"torch": "0.'))
    lab(["opencv-nlm"], **ask)
    assert len(asked) == 2 * trials


def test_what_cannot_be_compared_is_refused(root: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one recipe or model"):
        lab([])
    with pytest.raises(ConfigurationError, match="conditions out of"):
        lab(["input"], on=["fog"])
    for seeds in ([], [-1], [0, 0]):
        with pytest.raises(ConfigurationError, match="different seeds from 0 on"):
            lab(["input"], seeds=seeds)


def test_what_cannot_work_is_told_before_anything_is_trained(root: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "plain", "empirical-risk")
    ask = {"data_root": root, "output": tmp_path / "out", "device": "cpu"}
    with pytest.raises(DataError, match="CBSD68"):
        lab([str(recipe)], on=["noise"], **ask)
    with pytest.raises(MethodError, match=r"nowhere\.onnx"):
        lab([str(recipe), "nowhere.onnx"], on=["jpeg"], **ask)
    with pytest.raises(MethodError, match=r"default, .*bm3d.*, got 'opencv-nml'"):
        lab([str(recipe), "opencv-nml"], on=["jpeg"], **ask)
    halving = torch.jit.script(torch.nn.AvgPool2d(2))
    torch.jit.save(halving, tmp_path / "halving.pt")
    with pytest.raises(MethodError, match=r"halving.pt for one of that shape, got the shape \(1, 3, 32, 64\)"):
        lab([str(recipe), str(tmp_path / "halving.pt")], on=["jpeg"], **ask)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="a folder for the output, got the file"):
        lab([str(recipe)], on=["jpeg"], **(ask | {"output": tmp_path / "file"}))
    (tmp_path / "again").mkdir()
    same = write_recipe(tmp_path / "again", "plain", "dil-sf")
    with pytest.raises(ConfigurationError, match="different names, got plain twice"):
        lab([str(recipe), str(same)], on=["jpeg"], **ask)
    with pytest.raises(ConfigurationError, match="limit of at least one"):
        lab([str(recipe)], on=["jpeg"], limit=0, **ask)
    misspelt = tmp_path / "misspelt.yaml"
    misspelt.write_text(recipe.read_text().replace("patch_size", "refuse_leaks_into: [CBSD86]\n  patch_size"))
    with pytest.raises(DataError, match="CBSD86"):
        lab([str(misspelt)], on=["jpeg"], **ask)
    assert not (tmp_path / "out").exists()


def test_pictures_that_are_tested_on_are_not_trained_on(root: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "leaking", "empirical-risk")
    recipe.write_text(recipe.read_text().replace("train/Clean.tar", "test/Kodak24.tar"))
    with pytest.raises(DataError, match="also occurs in the test set Kodak24"):
        lab([str(recipe)], on=["jpeg"], data_root=root, output=tmp_path / "out", device="cpu")


def test_a_finished_run_needs_no_pictures_and_pictures_of_the_test_set_are_told(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied = shutil.copytree(root, tmp_path / "data")
    (copied / "train" / "Kodak24.tar").write_bytes((copied / "train" / "Clean.tar").read_bytes())
    recipe = write_recipe(tmp_path, "plain", "empirical-risk")
    recipe.write_text(recipe.read_text().replace("train/Clean.tar", "train/Kodak24.tar"))
    ask = {"on": ["jpeg"], "data_root": copied, "output": tmp_path / "out", "device": "cpu"}
    first = lab([str(recipe)], **ask)
    (copied / "train" / "Kodak24.tar").unlink()
    assert lab([str(recipe)], **ask).matrix.cells == first.matrix.cells
    assert "was trained on" not in caplog.text
    again = lab([str(tmp_path / "out" / "runs" / "plain-s0" / "weights.safetensors")], **ask)
    remark = "plain-s0 was trained on pictures of kodak24, which it is now tested on."
    assert remark in caplog.text and remark in again.tables[0].notes


def test_settings_that_can_hardly_be_meant_are_told(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = write_recipe(tmp_path, "one", "dil-sf")
    run = ["--training.run_folder", str(tmp_path / "run"), "--training.steps", "1"]
    train(recipe, [*run, "--data.mixture", "{jpeg: 1, rain: 0}"], root)
    assert "dil-sf intervenes by domain, and there is only jpeg" in caplog.text
    assert "still warming up at the last of 1 steps: lower optimisation.warm_up_steps, which is 200" in caplog.text
    caplog.clear()
    run[1] = str(tmp_path / "another")
    train(recipe, [*run, "--optimisation.warm_up_steps", "0"], root)
    assert not caplog.records


def test_recipes_of_different_precision_in_one_run(root: Path, tmp_path: Path) -> None:
    plain = write_recipe(tmp_path, "plain", "empirical-risk")
    exact = write_recipe(tmp_path, "exact", "empirical-risk")
    exact.write_text(exact.read_text().replace("steps: 2", "steps: 2\n  precision: 'no'"))
    models = [str(plain), str(exact)]
    report = lab(models, on=["jpeg"], data_root=root, output=tmp_path / "out", device="cpu", limit=1)
    assert [subject.name for subject in report.matrix.subjects] == ["plain", "exact"]
