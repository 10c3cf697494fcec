"""Small pictures, encoded and packed as the real sets are."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

image = pytest.importorskip("PIL.Image")


def photograph(height: int, width: int, seed: int, spread: float = 1.0) -> np.ndarray:
    """Smooth colour with some structure, uint8 `(H, W, 3)`."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / random.uniform(3, 9) + columns / random.uniform(3, 9) + phase) for phase in range(3)]
    return np.rint(128 + spread * 60 * np.stack(waves, axis=-1)).astype(np.uint8)


def encoded(pixels: np.ndarray, form: str = "PNG") -> bytes:
    """The bytes of a lossless file."""
    file = io.BytesIO()
    image.fromarray(pixels).save(file, form, **({"lossless": True} if form == "WEBP" else {}))
    return file.getvalue()


def pack(path: Path, members: dict[str, bytes]) -> None:
    """A plain tar with one top folder of its own name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"{path.stem}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
