"""A small data root, laid out and packed as the real one is."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

image = pytest.importorskip("PIL.Image")


def _photograph(height: int, width: int, seed: int, spread: float = 1.0) -> np.ndarray:
    """Smooth colour with some structure, uint8 `(H, W, 3)`."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / random.uniform(3, 9) + columns / random.uniform(3, 9) + phase) for phase in range(3)]
    return np.rint(128 + spread * 60 * np.stack(waves, axis=-1)).astype(np.uint8)


def _encoded(pixels: np.ndarray, form: str = "PNG") -> bytes:
    """The bytes of a lossless file."""
    file = io.BytesIO()
    image.fromarray(pixels).save(file, form, **({"lossless": True} if form == "WEBP" else {}))
    return file.getvalue()


def _pack(path: Path, members: dict[str, bytes]) -> None:
    """A plain tar with one top folder of its own name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"{path.stem}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


@pytest.fixture(scope="session")
def photograph() -> Callable[..., np.ndarray]:
    """`(height, width, seed, spread)` to smooth colour."""
    return _photograph


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Pixels to the bytes of a lossless file."""
    return _encoded


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CBSD68 (5 pictures), Kodak24 (2), Rain100L (3 pairs), Rain100H (3 layers), Set12 (2, grey), and bedrooms."""
    root = tmp_path_factory.mktemp("data")
    test = root / "test"
    _pack(test / "CBSD68.tar", {f"{100 + k}.png": _encoded(_photograph(40 + k, 56, k)) for k in range(5)})
    landscape, portrait = _photograph(512, 768, 20), _photograph(768, 512, 21)
    _pack(test / "Kodak24.tar", {"kodim01.png": _encoded(landscape), "kodim04.png": _encoded(portrait)})
    clean = [_photograph(45, 61, 30 + k) for k in range(3)]
    rain = [np.minimum(255, picture.astype(int) + 40).astype(np.uint8) for picture in clean]
    _pack(
        test / "Rain100L.tar",
        {f"gt/{k:03}.png": _encoded(picture) for k, picture in enumerate(clean)}
        | {f"input/{k:03}.webp": _encoded(picture, "WEBP") for k, picture in enumerate(rain)},
    )
    layer = np.full((44, 60), 70, np.uint8)
    _pack(test / "Rain100H.tar", {f"streak/{k:03}.png": _encoded(layer) for k in range(3)})
    grey = _photograph(48, 48, 40)[..., 0]
    _pack(test / "Set12.tar", {"01.png": _encoded(grey), "02.png": _encoded(grey.T.copy())})
    rooms = {f"gt/{k}.png": _encoded(_photograph(16, 16, k)) for k in range(60)}
    _pack(root / "bigprior" / "ColorizationBedroom300.tar", rooms)
    return root
