"""Photographs that come with scikit-image, so that statistics are those of real pictures."""

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def photographs() -> dict[str, Tensor]:
    """Four photographs, `(1, 3, H, W)` in `[0, 1]`, at most 224 x 320."""
    data = pytest.importorskip("skimage.data")
    pictures = {name: torch.tensor(getattr(data, name)()) for name in ("astronaut", "coffee", "chelsea", "rocket")}
    return {name: p.permute(2, 0, 1)[None, :, 40:264, 80:400].contiguous() / 255 for name, p in pictures.items()}


@pytest.fixture(scope="session")
def patches(photographs: dict[str, Tensor]) -> Tensor:
    """Three patches of them, `(3, 3, 112, 128)`."""
    corners = {"astronaut": (60, 70), "coffee": (60, 120), "chelsea": (20, 40)}
    return torch.cat([photographs[n][..., y : y + 112, x : x + 128] for n, (y, x) in corners.items()])
