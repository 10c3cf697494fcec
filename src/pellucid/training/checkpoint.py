"""Checkpoints: nested state to small safetensors shards and one JSON, renamed into place as a whole."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import WeightsError

SHARD_BYTES = 15 * 2**20
"""Small enough for every place that limits the size of a file."""


def save_checkpoint(folder: Path, state: dict[str, Any], step: int, keep: int = 2) -> Path:
    """Write `state` as `folder/step-00001234/`; it appears whole or not at all. Older ones beyond `keep` go.

    Args:
        folder: of all checkpoints of the run.
        state: nested dicts and lists of tensors, numbers, strings and None.
        step: finished so far.
        keep: how many to leave.
    """
    from safetensors.torch import save_file

    target = folder / f"step-{step:08d}"
    partial = folder / f"{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tensors: dict[str, Tensor] = {}
    skeleton = _strip(state, "", tensors)
    for number, shard in enumerate(_shards(tensors)):
        save_file(shard, partial / f"tensors-{number:03d}.safetensors")
    (partial / "state.json").write_text(json.dumps({"step": step, "state": skeleton}))
    for file in partial.iterdir():  # the rename below must not reach the disc before the contents
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    if target.exists():
        shutil.rmtree(target)
    partial.replace(target)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints in `folder`, oldest first."""
    found = folder.glob("step-*") if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix != ".partial" and (path / "state.json").is_file())


def load_checkpoint(path: Path) -> tuple[int, dict[str, Any]]:
    """The step and state of one checkpoint, tensors on the CPU.

    Raises:
        WeightsError: when a file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = {}
        for shard in sorted(path.glob("tensors-*.safetensors")):
            tensors.update(load_file(shard))
        stored = json.loads((path / "state.json").read_text())
        return stored["step"], _fill(stored["state"], tensors)
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise WeightsError(
            f"Expected a whole checkpoint in {path}, got {error!r}: delete it to go on from an older one."
        ) from error


def _strip(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """`value` with its tensors taken out; `{"%": name}` stands where one was, `{"items": ...}` for a dict."""
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"%": name}
    if isinstance(value, dict):
        # Optimisers key their state by integers, which JSON would turn into strings.
        return {"items": [[key, _strip(item, f"{name}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_strip(item, f"{name}/{position}", tensors) for position, item in enumerate(value)]
    return value


def _fill(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if "%" in value:
            return tensors[value["%"]]
        return {key: _fill(item, tensors) for key, item in value["items"]}
    if isinstance(value, list):
        return [_fill(item, tensors) for item in value]
    return value


def _shards(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        bytes_needed = tensor.numel() * tensor.element_size()
        if shard and size + bytes_needed > SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor
        size += bytes_needed
    yield shard
