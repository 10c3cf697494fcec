"""A GPU that lies idle because the installed torch cannot use it."""

import shutil
from pathlib import Path

import torch

_DRIVER = Path("/proc/driver/nvidia")


def unused_gpu(device: str) -> str | None:
    """A sentence for somebody whose work runs on the CPU although there seems to be an NVIDIA GPU; `None` otherwise.

    Args:
        device: where the work runs.
    """
    is_there = _DRIVER.exists() or shutil.which("nvidia-smi") is not None
    if device != "cpu" or torch.version.cuda is not None or torch.version.hip is not None or not is_there:
        return None
    return (
        "There seems to be an NVIDIA GPU, but the installed torch is built for CPUs alone: see pytorch.org for a build "
        "with CUDA, or pass --device cpu if that is meant."
    )
