"""Perceive-IR's losses against their formulas, on cases that can be worked out by hand."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.methods.perceive_ir.contrast import code_contrast
from pellucid.methods.perceive_ir.difficulty import (
    LAYER_WEIGHTS,
    difficulty_ratio,
    proxy_weights,
    reference_psnr,
)


def codes(count: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)), dim=1)


def features(count: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(count, 2 + layer, 8 >> layer, 8 >> layer, generator=generator) for layer in range(4)]


def test_contrast_of_alike_codes_is_the_logarithm_of_their_number() -> None:
    same = codes(1).expand(5, -1)
    assert code_contrast(same, same, ["a", "b", "b", "b", "b"]).item() == pytest.approx(
        (math.log(5) + 4 * math.log(2)) / 5, rel=1e-5
    )


def test_contrast_is_cross_entropy_where_every_kind_occurs_once() -> None:
    """Against torch: the positive on the diagonal, other anchors beside it."""
    anchors, positives = codes(4), codes(4, seed=1)
    logits = anchors @ anchors.T / 0.1
    logits = logits.where(~torch.eye(4, dtype=torch.bool), (anchors * positives).sum(1) / 0.1)
    expected = F.cross_entropy(logits, torch.arange(4))
    torch.testing.assert_close(code_contrast(anchors, positives, ["a", "b", "c", "d"]), expected)


def test_contrast_of_one_kind_is_nothing_and_moves_nothing() -> None:
    anchors = codes(3).requires_grad_()
    loss = code_contrast(anchors, codes(3, 1), ["a", "a", "a"])
    assert loss.item() == 0
    assert not loss.requires_grad


def test_anchors_without_a_negative_do_not_count_and_negatives_get_no_gradient() -> None:
    anchors, positives = codes(2).requires_grad_(), codes(2, 1)
    code_contrast(anchors, positives, ["a", "b"]).backward()
    assert anchors.grad is not None
    detached = codes(2)
    leaf = codes(2).requires_grad_()
    alike = (leaf * positives).sum(1) / 0.1
    other = (leaf * detached.flip(0)).sum(1) / 0.1
    torch.logaddexp(alike, other).sub(alike).mean().backward()
    torch.testing.assert_close(anchors.grad, leaf.grad)


def test_the_ratio_is_its_formula() -> None:
    restored, clean, degraded, proxy = (features(2, seed) for seed in range(4))
    weights = torch.tensor([[1.25, 0.0]])
    expected = torch.zeros(2)
    for layer, weight in enumerate(LAYER_WEIGHTS):
        for sample in range(2):
            near = F.l1_loss(restored[layer][sample], clean[layer][sample])
            away = 2 * F.l1_loss(restored[layer][sample], degraded[layer][sample])
            away = away + weights[0, sample] * F.l1_loss(restored[layer][sample], proxy[layer][sample])
            expected[sample] += weight * near / away
    torch.testing.assert_close(difficulty_ratio(restored, clean, degraded, [proxy], weights), expected)


def test_the_ratio_of_the_clean_picture_is_nothing() -> None:
    clean, degraded = features(2, 0), features(2, 1)
    assert not difficulty_ratio(clean, clean, degraded).any()


def test_without_proxies_it_is_half_the_ratio_of_distances() -> None:
    restored, clean, degraded = (features(1, seed)[:1] for seed in range(3))
    near, away = F.l1_loss(restored[0], clean[0]), F.l1_loss(restored[0], degraded[0])
    of_one_layer = difficulty_ratio(*(one * 4 for one in (restored, clean, degraded)))
    torch.testing.assert_close(of_one_layer[0], 0.5 * near / away * sum(LAYER_WEIGHTS))


def test_a_restored_picture_that_is_the_degraded_one_is_far_but_finite() -> None:
    clean, degraded = features(1, 0), features(1, 1)
    assert difficulty_ratio(degraded, clean, degraded).isfinite().all()


def test_a_proxy_is_very_hard_once_it_is_better_than_the_reference() -> None:
    psnr = torch.tensor([[29.9, 30.0, 30.1], [40.0, 40.0, 40.0]])
    counts = torch.tensor([[True, True, True], [True, False, True]])
    found = proxy_weights(psnr, torch.full((3,), 30.0), counts)
    assert found.tolist() == [[1.25, 1.25, 0.75], [0.75, 0.0, 0.75]]


def test_the_reference_is_a_mean_over_all_or_over_the_own_kind() -> None:
    psnr, kinds = torch.tensor([20.0, 40.0, 30.0]), ["a", "b", "a"]
    assert reference_psnr(psnr, kinds, per_kind=False).tolist() == [30.0] * 3
    assert reference_psnr(psnr, kinds, per_kind=True).tolist() == [25.0, 40.0, 25.0]
