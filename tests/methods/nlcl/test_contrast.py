"""The losses on cases that are known by hand, and against the same written another way."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.methods.nlcl.contrast import anchored_contrast, layer_contrast, location_contrast
from pellucid.methods.nlcl.objective import adversarial_loss, consistency_loss, discriminator_loss, sparsity_loss


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def test_equal_similarities_give_the_logarithm_of_how_many_there_are() -> None:
    same = torch.ones(2, 12, 4) / 2
    assert location_contrast(same, same).item() == pytest.approx(math.log(12), rel=1e-6)
    assert anchored_contrast(same, same).item() == pytest.approx(math.log(12), rel=1e-6)
    assert layer_contrast(same[:, :4], same[:, :8]).item() == pytest.approx(math.log(12 - 1), rel=1e-6)


def test_layer_contrast_is_its_formula() -> None:
    image, rain, t = unit(2, 3, 8), unit(2, 5, 8, seed=1), 0.5
    total = 0.0
    for number in range(2):
        vectors = torch.cat([image[number], rain[number]])
        layer = [0] * 3 + [1] * 5
        for i in range(8):
            below = sum(math.exp(vectors[i] @ vectors[a] / t) for a in range(8) if a != i)
            own = [p for p in range(8) if p != i and layer[p] == layer[i]]
            total += -sum(math.log(math.exp(vectors[i] @ vectors[p] / t) / below) for p in own) / len(own)
    assert layer_contrast(image, rain, t).item() == pytest.approx(total / 16, rel=1e-5)


def test_layers_that_are_each_one_vector_apart_are_as_good_as_can_be() -> None:
    image, rain = torch.tensor([1.0, 0.0]).expand(1, 4, 2), torch.tensor([-1.0, 0.0]).expand(1, 6, 2)
    # 4 anchors share with 3 others, 6 with 5; what is opposite adds exp(-2 / 0.07), next to nothing
    expected = (4 * math.log(3) + 6 * math.log(5)) / 10
    assert layer_contrast(image, rain).item() == pytest.approx(expected, rel=1e-5)
    assert layer_contrast(image, image.repeat(1, 2, 1)).item() > expected


def test_a_pull_below_one_leaves_the_anchors_of_rain_as_they_are() -> None:
    image, rain = unit(1, 3, 8), unit(1, 5, 8, seed=1)
    whole, none = layer_contrast(image, rain), layer_contrast(image, rain, image_pull=0.0)
    half = layer_contrast(image, rain, image_pull=0.5)
    assert half.item() == pytest.approx((whole + none).item() / 2)
    assert 0 < none.item() < whole.item()


def test_location_contrast_is_patchnce_as_cut_writes_it() -> None:
    query, key = unit(2, 6, 8).float(), unit(2, 6, 8, seed=1).float()
    positive = (query * key).sum(dim=2).view(-1, 1)
    negative = torch.bmm(query, key.transpose(1, 2))
    negative = negative.masked_fill(torch.eye(6, dtype=torch.bool)[None], -10.0).view(-1, 6)
    out = torch.cat([positive, negative], dim=1) / 0.07
    expected = F.cross_entropy(out, torch.zeros(len(out), dtype=torch.long))
    assert location_contrast(query, key).item() == pytest.approx(expected.item(), rel=1e-5)
    first = F.cross_entropy(out.view(2, 6, 7)[:, 0], torch.zeros(2, dtype=torch.long))
    assert anchored_contrast(query, key).item() == pytest.approx(first.item(), rel=1e-5)


@pytest.mark.parametrize("contrast", [location_contrast, anchored_contrast])
def test_no_gradient_flows_to_what_was_observed(contrast) -> None:
    made, observed = unit(1, 6, 8).float().requires_grad_(), unit(1, 6, 8, seed=1).float().requires_grad_()
    contrast(made, observed).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert observed.grad is None


def test_pixel_terms_are_in_the_scale_of_the_paper() -> None:
    observed, background, rain = (
        torch.full((1, 3, 4, 4), 0.6),
        torch.full((1, 3, 4, 4), 0.3),
        torch.full((1, 3, 4, 4), 0.1),
    )
    # from -1 to 1: O = 0.2, B = -0.4, R = 0.2, so B + R - O = -0.4
    assert consistency_loss(observed, background, rain).item() == pytest.approx(0.16)
    assert sparsity_loss(rain).item() == pytest.approx(0.2)
    scores, others = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0])
    assert adversarial_loss(scores).item() == pytest.approx(1.0)
    assert discriminator_loss(scores, others).item() == pytest.approx(0.5 * (2.0 + 2.0))
