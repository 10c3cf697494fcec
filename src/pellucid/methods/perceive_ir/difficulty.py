"""The difficulty-adaptive perceptual loss: near the clean picture, far from the degraded one and others' results."""

from collections.abc import Sequence

import torch
from torch import Tensor

LAYER_WEIGHTS = (1 / 12, 1 / 6, 1 / 3, 1.0)
"""Of relu1_2, relu2_2, relu3_1 and relu3_3."""

EASY, HARD, VERY_HARD = 2.0, 1.25, 0.75
"""How much the degraded picture counts as a negative, a proxy's result that is no better than the reference, and one
that is better."""

LEAST = 1e-6
"""Of the denominator."""


def difficulty_ratio(
    restored: Sequence[Tensor],
    clean: Sequence[Tensor],
    degraded: Sequence[Tensor],
    proxies: Sequence[Sequence[Tensor]] = (),
    proxy_weights: Tensor | None = None,
) -> Tensor:
    """Per sample, how far the restored picture is from the clean one, over how far from the negatives; `(B,)`.

        sum_i  w_i d(R_i, C_i) / max(2 d(R_i, D_i) + sum_k a_k d(R_i, P_ki), 1e-6),   d the mean absolute difference

    Args:
        restored: features of each layer, `(B, C_i, h_i, w_i)`.
        clean: the same of the clean pictures.
        degraded: of the degraded ones, the easy negatives.
        proxies: of what other restorers make of them, the hard negatives, one sequence per restorer.
        proxy_weights: `a_k` of each proxy and sample, `(K, B)`; 0 where a proxy does not count. See `proxy_weights`.

    Source:
        Perceive-IR (IEEE TIP 2026) as released; after the curricular contrastive regularisation of C2PNet (CVPR 2023).
        All of it is float32: a ratio of small differences is lost in bf16.
    """
    total = torch.zeros(len(restored[0]), device=restored[0].device)
    for layer, weight in enumerate(LAYER_WEIGHTS):
        own = restored[layer].float()
        away = EASY * _distance(own, degraded[layer])
        for number, proxy in enumerate(proxies):
            assert proxy_weights is not None
            away = away + proxy_weights[number] * _distance(own, proxy[layer])
        total = total + weight * _distance(own, clean[layer]) / away.clamp_min(LEAST)
    return total


def proxy_weights(proxy_psnr: Tensor, reference: Tensor, counts: Tensor) -> Tensor:
    """`a_k`: `HARD` for results no better than the reference, `VERY_HARD` for better ones, 0 where none counts.

    Args:
        proxy_psnr: of each proxy's result, `(K, B)`, in dB.
        reference: what they are compared with, `(B,)`, in dB.
        counts: whether a proxy counts for a sample, `(K, B)`.
    """
    weights = torch.where(proxy_psnr <= reference, HARD, VERY_HARD)
    return torch.where(counts, weights, 0.0)


def reference_psnr(restored_psnr: Tensor, kinds: Sequence[str], *, per_kind: bool) -> Tensor:
    """What proxies are compared with: the mean PSNR of what the network makes now, over the batch or its own kind.

    Args:
        restored_psnr: `(B,)`, in dB, without gradient.
        kinds: of each sample's degradation.
        per_kind: a mean for each kind, so that what is hard for all is not taken for hard for ever.

    Source:
        Differs: the authors score a fixed probe of training crops once per epoch, one number for all tasks. The batch
        says the same without a state that resuming must keep; per kind is ours.
    """
    if not per_kind:
        return restored_psnr.mean().expand_as(restored_psnr)
    is_alike = torch.tensor([[one == other for other in kinds] for one in kinds], device=restored_psnr.device)
    return (is_alike * restored_psnr).sum(dim=1) / is_alike.sum(dim=1)


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference per sample."""
    return (one - other.float()).abs().mean(dim=(1, 2, 3))
