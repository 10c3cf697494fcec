import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """A function that makes a file of `(H, W, 3)` or `(H, W)` uint8, by Pillow."""

    def make(pixels: np.ndarray, suffix: str = ".png", **options) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, Image.registered_extensions()[suffix], **options)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def noise_picture() -> Callable[..., np.ndarray]:
    """A function that draws `(H, W, 3)` uint8."""

    def draw(seed: int, height: int = 12, width: int = 16) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return draw


@pytest.fixture
def write_files():
    """A function that writes `{relative name: bytes}` under a folder."""

    def write(folder: Path, files: dict[str, bytes]) -> Path:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder

    return write


@pytest.fixture
def pack_files():
    """A function that packs `{member name: bytes}` into a tar archive."""

    def pack(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, mode) as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    return pack
