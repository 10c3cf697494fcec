"""Maps are written wherever a picture may lie."""

import os
import sys
from pathlib import Path

import pytest
import torch

from pellucid.evaluation.records import write_whole
from pellucid.images.files import read_image
from pellucid.images.map_canvas import MapCanvas


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there")
def test_a_name_in_no_known_encoding_is_a_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"bad\xff")
    folder.mkdir()
    canvas = MapCanvas(("error",), 20, 30, folder, 1 << 20)
    canvas.write(0, 0, torch.full((1, 1, 20, 30), 0.25))
    canvas.save({"error": folder / "error.png"})
    canvas.close()
    assert read_image(folder / "error.png").mean().item() == pytest.approx(0.25, abs=1e-4)
    assert write_whole(folder / "a.csv", f"name\n{folder.name}\n").read_bytes() == b"name\nbad\xff\n"
