"""A small data root, laid out and packed as the real one is."""

from pathlib import Path

import numpy as np
import pytest
from packed_pictures import encoded, pack, photograph


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CBSD68 (5 pictures), Kodak24 (2), Rain100L (3 pairs), Rain100H (3 layers), Set12 (2, grey), and bedrooms."""
    root = tmp_path_factory.mktemp("data")
    test = root / "test"
    pack(test / "CBSD68.tar", {f"{100 + k}.png": encoded(photograph(40 + k, 56, k)) for k in range(5)})
    landscape, portrait = photograph(512, 768, 20), photograph(768, 512, 21)
    pack(test / "Kodak24.tar", {"kodim01.png": encoded(landscape), "kodim04.png": encoded(portrait)})
    clean = [photograph(45, 61, 30 + k) for k in range(3)]
    rain = [np.minimum(255, picture.astype(int) + 40).astype(np.uint8) for picture in clean]
    pack(
        test / "Rain100L.tar",
        {f"gt/{k:03}.png": encoded(picture) for k, picture in enumerate(clean)}
        | {f"input/{k:03}.webp": encoded(picture, "WEBP") for k, picture in enumerate(rain)},
    )
    layer = np.full((44, 60), 70, np.uint8)
    pack(test / "Rain100H.tar", {f"streak/{k:03}.png": encoded(layer) for k in range(3)})
    grey = photograph(48, 48, 40)[..., 0]
    pack(test / "Set12.tar", {"01.png": encoded(grey), "02.png": encoded(grey.T.copy())})
    rooms = {f"gt/{k}.png": encoded(photograph(16, 16, k)) for k in range(60)}
    pack(root / "bigprior" / "ColorizationBedroom300.tar", rooms)
    return root
