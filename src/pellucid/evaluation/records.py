"""Results as files: one CSV row per picture, and one JSON with everything needed to measure again."""

import csv
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from pellucid.errors import DataError
from pellucid.evaluation.evaluate import PictureScore, Result
from pellucid.evaluation.harm import changes, num_below
from pellucid.evaluation.measures import SSIM_VARIANTS
from pellucid.evaluation.protocols import Trial, find_protocol
from pellucid.images.atomic import replacing
from pellucid.version import __version__

_PACKAGES = ("torch", "numpy", "pyvips", "pyvips-binary", "scikit-image", "bm3d", "opencv-python-headless")


def csv_text(results: Sequence[Result]) -> str:
    """One line per contestant, trial and picture, with a heading."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["contestant", "protocol", "test_set", "level", "seed", "index", "picture", "height", "width", "psnr"]
        + [f"ssim_{variant}" for variant in SSIM_VARIANTS]
        + ["auc", "seconds"]
    )
    for result in results:
        trial = result.trial
        for score in result.scores:
            writer.writerow(
                [result.contestant, trial.protocol.name, trial.test_set, _plain(trial.level), result.seed]
                + [score.index, score.picture, score.height, score.width, f"{score.psnr:.6f}"]
                + [f"{score.ssim[variant]:.6f}" if variant in score.ssim else "" for variant in SSIM_VARIANTS]
                + ["" if score.auc is None else f"{score.auc:.6f}", f"{score.seconds:.6f}"]
            )
    return text.getvalue()


def json_text(results: Sequence[Result]) -> str:
    """Means and rows of all results, the protocols in full, the machine and the versions."""
    protocols = {result.trial.protocol.name: result.trial.protocol for result in results}
    content = {
        "pellucid": __version__,
        "machine": machine(),
        "versions": versions(),
        "protocols": {name: _described(protocol) for name, protocol in protocols.items()},
        "results": [_result(result, changes(result, results)) for result in results],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def results_of(text: str) -> list[Result]:
    """What `json_text` wrote, read back: measured once, compared whenever others are there.

    Raises:
        DataError: when it is something else, or was measured under a protocol that has changed since.
        ConfigurationError: when a protocol is not known.
    """
    try:
        content = json.loads(text)
        described, rows = content["protocols"], content["results"]
        for name, then in described.items():
            if then != json.loads(json.dumps(_described(find_protocol(name)))):
                raise DataError(f"Expected results of protocol {name} as it is now, got an older one: measure again.")
        return [
            Result(
                row["contestant"],
                Trial(find_protocol(row["protocol"]), row["test_set"], row["level"]),
                row["seed"],
                tuple(PictureScore(**picture) for picture in row["pictures"]),
                row["num_in_set"],
                row["facts"],
            )
            for row in rows
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"Expected results.json as evaluating writes it, got something else ({error}).") from error


def machine() -> dict[str, str | int]:
    """What the figures of time were taken on; no host name, no paths."""
    facts: dict[str, str | int] = {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count() or 1,
        "torch_threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        facts["accelerator"] = torch.cuda.get_device_name()
    return facts


def versions() -> dict[str, str]:
    """Installed versions of what can change a figure."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write a file so that it is there whole or not at all, and return its path. Folders are made.

    Raises:
        ImageError: when it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode(errors="surrogateescape") if isinstance(content, str) else content)
    return path


def _result(result: Result, changed: Sequence[float]) -> dict[str, Any]:
    return {
        "contestant": result.contestant,
        "facts": dict(result.facts),
        "protocol": result.trial.protocol.name,
        "test_set": result.trial.test_set,
        "level": result.trial.level,
        "seed": result.seed,
        "num_pictures": len(result.scores),
        "num_in_set": result.num_in_set,
        "psnr": round(result.psnr, 4),
        "ssim": round(result.ssim, 5),
        "auc": None if result.auc is None else round(result.auc, 4),
        "num_below_input": num_below(changed) if changed else None,
        "worst_psnr": round(result.worst_psnr, 4),
        "worst_change": round(min(changed), 4) if changed else None,
        "seconds_per_megapixel": round(result.seconds_per_megapixel, 5),
        "pictures": [asdict(score) for score in result.scores],
    }


def _described(protocol: Any) -> Any:
    """A dataclass as a dictionary that also names the class of every nested one."""
    if is_dataclass(protocol) and not isinstance(protocol, type):
        inside = {field.name: _described(getattr(protocol, field.name)) for field in fields(protocol)}
        return {"kind": type(protocol).__name__, **inside}
    if isinstance(protocol, Mapping):
        return {str(key): _described(value) for key, value in protocol.items()}
    return list(protocol) if isinstance(protocol, tuple) else protocol


def _plain(level: float | None) -> str:
    return "" if level is None else f"{level:g}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
