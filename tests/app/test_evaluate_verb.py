"""The verb: names to trials, one run to files, and every wrong request in one sentence."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pellucid.app.evaluate import evaluate
from pellucid.errors import ConfigurationError, DataError, MethodError
from pellucid.evaluation.evaluate import Contestant

image = pytest.importorskip("PIL.Image")

DARKER = Contestant("darker", lambda degraded: degraded * 0.9, facts={"sha256": "ab12"})


def encoded(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(40, 200, (32, 40, 3), np.uint8)
    file = io.BytesIO()
    image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    for archive, names in (("CBSD68", ["1.png", "2.png", "3.png"]), ("Rain100L", ["gt/1.png", "input/1.png"])):
        path = folder / "test" / f"{archive}.tar"
        path.parent.mkdir(exist_ok=True)
        with tarfile.open(path, "w") as packed:
            for seed, name in enumerate(names):
                data = encoded(seed)
                entry = tarfile.TarInfo(f"{archive}/{name}")
                entry.size = len(data)
                packed.addfile(entry, io.BytesIO(data))
    return folder


def test_a_set_is_measured_at_every_sigma_with_the_input_beside(root: Path) -> None:
    told: list[tuple[int, int]] = []
    evaluation = evaluate(
        [DARKER],
        on=["cbsd68", "rain100l"],
        sigma=[15, 25],
        data_root=root,
        progress=lambda done, total, _: told.append((done, total)),
    )
    labels = [(result.trial.label, result.contestant) for result in evaluation.results]
    assert labels == [
        ("awgn on cbsd68, sigma 15", "input"),
        ("awgn on cbsd68, sigma 15", "darker"),
        ("awgn on cbsd68, sigma 25", "input"),
        ("awgn on cbsd68, sigma 25", "darker"),
        ("rain-rgb on rain100l", "input"),
        ("rain-rgb on rain100l", "darker"),
    ]
    assert told == [(done, 14) for done in range(1, 15)]
    assert len(evaluation.tables) == 2


def test_trained_models_are_told_apart_by_their_run_folders(
    root: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("first", "second", "again/first", "bm3d"):
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy(weights, tmp_path / folder / "weights.safetensors")
    monkeypatch.chdir(tmp_path / "second")
    files = [str(tmp_path / folder / "weights.safetensors") for folder in ("first", "again/first", "bm3d")]
    models = ["input", *files, "weights.safetensors", str(weights)]
    evaluation = evaluate(models, on=["cbsd68"], sigma=[25], data_root=root, limit=1, device="cpu")
    names = [result.contestant for result in evaluation.results]
    assert names == ["input", "first", "first-2", "bm3d-2", "second", "tiny"]
    with pytest.raises(ConfigurationError, match=r"different models, got weights\.safetensors twice"):
        evaluate(["weights.safetensors"] * 2, on=["cbsd68"], data_root=root)


def test_published_levels_are_taken_when_none_are_given(root: Path) -> None:
    evaluation = evaluate(["input"], on=["cbsd68"], protocol="dil-noise", data_root=root, limit=1)
    assert [result.trial.level for result in evaluation.results] == [30, 40, 50]


def test_levels_serve_protocols_without_sigma(root: Path) -> None:
    evaluation = evaluate([], on=["cbsd68"], protocol="jpeg", levels=[10, 95], data_root=root, limit=1)
    low, high = evaluation.results
    assert low.psnr < high.psnr


def test_two_folders_are_measured_as_pairs(tmp_path: Path) -> None:
    for name in ("degraded", "clean"):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.png").write_bytes(encoded(number))
    evaluation = evaluate([DARKER], folders=(tmp_path / "degraded", tmp_path / "clean"))
    assert evaluation.results[0].psnr == 100
    assert evaluation.tables[0].title == "pairs on degraded against clean"


def test_everything_is_written_into_one_folder(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    evaluation = evaluate([DARKER], on=["cbsd68"], sigma=[25], data_root=root, output=tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in evaluation.files}
    assert names == {"results.json", "pictures.csv", "tables.md", "sheets/awgn-cbsd68-25-darker.png"}
    assert all(path.stat().st_size > 0 for path in evaluation.files)
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["results"][1]["facts"] == {"sha256": "ab12"}


def test_the_same_seed_gives_the_same_figures_and_another_does_not(root: Path) -> None:
    figures = [evaluate([], on=["cbsd68"], sigma=[25], data_root=root, seed=seed).results[0].psnr for seed in (1, 1, 2)]
    assert figures[0] == figures[1] != figures[2]


@pytest.mark.parametrize(
    ("request_", "error", "complaint"),
    [
        ({"models": ["input"]}, ConfigurationError, "something to measure on"),
        ({"models": ["input"], "on": ["cbsd69"]}, DataError, "cbsd68"),
        ({"models": ["input"], "on": ["rain100l"], "sigma": [25]}, ConfigurationError, "adds noise for sigma"),
        ({"models": ["input"], "on": ["cbsd68"], "sigma": [25], "levels": [1]}, ConfigurationError, "got both"),
        ({"models": ["input"], "on": ["cbsd68"], "protocol": "x"}, ConfigurationError, "dil-noise"),
        ({"models": ["input"], "on": ["kodak24"]}, DataError, "Kodak24"),
        ({"models": ["input"], "on": ["cbsd68"], "protocol": "pairs"}, ConfigurationError, "clean pictures only"),
        ({"models": [DARKER, DARKER], "on": ["cbsd68"]}, ConfigurationError, "darker twice"),
        ({"models": ["no-such-model"], "on": ["cbsd68"]}, MethodError, "no-such-model"),
    ],
)
def test_a_wrong_request_is_one_sentence(root: Path, request_: dict, error: type, complaint: str) -> None:
    with pytest.raises(error, match=complaint) as caught:
        evaluate(**request_, data_root=root)
    assert "\n" not in str(caught.value)
