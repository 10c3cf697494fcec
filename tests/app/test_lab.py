"""`pellucid lab`: recipes are trained from every seed, models taken, and all of them tested and written about."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from pellucid.app.lab import lab
from pellucid.errors import ConfigurationError
from pellucid.evaluation.laboratory import FAMILIES

image = pytest.importorskip("PIL.Image")
pytest.importorskip("accelerate")


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Accelerate keeps the first precision of a process for good."""
    state = pytest.importorskip("accelerate.state")
    state.AcceleratorState._reset_state(True)
    yield
    state.AcceleratorState._reset_state(True)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a test set of two pictures, and clean pictures to train on."""
    folder = tmp_path_factory.mktemp("root")
    for path, count in (("test/Kodak24", 2), ("train/Clean", 3)):
        (folder / path).parent.mkdir(exist_ok=True)
        with tarfile.open(folder / f"{path}.tar", "w") as packed:
            for seed in range(count):
                coarse = np.random.default_rng(seed + count).integers(0, 256, (9, 10, 3), dtype=np.uint8)
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
    groups = [report.matrix.cells[0, column].relation for column in range(4)]
    assert groups == ["unseen degrees", "seen degrees", "seen degrees", "unseen degrees"]
    assert all(report.matrix.cells[2, column].gain == 0 for column in range(4))
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
    shorter = lab([str(plain)], on=["jpeg"], steps=1, data_root=root, output=tmp_path / "short", device="cpu", limit=1)
    assert len(shorter.matrix.cells[0, 0].per_picture) == 1


def test_what_cannot_be_compared_is_refused(root: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one recipe or model"):
        lab([])
    with pytest.raises(ConfigurationError, match="conditions out of"):
        lab(["input"], on=["fog"])
    assert {family.name for family in FAMILIES} >= {"noise", "rain", "real"}
