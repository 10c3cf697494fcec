"""A tiny model with random weights, and small pictures: what is tested is the way there and back, not the quality."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Generator

from pellucid.images.files import write_image
from pellucid.methods.load import Model, load
from pellucid.networks.residual_unet import ResidualUNet
from pellucid.weights.files import save_weights

TINY = {"widths": [8, 16, 16], "blocks": [1, 1, 1]}


def save_tiny(path: Path, seed: int) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ResidualUNet(**TINY)
    description = {"method": "supervised", "network": {"name": "residual-unet", "arguments": TINY}}
    save_weights(path, network.state_dict(), description)
    return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights file of a tiny model."""
    return save_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors", 0)


@pytest.fixture(scope="session")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights file of another tiny model."""
    return save_tiny(tmp_path_factory.mktemp("weights") / "other.safetensors", 1)


@pytest.fixture(scope="session")
def tiny(weights: Path) -> Model:
    """The tiny model, loaded."""
    return load(weights, "cpu")


@pytest.fixture
def make_photo() -> Callable[..., Path]:
    """Writes a small smooth picture; its folder is made when missing."""

    def make(path: Path, *, size: tuple[int, int] = (40, 56), seed: int = 0, depth: int = 8) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = torch.rand(1, 3, 5, 7, generator=Generator().manual_seed(seed))
        image = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        write_image(path, image, depth=depth)
        return path

    return make


@pytest.fixture(autouse=True)
def _nobody_judges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that are not about it restore every picture: what a tiny random model makes of one is no better."""
    if "judged" not in request.keywords:
        monkeypatch.setattr("pellucid.app.restore.load_perceiver", lambda **_: None)
