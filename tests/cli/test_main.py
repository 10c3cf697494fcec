"""Statuses, where words go, and that no user ever sees a traceback."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pellucid.cli import main as command_line
from pellucid.version import __version__

Pellucid = Callable[..., Any]

RECIPE = """
method: supervised
data:
  sources: [{path: photos}]
  mixture: {jpeg: 1}
"""


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["restore"], "Expected pictures to restore, got none"),
        (["restore", "missing.jpg"], "found nothing at missing.jpg"),
        (["restore", "*.xyz"], "found none"),
        (["restore", "broken.jpg", "--model", "tiny.safetensors"], "broken.jpg"),
        (["restore", "empty.png", "--model", "tiny.safetensors"], "the file is empty"),
        (["restore", "photo.png", "--model", "nobody"], "Expected a model out of default"),
        (["restore", "photo.png", "--model", "broken.jpg"], "Expected a safetensors file written by Pellucid"),
        (["restore", "photo.png", "--memory", "much"], "Expected a size of memory like 2G"),
        (["restore", "photo.png", "--memory", "1M", "--model", "tiny.safetensors"], "raise --memory"),
        (["restore", "photo.png", "--device", "abacus", "--model", "tiny.safetensors"], "Expected a device"),
        (["restore", "photo.png", "-o", "photo.xyz", "--model", "tiny.safetensors"], "Expected a target ending in"),
        (["restore", "photo.png", "-o", "taken.png", "--model", "tiny.safetensors"], "did not write"),
        (["restore", "photo.png", "--tile", "-3", "--model", "tiny.safetensors"], "Expected a tile"),
        (["restore", "photo.png", "--tile", "big"], "big"),
        (["restore", "photo.png", "photo/../photo.png/x"], "Expected a picture"),
        (["restore", "photo.png", "--report", "."], "is a folder"),
        (["restore", "photo.png", "--strength", "3"], "--strength"),
        (["restore", "photo.png", "--degradation", "rain", "--model", "tiny.safetensors"], "can be told what is wrong"),
        (["restore", "photo.png", "--degradation", "fog"], "Expected degradations out of low-light, haze, blur"),
        (["restore", "photo.png", "--degradation", "haze,low-light"], "dark or hazy, got both"),
        (["frobnicate"], "frobnicate"),
        (["train", "missing.yaml"], "Expected a recipe file at missing.yaml"),
        (["train", "recipe.yaml", "--data.mixtrue", "3"], "data.mixtrue"),
        (["train", "recipe.yaml", "--optimisation.learning_rate", "-1"], "optimisation.learning_rate"),
        (["train", "recipe.yaml", "--network.arguments", "{a: [1"], "Expected YAML after --network.arguments, got"),
        (["train", "recipe.yaml", "--network.arguments={a: [1"], "Expected YAML after --network.arguments, got"),
        (["train", "recipe.yaml", "--method", "magic"], "Expected a method out of"),
        (["train", "not.yaml"], "Expected YAML"),
        (["train", "recipe.yaml", "--show", "--nonsense"], "nonsense"),
        (["train"], "recipe"),
        (["evaluate", "input"], "Expected something to measure on"),
        (["evaluate", "input", "--on", "nosuch"], "Expected a test set"),
        (["evaluate", "nobody", "--folders", ".", "."], "Expected a model out of"),
        (["degrade", "photo.png", "-o", "out.png"], "Expected at least one degradation"),
        (["degrade", "photo.png", "fog", "-o", "out.png"], "Expected a degradation or preset, got 'fog'"),
        (["degrade", "photo.png", "jpeg:quality=900", "-o", "out.png"], "quality"),
        (["degrade", "photo.png", "jpeg"], "output"),
    ],
)
def test_what_a_user_gets_wrong_is_one_sentence_and_status_2(
    tokens: list[str], words: str, pellucid: Pellucid, photo: Path, tiny: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "taken.png").write_bytes(b"precious")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "not.yaml").write_text("a: [b")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    answer = pellucid(*tokens)
    assert answer.status == 2
    assert words in answer.error
    assert answer.error.count("\n") == 1 and "Traceback" not in answer.error
    assert answer.out == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_wrong_may_be_said_in_one_word_with_commas(pellucid: Pellucid, photo: Path, tmp_path: Path) -> None:
    answer = pellucid("restore", "photo.png", "-o", "out.png", "--degradation", "Haze,rain", "--receipts")
    assert answer.status == 0 and answer.out.split() == ["out.png"]
    receipt = json.loads((tmp_path / "out.png.receipt.json").read_text("utf-8"))
    assert receipt["degradations"] == ["haze", "rain"] and receipt["taken_for"] == "haze, then rain"


def test_an_output_with_a_slash_is_a_folder(pellucid: Pellucid, photo: Path, tiny: str, tmp_path: Path) -> None:
    answer = pellucid("restore", "photo.png", "--model", tiny, "-o", "v1.0/")
    assert answer.status == 0 and (tmp_path / "v1.0" / "photo.png").is_file()


def test_one_picture(pellucid: Pellucid, photo: Path, tiny: str) -> None:
    answer = pellucid("restore", "photo.png", "--model", tiny)
    assert (answer.status, answer.out) == (0, "photo.restored.png\n")
    assert Path("photo.restored.png").is_file()


def test_a_folder_with_a_broken_file_is_status_1(pellucid: Pellucid, photo: Path, tiny: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    photo.rename(tmp_path / "photos" / "写真.png")
    (tmp_path / "photos" / "broken.jpg").touch()
    answer = pellucid("restore", "photos", "-o", "out", "--model", tiny, "--receipts", "--report", "out/report.html")
    assert (answer.status, answer.out) == (1, "out/写真.png\n")
    assert "warning: Set aside photos/broken.jpg: Expected a picture" in answer.error
    assert {path.name for path in Path("out").iterdir()} == {
        ".pellucid.jsonl",
        "report.html",
        "写真.png",
        "写真.png.receipt.json",
    }
    assert pellucid("restore", "photos", "-o", "out", "--model", tiny).out == answer.out, "finished ones are named, too"


def test_what_is_not_kept_is_said(pellucid: Pellucid, tiny: str, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    image_module.new("RGBA", (32, 24), (200, 100, 50, 128)).save(tmp_path / "a.png")
    answer = pellucid("restore", "a.png", "-o", "b.jpg", "--model", tiny)
    assert answer.status == 0
    assert any(line.startswith("warning: a.png: not kept in b.jpg: opacity") for line in answer.error.splitlines())


def test_a_restored_picture_is_passed_over_the_next_time(pellucid: Pellucid, photo: Path, tiny: str) -> None:
    for words in ("1 restored, 0 finished before", "0 restored, 1 finished before"):
        answer = pellucid("restore", "photo.png", "-o", "better.jpg", "--model", tiny)
        assert (answer.status, answer.out) == (0, "better.jpg\n")
        assert words in answer.error


def test_the_limit_of_megapixels_may_be_set(pellucid: Pellucid, photo: Path, tiny: str) -> None:
    answer = pellucid("restore", "photo.png", "--max-megapixels", "0.0005", "--model", tiny)
    assert answer.status == 2 and "at most 0.0005 megapixels" in answer.error
    assert pellucid("restore", "photo.png", "--max-megapixels", "1", "--model", tiny).status == 0


def test_degrade_leaves_files_of_somebody_else_alone(pellucid: Pellucid, photo: Path) -> None:
    Path("precious.png").write_bytes(b"precious")
    answer = pellucid("degrade", "photo.png", "rain:smear=1", "-o", "precious.png")
    assert answer.status == 2 and "did not write" in answer.error
    assert Path("precious.png").read_bytes() == b"precious" and not Path("degradations.jsonl").exists()
    for flags in (["--overwrite"], []):  # the second time it is ours
        assert pellucid("degrade", "photo.png", "rain:smear=1", "-o", "precious.png", *flags).status == 0


def test_degrade_writes_what_it_did(pellucid: Pellucid, photo: Path) -> None:
    answer = pellucid("degrade", "photo.png", "gaussian-noise:sigma=25", "jpeg:quality=30", "-o", "bad.png")
    assert (answer.status, answer.out) == (0, "bad.png\n")
    assert Path("degradations.jsonl").is_file()


def test_train_shows_settings_with_what_was_typed(pellucid: Pellucid, tmp_path: Path) -> None:
    import yaml

    (tmp_path / "recipe.yaml").write_text(RECIPE)
    answer = pellucid(
        "train", "recipe.yaml", "--show", "--optimisation.learning-rate", "5e-4", "--data.severity", "0", "1"
    )
    assert answer.status == 0
    shown = yaml.safe_load(answer.out)
    assert shown["optimisation"]["learning_rate"] == 5e-4
    assert shown["data"]["severity"] == [0, 1]
    assert shown["training"]["steps"] > 0, "defaults are shown, too"


def test_train_passes_overrides_on(pellucid: Pellucid, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.app import train

    seen: list[object] = []
    finished = train.Trained(Path("runs/a"), 3, "finished")
    monkeypatch.setattr(train, "train", lambda *given: seen.append(given) or finished)
    answer = pellucid("train", "a.yaml", "--training.steps", "3", "--data-root", "data", "--a.b=1")
    assert seen == [(Path("a.yaml"), ("--training.steps", "3", "--a.b=1"), Path("data"))]
    assert (answer.status, answer.out) == (0, "runs/a\n")


@pytest.mark.parametrize(("reason", "status"), [("time limit", 3), ("interrupted", 130)])
def test_train_that_did_not_finish_says_so_by_its_status(
    reason: str, status: int, pellucid: Pellucid, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid.app import train

    monkeypatch.setattr(train, "train", lambda *_: train.Trained(Path("runs/a"), 2, reason))
    answer = pellucid("train", "a.yaml")
    assert (answer.status, answer.out) == (status, "runs/a\n")


def test_evaluate_prints_tables(pellucid: Pellucid, photo: Path, tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    for folder in ("degraded", "clean"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(photo.read_bytes())
    answer = pellucid("evaluate", "input", "--folders", "degraded", "clean", "-o", "results", "--no-sheets")
    assert answer.status == 0
    assert "input" in answer.out and "results/results.json" in answer.out


def test_models_are_listed(pellucid: Pellucid) -> None:
    answer = pellucid("models")
    assert answer.status == 0
    assert answer.out.startswith("default\t")


def test_version(pellucid: Pellucid) -> None:
    assert pellucid("--version").out == f"{__version__}\n"


@pytest.mark.parametrize("verb", ["restore", "perceive", "train", "evaluate", "lab", "degrade", "models"])
def test_help_explains_every_parameter(pellucid: Pellucid, verb: str) -> None:
    answer = pellucid(verb, "--help")
    assert answer.status == 0
    command = command_line.app[verb]
    for argument in command.assemble_argument_collection(parse_docstring=True):
        assert argument.parameter.help, f"{argument.name} of {verb} says what it is"


def test_control_c_is_status_130(pellucid: Pellucid, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.app import restore

    def interrupted(*given: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restore, "restore", interrupted)
    answer = pellucid("restore", "photo.png")
    assert answer.status == 130
    assert answer.error == "Stopped; run the same command again to go on.\n"


def test_a_bug_is_one_sentence_and_a_traceback_for_who_asks(
    pellucid: Pellucid, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid.app import restore

    def buggy(*given: object, **settings: object) -> None:
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr(restore, "restore", buggy)
    answer = pellucid("restore", "photo.png")
    assert answer.status == 70
    assert "(ZeroDivisionError: by nothing): set PELLUCID_DEBUG=1" in answer.error and answer.error.count("\n") == 1
    monkeypatch.setenv("PELLUCID_DEBUG", "1")
    answer = pellucid("restore", "photo.png")
    assert answer.status == 70
    assert answer.error.startswith("Traceback") and "in buggy" in answer.error


def test_the_module_runs_and_gives_its_status() -> None:
    done = subprocess.run([sys.executable, "-m", "pellucid", "frobnicate"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('Unknown command "frobnicate"')


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "import sys; from pellucid.cli.main import main; sys.stdout.close = lambda: None; sys.exit(main(['models']))"
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    errors = run.stderr.read()
    run.stderr.close()
    assert (run.wait(), errors) == (0, b"")
