"""The rain network that ships: what turns a background into rain, and that learning can begin with it."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

from pellucid.app.learn import COMMON, STARTS
from pellucid.methods.network_recipe import started_network
from pellucid.methods.nlcl.config import NLCLConfig
from pellucid.networks.deraining_generator import DerainingGenerator
from pellucid.weights.files import load_weights, save_weights

SCRIPT = Path(__file__).parents[2] / "scripts" / "bundle_rain_layer.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="scripts are in the repository, not in the installed package")
def test_the_rain_is_the_picture_less_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    arguments = {"width": 4, "blocks": 2, "skip": True, "normalised": False}
    background = DerainingGenerator(**arguments)
    torch.nn.init.normal_(background.tail.bias)  # pyright: ignore
    told = {"network": {"name": "deraining-generator", "arguments": arguments}, "step": 3}
    told["recipe"] = {"training": {"run_folder": "runs/mine"}}
    save_weights(tmp_path / "weights.safetensors", background.state_dict(), told)
    output = tmp_path / "rain.safetensors"
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path), "--output", str(output)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    tensors, description = load_weights(output)
    assert "runs/mine" not in str(description)
    rain = DerainingGenerator(**description["network"]["arguments"])
    rain.load_state_dict(tensors)
    picture = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        assert torch.allclose(picture - background(picture), rain(picture), atol=2e-3)


@pytest.mark.parametrize("start", list(STARTS))
def test_learning_can_begin_with_what_it_names(start: str) -> None:
    data = {kind: [{"path": kind}] for kind in ("rainy", "clean")}
    config = NLCLConfig.model_validate({**COMMON, **STARTS[start], "preset": "pellucid", "data": data})
    networks = [started_network(its)[0] for its in (config.background, config.rain)]
    streak = torch.full((1, 3, 64, 64), 0.3)
    streak[..., 30:33] = 0.8
    with torch.no_grad():
        rain = networks[1](streak)
    assert (rain[..., 31].mean() > 0.1) == (start == "default") and rain[..., :20].abs().max() < 0.1
