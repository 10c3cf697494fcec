"""Runs the command line in this process, and leaves the process as it was."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from pellucid.cli.main import main
from pellucid.images.files import write_image
from pellucid.networks.residual_unet import ResidualUNet
from pellucid.weights.files import save_weights


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    status: int
    out: str
    error: str


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("pellucid")
    before = (logger.level, list(logger.handlers))
    yield
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


@pytest.fixture
def pellucid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """`pellucid("restore", "a.jpg")` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DATA", raising=False)

    def run(*tokens: str) -> Answer:
        capsys.readouterr()
        status = main(tokens)
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small picture in the folder that commands run in."""
    write_image(tmp_path / "photo.png", torch.rand(1, 3, 24, 32))
    return tmp_path / "photo.png"


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """The name of a weights file in that folder."""
    arguments = {"widths": [8, 16, 16], "blocks": [1, 1, 1]}
    description = {"method": "supervised", "network": {"name": "residual-unet", "arguments": arguments}}
    save_weights(tmp_path / "tiny.safetensors", ResidualUNet(**arguments).state_dict(), description)
    return "tiny.safetensors"


@pytest.fixture(autouse=True)
def _nobody_judges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that are not about it restore every picture: what a tiny random model makes of one is no better."""
    if "judged" not in request.keywords:
        monkeypatch.setattr("pellucid.app.restore.load_perceiver", lambda **_: None)
