"""TorchScript files that others made: opened without running what a pickle could hold."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from pellucid.errors import MethodError


def load_torchscript(path: Path, device: str = "cpu") -> Any:
    """The network of a TorchScript file, in float32, ready to be used and not to be trained.

    Args:
        path: the file.
        device: where it runs.

    Raises:
        MethodError: when it is no TorchScript, or this version of torch does not know what is in it.
    """
    if not _is_torchscript(path):
        raise MethodError(
            f"Expected TorchScript in {path}, got a pickle or something else: pickles are not loaded, since they may "
            "run code, so export the network to ONNX or TorchScript."
        )
    try:
        return torch.jit.load(str(path), map_location=device).eval().float()
    except Exception as error:  # RuntimeError mostly, others for operations that this version does not know
        raise MethodError(f"Expected TorchScript in {path}, got {complaint(error)}: export it again.") from error


def complaint(error: Exception) -> str:
    """What a library complains of, on one line; TorchScript says it below where it happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("RuntimeError: ")] or lines or [type(error).__name__]
    return f"the error {said[0].removeprefix('RuntimeError: ').rstrip('.')!r}"


def _is_torchscript(path: Path) -> bool:
    """Whether it is an archive with constants, which weights alone do not have; nothing is loaded for that."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False
