"""Weights files as files: who may read them."""

import os
import stat
from pathlib import Path

import pytest
import torch

from pellucid.weights.files import load_weights, save_weights


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_they_have_the_permissions_of_new_files(mask: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    (tmp_path / "weights.safetensors.partial").write_bytes(b"left by a run that was killed")
    before = os.umask(mask)
    try:
        save_weights(path, {"weight": torch.ones(2)}, {"network": {}})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert load_weights(path)[0]["weight"].tolist() == [1, 1]
    assert list(tmp_path.iterdir()) == [path]
