"""Curves chosen from the whole picture: what they can undo, when nothing happens, and that tiles agree."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.errors import DeviceError, ImageError
from pellucid.images.overview import spread, views
from pellucid.images.tiling import Box
from pellucid.methods.load import load
from pellucid.methods.restorer import NetworkRestorer
from pellucid.networks.catalog import build_network
from pellucid.networks.tone_map import ToneMap

LOCAL: dict[str, Any] = {"widths": [4, 6], "blocks": [1, 1], "bias": True}


def picture(height: int = 40, width: int = 48) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def lively(name: str, **arguments: Any) -> Any:
    torch.manual_seed(0)
    network = build_network(name, arguments)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.12 * torch.randn_like(parameter))
    return network


def test_a_new_tone_map_changes_nothing() -> None:
    assert torch.equal(ToneMap(width=8)(picture()), picture())


def test_spread_is_linear_interpolation_as_torch_knows_it() -> None:
    coarse = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(coarse, size=(37, 53), mode="bilinear", align_corners=False)
    torch.testing.assert_close(spread(coarse, (37, 53)), expected, atol=1e-5, rtol=0)


def test_a_box_of_spread_is_that_box_of_the_whole() -> None:
    coarse = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    part = spread(coarse, (60, 90), Box(20, 31, 17, 25))
    assert torch.equal(part, spread(coarse, (60, 90))[..., 20:37, 31:56])
    beyond = spread(coarse, (60, 90), Box(50, 80, 16, 16))
    assert torch.equal(beyond[..., -1, -1], coarse[..., -1, -1])  # padding takes the last cell


@pytest.mark.parametrize(("transmission", "airlight"), [(0.3, 0.9), (0.6, 0.7)])
def test_the_curves_hold_the_inverse_of_haze(transmission: float, airlight: float) -> None:
    hazy = picture() * transmission + airlight * (1 - transmission)
    constant, linear = -airlight * (1 - transmission) / transmission, 1 / transmission - 1
    coefficients = torch.tensor([constant] * 3 + [linear] * 3 + [0.0] * 6).view(1, 12, 1, 1)
    torch.testing.assert_close(ToneMap.apply_curves(hazy, spread(coefficients, (40, 48))), picture())


def test_the_root_is_the_inverse_of_a_squared_exposure() -> None:
    dark = 0.25 * picture() ** 2 + 1e-9
    coefficients = torch.tensor([0.0] * 3 + [-1.0] * 3 + [0.0] * 3 + [2.0] * 3).view(1, 12, 1, 1)
    lifted = ToneMap.apply_curves(dark, spread(coefficients, (40, 48)))
    assert (lifted - picture()).abs().max() < 0.07  # the root is softened near black
    assert (lifted - picture())[picture() > 0.3].abs().mean() < 0.06


def test_gradients_are_the_same_each_time() -> None:
    tone, image = lively("tone-map", width=8), torch.rand(4, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    found = []
    for _ in range(3):
        tone.zero_grad()
        tone(image).square().mean().backward()
        found.append([parameter.grad.clone() for parameter in tone.parameters()])
    assert all(torch.equal(one, other) for again in found[1:] for one, other in zip(found[0], again, strict=True))


def test_a_grey_picture_stays_grey() -> None:
    tone, grey = lively("tone-map", width=8), picture().mean(1, keepdim=True).expand(-1, 3, -1, -1)
    coloured = tone(grey)
    assert (coloured.amax(1) - coloured.amin(1)).max() > 0.01
    toned = tone(grey, spread(tone.context(views(grey)), (40, 48)))
    assert (toned.amax(1) - toned.amin(1)).max() < 1e-5


def test_a_full_device_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    restorer = NetworkRestorer(build_network("residual-unet", LOCAL))

    def full(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(restorer.network, "forward", full)
    with pytest.raises(DeviceError, match="its memory is full: give a smaller --memory"):
        restorer.restore(picture())


def test_pixels_that_are_not_numbers_are_refused() -> None:
    broken = picture()
    broken[0, 0, 3, 4] = float("nan")
    with pytest.raises(ImageError, match="NaN or infinity"):
        load("default", "cpu").restore(broken)
