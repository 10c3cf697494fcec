"""The run folder: what was asked for, where it ran, what happened."""

import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from pellucid.errors import ConfigurationError
from pellucid.version import __version__


class RunFolder:
    """One training run on disc: what was asked for, on what and where, its log, checkpoints, samples, TensorBoard.

    Args:
        path: made when missing.
        config: the run as resolved. What decides the result must agree with the run that is already there.
        pictures: what is trained on, as `data.fingerprint` has it; likewise.
        is_main: whether this process writes; one of several does, the others only read checkpoints.
        num_processes: that train together; must agree likewise, as each draws its own batches.
    """

    def __init__(
        self,
        path: Path,
        config: dict[str, Any],
        *,
        pictures: dict[str, Any] | None = None,
        is_main: bool = True,
        num_processes: int = 1,
    ):
        self.path, self.is_main = path, is_main
        self.checkpoints, self.samples = path / "checkpoints", path / "samples"
        if not is_main:
            return
        self.samples.mkdir(parents=True, exist_ok=True)
        existing = path / "config.yaml"
        if existing.is_file() and self.checkpoints.is_dir():
            before = yaml.safe_load(existing.read_text())
            changed = _differences(_decisive(before), _decisive(config))
            if changed:
                raise ConfigurationError(
                    f"Expected the settings that the run in {path} began with, but {changed[0]} differs: "
                    "undo the change, or choose another folder (--training.run_folder; -o for the laboratory)."
                )
            known = path / "pictures.json"
            if pictures is not None and known.is_file() and json.loads(known.read_text()) != pictures:
                raise ConfigurationError(
                    f"Expected the pictures that the run in {path} began with, but names or content differ: put them "
                    f"back, or give another --training.run_folder."
                )
            begun = [entry["num_processes"] for entry in self._environments() if "num_processes" in entry]
            if begun and begun[-1] != num_processes:
                raise ConfigurationError(
                    f"Expected as many processes as the run in {path} began with, {begun[-1]}, got {num_processes}: "
                    f"launch as many, or give another --training.run_folder."
                )
        _write(existing, yaml.safe_dump(config, sort_keys=False))
        if pictures is not None:
            _write(path / "pictures.json", json.dumps(pictures, indent=2))
        environments = [*self._environments(), {**environment(), "num_processes": num_processes}]
        _write(path / "environment.json", json.dumps(environments, indent=2))
        self._log = (path / "log.jsonl").open("a", buffering=1)
        self._tensorboard: Any = None

    def log(self, step: int, **values: float) -> None:
        """One line of the log, and the same to TensorBoard."""
        if not self.is_main:
            return
        self._log.write(json.dumps({"step": step, "time": round(time.time(), 3), **values}) + "\n")
        if self._tensorboard is not None:
            for name, value in values.items():
                self._tensorboard.add_scalar(name, value, step)

    def forget_after(self, step: int) -> None:
        """Drop what was logged after `step`: it is from steps that are about to be taken again.

        TensorBoard, which cannot drop lines, is told to pass over them; it is written from then on.
        """
        if not self.is_main:
            return
        if self._tensorboard is not None:
            self._tensorboard.close()
        self._tensorboard = _tensorboard(self.path / "tensorboard", step + 1)
        path = self.path / "log.jsonl"
        lines = [line for line in self.lines() if line["step"] <= step]
        self._log.close()
        _write(path, "".join(json.dumps(line) + "\n" for line in lines))
        self._log = path.open("a", buffering=1)

    def lines(self) -> list[dict[str, Any]]:
        """The log so far; a last line cut off by a crash is left out."""
        found = []
        for line in (self.path / "log.jsonl").read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def _environments(self) -> list[dict[str, Any]]:
        """Those of all starts of the run, the first one first."""
        path = self.path / "environment.json"
        found = json.loads(path.read_text()) if path.is_file() else []
        return found if isinstance(found, list) else [found]  # earlier versions kept the last one only

    def close(self) -> None:
        """Close the files."""
        if not self.is_main:
            return
        self._log.close()
        if self._tensorboard is not None:
            self._tensorboard.close()


def environment() -> dict[str, Any]:
    """Versions, machine and git revision, for the record."""
    return {
        "pellucid": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "git": _git_revision(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _git_revision() -> str | None:
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


_FREE = ("memory", "refuse_leaks_into")
"""Settings of the data that may change within a run: they decide whether and how it runs, not what comes out."""


def _decisive(config: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide the result: of how the loop runs its steps and precision; not what is only checked."""
    training = config.get("training", {})
    rest = {key: value for key, value in config.items() if key != "training"}
    if isinstance(rest.get("strategy"), str):  # as earlier versions kept it
        rest["strategy"] = {"name": rest["strategy"]}
    rest["data"] = {key: value for key, value in config.get("data", {}).items() if key not in _FREE}
    return {**rest, "training": {key: training.get(key) for key in ("steps", "precision")}}


def _differences(one: Any, other: Any, name: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        # Settings that came later than the run are off by default, and a run without them is the same run.
        other = {key: value for key, value in other.items() if key in one or value}
        # Another name explains all else.
        keys = sorted(set(one) | set(other), key=lambda key: (key != "name", str(key)))
        return [d for key in keys for d in _differences(one.get(key), other.get(key), f"{name}.{key}".strip("."))]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        rows = enumerate(zip(one, other, strict=True))
        return [d for row, (old, new) in rows for d in _differences(old, new, f"{name}.{row}")]
    return [] if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) else [name]


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)


def _tensorboard(path: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(path), purge_step=first_step)
