"""The vector of a whole picture: it changes nothing at first, and tiles that are given it equal the whole."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.errors import WeightsError
from pellucid.methods.load import load
from pellucid.methods.restorer import NetworkRestorer
from pellucid.networks.catalog import build_network
from pellucid.weights.files import load_into, save_weights

PLAIN: dict[str, Any] = {"widths": [4, 6], "blocks": [1, 1], "bias": True}
STEERED = {**PLAIN, "context_width": 5}


def picture(height: int = 40, width: int = 48) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def lively() -> Any:
    torch.manual_seed(0)
    network = build_network("residual-unet", STEERED)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.12 * torch.randn_like(parameter))
    return network


def test_new_parts_change_nothing_at_first() -> None:
    plain, steered = build_network("residual-unet", PLAIN), build_network("residual-unet", STEERED)
    load_into(steered, plain.state_dict(), "plain", may_lack=True)
    assert torch.equal(steered(picture()), plain(picture()))


def test_weights_with_unknown_parts_are_refused_even_so() -> None:
    plain, steered = build_network("residual-unet", PLAIN), build_network("residual-unet", STEERED)
    with pytest.raises(WeightsError, match="differs"):
        load_into(plain, steered.state_dict(), "steered", may_lack=True)


def test_the_vector_of_another_picture_gives_another_result() -> None:
    network = lively()
    own = network(picture(), network.context(picture()))
    assert torch.equal(own, network(picture()))
    assert not torch.allclose(own, network(picture(), network.context(picture() / 4)), atol=1e-4)


def test_tiled_equals_whole_when_the_vector_is_passed(tmp_path: Path) -> None:
    description = {"method": "supervised", "network": {"name": "residual-unet", "arguments": STEERED}}
    save_weights(tmp_path / "weights.safetensors", lively().state_dict(), description, torch.float32)
    model = load(tmp_path / "weights.safetensors", "cpu")
    assert isinstance(model.restorer, NetworkRestorer)
    model.restorer.network.float()  # bf16 kernels differ in the last bit by shape
    image = 0.2 + 0.1 * picture(120, 200)
    whole = model.restore(image, tile=200).image
    assert torch.allclose(model.restore(image, tile=72).image, whole, atol=1e-5)
    assert 0.02 < whole.mean() < 0.98  # clamped values would agree whatever came before


def test_the_tone_curve_is_the_polynomial_that_its_coefficients_say() -> None:
    network = lively()
    context = network.context(picture())
    linear, square, constant = network.tone.coefficients(context)[..., None, None].chunk(3, dim=1)
    image = picture()
    expected = (1 + linear) * image + square * image**2 + constant
    torch.testing.assert_close(network.tone(image, context), expected)
