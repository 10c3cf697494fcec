"""Kill -9 in the midst of a folder, run again: the same files as without."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pellucid.app.journal import JOURNAL_NAME
from pellucid.app.restore import restore
from pellucid.methods.load import Model

NUM_PICTURES = 9


def pictures_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != JOURNAL_NAME
    }


def finished_in(out: Path) -> int:
    journal = out / JOURNAL_NAME
    return journal.read_text().count('"finished"') if journal.is_file() else 0


def kill_midway(photos: Path, out: Path, weights: Path, until: int, further_seconds: float) -> None:
    """Start a run and kill it some time after it has finished `until` pictures."""
    command = [
        sys.executable,
        "-m",
        "pellucid",
        "restore",
        str(photos),
        "-o",
        str(out),
        "--model",
        str(weights),
        "--always",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while run.poll() is None and finished_in(out) < until:
            time.sleep(0.002)
        time.sleep(further_seconds)
    finally:
        run.kill()
        run.wait()
    assert run.returncode in (-signal.SIGKILL, 0)


def test_killed_and_run_again_equals_run_through(
    tmp_path: Path, tiny: Model, weights: Path, make_photo: Callable[..., Path]
) -> None:
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("no kill -9 on this system")
    photos, out = tmp_path / "photos", tmp_path / "out"
    for number in range(NUM_PICTURES):
        make_photo(
            photos / f"{number % 3}" / f"{number}.{('jpg', 'png', 'tif')[number % 3]}", size=(96, 96), seed=number
        )
    originals = pictures_in(photos)
    restore(photos, tmp_path / "through", model=tiny)

    seed = random.randrange(1000)
    print(f"moments of the kills are drawn with seed {seed}")
    moments = random.Random(seed)
    kill_midway(photos, out, weights, moments.randint(1, NUM_PICTURES - 3), moments.uniform(0, 0.2))
    # Whatever is there under its own name is whole.
    through = pictures_in(tmp_path / "through")
    assert all(through[name] == data for name, data in pictures_in(out).items() if ".partial" not in name)

    again = restore(photos, out, model=tiny)
    assert any(picture.was_finished for picture in again.files)
    assert pictures_in(out) == through
    assert pictures_in(photos) == originals
