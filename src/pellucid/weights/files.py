"""Weights as safetensors with a description: no code runs on load, nothing is half-written."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.errors import WeightsError


def save_weights(
    path: str | Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any], dtype: torch.dtype = torch.float16
) -> None:
    """Write `tensors` and `description` to a safetensors file, atomically.

    Args:
        path: of the file to write.
        tensors: by name.
        description: JSON-able; at least `network` with `name` and `arguments`.
        dtype: floating tensors are stored in it. float16 keeps 11 bits where restoring in bf16 uses 8.
    """
    from safetensors.torch import save_file

    path = Path(path)
    stored = {
        name: (value.to(dtype) if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in tensors.items()
    }
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch()
    mode = partial.stat().st_mode  # as new files get it; safetensors makes its own for the owner alone
    save_file(stored, partial, metadata={"pellucid": json.dumps(description, sort_keys=True)})
    partial.chmod(mode)
    partial.replace(path)


def load_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (float32 on the CPU) and the description of a weights file.

    Raises:
        WeightsError: when the file is missing, is not safetensors, or holds no description.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"Expected a weights file at {path}, found none: check the name or the path.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        description = json.loads(metadata["pellucid"])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise WeightsError(
            f"Expected a safetensors file written by Pellucid, got {path} ({error}): use one that `train` made."
        ) from error
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    return tensors, description


def load_into(network: nn.Module, tensors: Mapping[str, Tensor], source: str | Path, *, may_lack: bool = False) -> None:
    """Put `tensors` into `network`; every name and shape must agree.

    Args:
        network: to fill.
        tensors: by name.
        source: how messages call them.
        may_lack: let the network keep what it has where `tensors` has nothing: to go on training a network that has
            grown parts which do nothing at first.

    Raises:
        WeightsError: when one does not; the network is then unchanged.
    """
    own = network.state_dict()
    apart = set(tensors) - set(own) if may_lack else set(own) ^ set(tensors)
    odd = sorted(apart) + [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    if odd:
        raise WeightsError(
            f"Expected weights that fit {type(network).__name__}, but {source} differs in {len(odd)} tensors, first "
            f"{odd[0]!r}: use the network's arguments that the weights were trained with."
        )
    network.load_state_dict({**own, **tensors})


def sha256(path: str | Path) -> str:
    """The hash of a file, hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
