"""RRDB: sizes as published, the twin's scale, and each block against the formula written down once more."""

import pytest
import torch
from torch.nn import functional as F

from pellucid.errors import MethodError
from pellucid.methods.restorer import NetworkRestorer
from pellucid.networks.catalog import build_network
from pellucid.networks.rrdb import RRDB, DenseBlock


@pytest.mark.parametrize(
    ("arguments", "millions"),
    [
        ({}, 16.62),  # DIL's backbone
        ({"scale": 4}, 16.70),  # ESRGAN's generator: 16,697,987
        ({"blocks": 6}, 4.39),
        ({"width": 16, "growth": 8, "blocks": 1}, 0.0506),
    ],
)
def test_it_has_as_many_parameters_as_published(arguments: dict[str, int], millions: float) -> None:
    with torch.device("meta"):
        network = RRDB(**arguments)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.5 * 10 ** -len(str(millions).partition(".")[2]))


def test_the_twin_enlarges_four_times() -> None:
    network = build_network("rrdb", {"width": 4, "growth": 2, "blocks": 1, "scale": 4})
    assert network(torch.rand(2, 3, 5, 7)).shape == (2, 3, 20, 28)
    with pytest.raises(Exception, match="scale must be 1 or 4"):
        build_network("rrdb", {"scale": 2})


def test_the_twin_is_no_restorer() -> None:
    twin = build_network("rrdb", {"width": 4, "growth": 2, "blocks": 1, "scale": 4})
    with pytest.raises(MethodError, match="RRDB of scale 4: leave its scale out"):
        NetworkRestorer(twin)


def test_a_dense_block_is_its_formula() -> None:
    torch.manual_seed(0)
    block = DenseBlock(6, 3, bias=True).double()
    x = torch.randn(1, 6, 8, 8, dtype=torch.float64)
    seen = [x]
    for position, convolution in enumerate(block.convolutions):
        made = F.conv2d(torch.cat(seen, 1), convolution.weight, convolution.bias, padding=1)  # pyright: ignore
        seen.append(torch.where(made > 0, made, 0.2 * made) if position < 4 else made)
    assert torch.allclose(block(x), x + 0.2 * seen[-1])


def test_initial_weights_of_dense_blocks_are_a_tenth_of_hes() -> None:
    torch.manual_seed(0)
    weight = DenseBlock(64, 32, bias=True).convolutions[3].weight
    assert isinstance(weight, torch.Tensor)
    expected = 0.1 * (2 / weight[0].numel()) ** 0.5
    assert weight.std().item() == pytest.approx(expected, rel=0.02)
