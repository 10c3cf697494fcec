"""NLCL's networks against what is known of the published ones: sizes, counts, scales."""

import pytest
import torch
from torch.nn import functional as F

from pellucid.errors import MethodError
from pellucid.networks.catalog import build_network
from pellucid.networks.deraining_generator import DerainingGenerator
from pellucid.networks.patch_discriminator import BlurDown, PatchDiscriminator
from pellucid.networks.projection_heads import ProjectionHeads


def count(network: torch.nn.Module) -> int:
    return sum(its.numel() for its in network.parameters())


def test_they_have_as_many_parameters_as_the_published_ones() -> None:
    assert count(DerainingGenerator()) == 316_195
    assert count(PatchDiscriminator()) == 2_764_737


def test_features_of_the_discriminator_have_the_published_sizes() -> None:
    with torch.no_grad():
        found = PatchDiscriminator(width=2).features(torch.rand(1, 3, 256, 256))
    assert [its.shape[1] for its in found] == [3, 2, 4, 8, 16, 1]
    assert [its.shape[2] for its in found] == [256, 255, 127, 63, 31, 30]


def test_the_first_features_of_the_discriminator_follow_the_relu_and_the_others_precede_it() -> None:
    network = PatchDiscriminator(width=4)
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for convolution in network.convolutions:
            convolution.weight.mul_(50)  # at gain 0.02 all is next to nothing
        found = network.features(picture)
        first = F.leaky_relu(network.convolutions[0](2 * picture - 1), 0.2)
        second = network.convolutions[1](network.downs[0](first))
    assert torch.allclose(found[1], first, atol=1e-6)
    assert torch.allclose(found[2], second, atol=1e-5)


def test_halving_is_a_blur_and_every_second_pixel() -> None:
    features = torch.rand(1, 2, 7, 9)
    kernel = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16
    padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
    whole = torch.cat([F.conv2d(padded[:, c : c + 1], kernel[None, None]) for c in range(2)], dim=1)
    assert torch.allclose(BlurDown(2)(features), whole[..., ::2, ::2], atol=1e-6)


def test_published_generators_forget_brightness_and_a_skip_brings_it_back() -> None:
    torch.manual_seed(0)
    dark = torch.rand(1, 3, 64, 64) * 0.2
    for skip, follows in ((False, False), (True, True)):
        network = DerainingGenerator(width=8, blocks=2, skip=skip)
        with torch.no_grad():
            change = (network(dark + 0.5) - network(dark)).mean().item()
        assert (abs(change - 0.5) < 0.02) == follows


def test_rain_is_nothing_where_the_network_says_nothing() -> None:
    rain, background = DerainingGenerator(width=4, blocks=1, gives="rain"), DerainingGenerator(width=4, blocks=1)
    for network in (rain, background):
        with torch.no_grad():
            network.tail.weight.zero_()
            network.tail.bias.zero_()
    picture = torch.rand(1, 3, 8, 8)
    assert torch.equal(rain(picture), torch.zeros_like(picture))
    assert torch.equal(background(picture), torch.full_like(picture, 0.5))  # 0 from -1 to 1


def test_rain_has_no_skip() -> None:
    with pytest.raises(MethodError, match="rain has no skip"):
        build_network("deraining-generator", {"gives": "rain", "skip": True})


def test_projections_have_length_one_and_a_head_for_each_level() -> None:
    heads = ProjectionHeads([3, 5], width=8)
    with torch.no_grad():
        for its in heads.parameters():
            its.mul_(50)
    found = heads([torch.rand(2, 7, 3), torch.rand(2, 9, 5)])
    assert [tuple(its.shape) for its in found] == [(2, 7, 8), (2, 9, 8)]
    assert all(torch.allclose(its.norm(dim=2), torch.ones(its.shape[:2]), atol=1e-4) for its in found)
