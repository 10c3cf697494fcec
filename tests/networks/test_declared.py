"""What networks declare of themselves, against what they do: size multiple, receptive radius, homogeneity."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.networks.catalog import NETWORKS, build_network

SMALL: dict[str, list[dict[str, Any]]] = {
    "residual-unet": [
        {"widths": (4, 6, 8), "blocks": (1, 2, 1)},
        {"widths": (4, 6), "blocks": (2, 1)},
        {"widths": (6,), "blocks": (2,)},
        {"widths": (4, 4, 4), "blocks": (2, 2, 4)},  # as deep as the default
    ],
    "residual-stack": [
        {"width": 4, "blocks": 3},
        {"width": 4, "blocks": 2, "coarse_width": 4, "coarse_blocks": 2},
    ],
    "identity": [{}],
    "rrdb": [{"width": 4, "growth": 2, "blocks": 1}, {"width": 4, "growth": 3, "blocks": 2, "bias": False}],
    "ffdnet": [{"width": 8, "depth": 4}, {"width": 6, "depth": 7}],
    "nafnet": [
        {"width": 4, "encoder_blocks": (1, 1), "middle_blocks": 1, "decoder_blocks": (1, 2)},
        {"width": 4, "encoder_blocks": (2,), "middle_blocks": 2, "decoder_blocks": (1,)},
    ],
    "deraining-generator": [
        {"width": 4, "blocks": 2, "normalised": False, "skip": True},
        {"width": 4, "blocks": 1, "normalised": False, "gives": "rain"},
    ],
}
SEES_EVERYTHING = {"colorizer", "tone-map", "degradation-classifier", "degradation-perceiver", "perceive-ir"}
"""Decide from the whole picture, or of it; what they declare holds once the decision is passed in, see their tests."""
TAKES_TWO = {"error-scales"}
"""Look at a picture and at its result; see their tests."""
SMALL["all-in-one"] = [
    {
        "tone": {"width": 4},
        "generalist": {"name": "residual-unet", "arguments": SMALL["residual-unet"][1]},
        "specialists": {"noise": {"name": "residual-stack", "arguments": {"width": 4, "blocks": 1}}},
        "chooser": {"domains": ["gaussian-noise", "rain"], "width": 4},
        "serves": {"gaussian-noise": "noise"},
    }
]
CASES = [pytest.param(name, arguments, id=f"{name}-{n}") for name in SMALL for n, arguments in enumerate(SMALL[name])]


def lively(name: str, arguments: dict[str, Any]) -> Any:
    """The network in float64 with weights so large that what reaches a pixel at all shows in its value."""
    torch.manual_seed(0)
    network = build_network(name, arguments).double()
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 1.5 / max(1, parameter[0].numel()) ** 0.5 if parameter.ndim == 4 and parameter.shape[2] > 1 else 0.5
            parameter.copy_(torch.randn_like(parameter) * scale)
    return network


def noise(height: int, width: int, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def reach(network: nn.Module, place: int, side: int) -> int:
    """How far from `(place, place)` the output changes when that pixel does; not at all is exactly not at all."""
    image = noise(side, side)
    farthest = 0
    with torch.no_grad():
        before = network(image)
        for amount in (0.5, -0.5, 3.0):  # a unit may be silent for one of them
            changed = image.clone()
            changed[..., place, place] += amount
            rows, columns = (network(changed) != before)[0].any(0).nonzero(as_tuple=True)
            farthest = max(farthest, int((rows - place).abs().max()), int((columns - place).abs().max()))
    return farthest


def test_every_network_of_the_catalog_is_tried() -> None:
    assert set(SMALL) | SEES_EVERYTHING | TAKES_TWO == set(NETWORKS)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_receptive_radius_is_true_and_not_wasteful(name: str, arguments: dict[str, Any]) -> None:
    network = lively(name, arguments)
    multiple, declared = network.size_multiple, network.receptive_radius
    side = -(-(2 * declared + 3 * multiple) // multiple) * multiple
    # The reach depends on where in its cell a pixel lies, and is not the same to all sides.
    middle = side // 2 // multiple * multiple
    measured = max(reach(network, middle + offset, side) for offset in range(multiple))
    assert measured <= declared
    assert declared <= 1.5 * measured


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_sizes_of_the_multiple_go_through_and_keep_their_size(name: str, arguments: dict[str, Any]) -> None:
    network = lively(name, arguments)
    multiple = network.size_multiple
    for height, width in ((multiple, multiple), (2 * multiple, 3 * multiple)):
        with torch.no_grad():
            assert network(noise(height, width, 2)).shape == (2, 3, height, width)
    if multiple > 1:
        with pytest.raises(RuntimeError), torch.no_grad():
            network(noise(multiple + 1, multiple))
    if multiple > 2:  # half of it does not do, so it is not declared too large
        with pytest.raises(RuntimeError), torch.no_grad():
            network(noise(3 * multiple // 2, 3 * multiple // 2))


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_shift_by_the_multiple_shifts_the_result(name: str, arguments: dict[str, Any]) -> None:
    network = lively(name, arguments)
    multiple, radius = network.size_multiple, network.receptive_radius
    side = -(-(2 * radius + 4 * multiple) // multiple) * multiple
    image = noise(side, side + multiple)
    inner = slice(radius, side - radius)
    with torch.no_grad():
        left, right = network(image[..., :side]), network(image[..., multiple:])
    shifted = left[..., inner, radius + multiple : side - radius]
    assert torch.allclose(shifted, right[..., inner, radius : side - radius - multiple], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["residual-unet", "ffdnet", "rrdb"])
@pytest.mark.parametrize("factor", [0.0, 0.01, 3.0])
def test_bias_free_networks_are_positively_homogeneous(name: str, factor: float) -> None:
    for arguments in SMALL[name]:
        network = lively(name, arguments if name != "rrdb" else {**arguments, "bias": False})
        assert not any("bias" in parameter for parameter, _ in network.named_parameters())
        image = noise(5 * network.size_multiple, 4 * network.size_multiple) - 0.3
        with torch.no_grad():
            assert torch.allclose(network(factor * image), factor * network(image), rtol=1e-9, atol=1e-12)


JUDGES = {"degradation-classifier", "degradation-perceiver", "error-scales"}


FAR_AT_FIRST = {"all-in-one", "rrdb", "colorizer", "deraining-generator"}


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - JUDGES - FAR_AT_FIRST))
def test_networks_start_near_the_identity(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name, {})
    image = noise(64, 64).float()
    with torch.no_grad():
        change = (network(image) - image).square().mean().sqrt().item()
    assert change < 0.15  # half the spread of the picture itself; the default's residual is 0.03


@pytest.mark.parametrize(
    ("name", "arguments", "count"),
    [
        ("residual-unet", {}, 3_678_336),
        ("residual-unet", {"widths": (64, 128, 256), "blocks": (2, 2, 4)}, 6_534_656),
        ("ffdnet", {}, 850_176),
        ("nafnet", {}, 2_565_459),
    ],
)
def test_number_of_parameters(name: str, arguments: dict[str, Any], count: int) -> None:
    assert sum(p.numel() for p in build_network(name, arguments).parameters()) == count
