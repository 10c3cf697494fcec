"""Layers that add up to their picture, and such as do not."""

import logging
from pathlib import Path

import pytest
import torch
from PIL import Image

from pellucid.app.agreement import Agreement
from pellucid.app.restore_file import restore_file
from pellucid.methods.base import Restoration
from pellucid.methods.load import load
from pellucid.networks.deraining_generator import DerainingGenerator
from pellucid.weights.files import save_weights


def told(background: float, rain: float | None) -> Agreement:
    picture = torch.full((1, 3, 4, 4), 0.5)
    agreement = Agreement()
    maps = {} if rain is None else {"rain": torch.full_like(picture, rain)}
    for _ in range(2):
        agreement.add(picture, Restoration(torch.full_like(picture, background), maps))
    return agreement


@pytest.mark.parametrize(
    ("background", "rain", "mismatch", "warns"),
    [(0.3, 0.2, 0.0, False), (0.3, -0.2, 0.4, True), (0.3, 0.1, 0.1, False), (0.5, 0.003, 0.003, False)],
)
def test_means_are_of_all_tiles_and_a_warning_is_given_where_rain_explains_nothing(
    background: float, rain: float, mismatch: float, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    agreement = told(background, rain)
    assert agreement.mismatch == pytest.approx(mismatch, abs=1e-6)
    assert agreement.removed == pytest.approx(0.5 - background, abs=1e-6)
    agreement.warn(Path("street.jpg"))
    assert ("street.jpg" in caplog.text and "do not add up" in caplog.text) == warns


def test_models_without_rain_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    agreement = told(0.3, None)
    agreement.warn(Path("street.jpg"))
    assert agreement.mismatch is None and agreement.removed is None and caplog.text == ""


def test_the_receipt_of_a_file_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    arguments = {"width": 4, "blocks": 1, "normalised": False}
    background = DerainingGenerator(skip=True, **arguments)
    rain = DerainingGenerator(gives="rain", **arguments)
    with torch.no_grad():  # the one removes nothing, the other sees rain everywhere
        for its in (*background.tail.parameters(), rain.tail.weight):
            its.zero_()
        rain.tail.bias.fill_(0.2)
    tensors = {f"background.{name}": its for name, its in background.state_dict().items()}
    tensors |= {f"rain.{name}": its for name, its in rain.state_dict().items()}
    parts = {"background": {"skip": True, **arguments}, "rain": {"gives": "rain", **arguments}}
    described = {name: {"name": "deraining-generator", "arguments": its} for name, its in parts.items()}
    save_weights(tmp_path / "w.safetensors", tensors, {"method": "nlcl", **described})
    Image.new("RGB", (40, 30), (90, 120, 150)).save(tmp_path / "street.png")
    with caplog.at_level(logging.WARNING):
        receipt = restore_file(
            tmp_path / "street.png", tmp_path / "dry.png", load(tmp_path / "w.safetensors", "cpu"), tile=32
        )
    assert receipt.rain_mismatch == pytest.approx(0.1, abs=1e-3)
    assert "do not add up" in caplog.text
