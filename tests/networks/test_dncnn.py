"""DnCNN and the networks that fuse by it: sizes as counted in the release, what they see, and where they begin."""

import pytest
import torch

from pellucid.errors import MethodError
from pellucid.networks.dncnn import LARGEST_FIRST_SCALE, DnCNN
from pellucid.networks.fusion_network import (
    FUSION_NETWORKS,
    LOG_VARIANCES,
    BoundedFusion,
    PaperFusion,
    PriorErrorNetwork,
    build_fusion_network,
)


def pictures(count: int = 2, side: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    """Grey ones as three colours, and a prior's."""
    generator = torch.Generator().manual_seed(0)
    grey, prior = (torch.rand(count, channels, side, side, generator=generator) for channels in (1, 3))
    return grey.expand(-1, 3, -1, -1), prior


@pytest.mark.parametrize(("inputs", "count"), [(1, 557_184), (3, 558_336)])
def test_it_has_as_many_parameters_as_the_release(inputs: int, count: int) -> None:
    assert sum(weight.numel() for weight in DnCNN(inputs, 3).parameters()) == count


def test_it_has_seventeen_convolutions_without_bias_and_fifteen_normalisations() -> None:
    modules = list(DnCNN(1, 3).modules())
    convolutions = [module for module in modules if isinstance(module, torch.nn.Conv2d)]
    assert len(convolutions) == 17 and all(module.bias is None for module in convolutions)
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in modules) == 15


def test_its_first_weights_are_he_s_and_its_first_scales_small() -> None:
    torch.manual_seed(0)
    trunk = DnCNN(1, 3)
    spread = torch.cat([convolution.weight.flatten() for convolution in trunk.middle]).std().item()
    assert spread == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.01)
    scales = torch.cat([norm.weight for norm in trunk.norms])
    assert scales.abs().max() <= LARGEST_FIRST_SCALE
    # |N(0, 0.059)| is more than 0.025 in two of three cases, and is clipped there.
    assert (scales.abs() == LARGEST_FIRST_SCALE).float().mean().item() == pytest.approx(0.671, abs=0.05)


def test_the_paper_s_weight_is_what_a_denoiser_leaves_over() -> None:
    """With a trunk that says nothing, phi is the centred picture itself, which is no weight: nothing bounds it."""
    data, prior = pictures()
    network = PaperFusion(width=4, depth=3).eval()
    torch.nn.init.zeros_(network.trunk.last.weight)
    torch.testing.assert_close(network(data, prior), data - 0.5)


@pytest.mark.parametrize("name", FUSION_NETWORKS)
def test_it_sees_what_it_declares_and_nothing_else(name: str) -> None:
    torch.manual_seed(0)
    arguments = {} if name == "prior-error" else {"depth": 3}
    network = build_fusion_network(name, {"width": 4, **arguments}).eval()
    torch.nn.init.normal_(network.trunk.last.weight)
    data, prior = pictures()
    told = network(data, prior)
    assert torch.equal(network(data, 1 - prior), told) is ("prior" not in network.sees)
    assert not torch.equal(network(1 - data, prior), told)


def test_a_network_that_is_told_not_to_does_not_see_the_prior() -> None:
    data, prior = pictures()
    network = BoundedFusion(sees_prior=False, width=4, depth=3).eval()
    assert torch.equal(network(data, prior), network(data, 1 - prior))


@pytest.mark.parametrize("network", [BoundedFusion(width=4, depth=3), BoundedFusion(width=4, depth=None)])
def test_a_bounded_weight_stays_within_its_bounds_whatever_the_weights(network: BoundedFusion) -> None:
    with torch.no_grad():
        network.trunk.last.weight.fill_(1e3)
    weight = network.eval()(*pictures())
    assert weight.min() >= 0 and weight.max() <= 1 and weight.max() > 0.99


def test_the_prior_s_error_begins_at_what_is_typical_and_stays_within_reason() -> None:
    network = PriorErrorNetwork(width=4, typical=0.02)
    torch.testing.assert_close(network(*pictures()).exp(), torch.full((2, 3, 24, 24), 0.02))
    torch.nn.init.constant_(network.trunk.last.weight, 1e4)
    told = network(*pictures())
    assert told.min() >= LOG_VARIANCES[0] and told.max() <= LOG_VARIANCES[1]


def test_it_sees_the_spread_of_samples_where_there_is_one() -> None:
    network = PriorErrorNetwork(width=4, sees_spread=True, channels=1)
    torch.nn.init.normal_(network.trunk.last.weight)
    data, prior = pictures()
    assert network(data, prior, prior).shape == (2, 1, 24, 24)
    assert not torch.equal(network(data, prior, prior), network(data, prior, 1 - prior))
    with pytest.raises(MethodError, match="spread"):
        network(data, prior)


def test_the_prior_s_error_may_be_told_without_the_data() -> None:
    network = PriorErrorNetwork(observed=0, width=4)
    torch.nn.init.normal_(network.trunk.last.weight)
    data, prior = pictures()
    assert network.sees == ("prior",) and torch.equal(network(data, prior), network(1 - data, prior))


@pytest.mark.parametrize("side", [8, 33, 300])
def test_a_reduced_trunk_gives_the_picture_s_size_back(side: int) -> None:
    network = PriorErrorNetwork(width=4, reduction=4)
    torch.nn.init.normal_(network.trunk.last.weight)
    data, prior = pictures(side=side)
    assert network(data, prior).shape == (2, 3, side, side)
    moved = prior.clone()
    moved[..., : side // 2, :] += 1
    reach = network.receptive_radius
    assert torch.equal(
        network(data, moved)[..., side // 2 + reach :, :], network(data, prior)[..., side // 2 + reach :, :]
    )


@pytest.mark.parametrize("name", FUSION_NETWORKS)
def test_it_sees_no_farther_than_it_declares(name: str) -> None:
    torch.manual_seed(0)
    arguments = {"dilations": [1, 2]} if name == "prior-error" else {"depth": 4}
    network = build_fusion_network(name, {"width": 4, **arguments}).double().eval()
    torch.nn.init.normal_(network.trunk.last.weight)
    data, prior = (picture.double()[:1].clone().requires_grad_() for picture in pictures(side=33))
    network(data, prior)[0, 0, 16, 16].backward()
    assert data.grad is not None
    rows = data.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (16 - rows.min().item(), rows.max().item() - 16) == (network.receptive_radius, network.receptive_radius)


def test_what_it_does_not_know_is_refused_in_a_sentence() -> None:
    with pytest.raises(MethodError, match="paper-fusion"):
        build_fusion_network("paper", {})
    with pytest.raises(MethodError, match="depht"):
        build_fusion_network("paper-fusion", {"depht": 3})
    with pytest.raises(MethodError, match="1 or 3"):
        build_fusion_network("prior-error", {"channels": 2})
