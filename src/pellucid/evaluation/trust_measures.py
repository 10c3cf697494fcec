"""How well a map foretells where a restored picture is wrong, and whether a bound holds."""

from collections.abc import Sequence

import torch
from torch import Tensor

REMOVED = tuple(step / 20 for step in range(20))
"""Shares of the pixels that are left out, for sparsification and risk-coverage curves."""


def coverage(error: Tensor, bound: Tensor) -> Tensor:
    """The share of every picture's values whose error is within the bound, `(B,)`, float64.

    Args:
        error: `|restored - clean|`, `(B, C, H, W)`.
        bound: broadcastable to it.
    """
    return (error <= bound).flatten(1).double().mean(1)


def remaining_error(error: Tensor, doubt: Tensor, removed: Sequence[float] = REMOVED) -> Tensor:
    """The mean error of what is left once the most doubtful pixels are taken out, `(B, len(removed))`, float64.

    The risk-coverage curve, coverage being one less the share removed. Pixels in equal doubt count alike: in which
    order they lie in a picture must not matter.

    Args:
        error: `(B, 1, H, W)`, not negative.
        doubt: the same shape, large where errors are expected.
        removed: shares, ascending, in `[0, 1)`.
    """
    error, doubt = error.flatten(1).double(), doubt.flatten(1).double()
    rows = []
    for its_error, its_doubt in zip(error, doubt, strict=True):
        _, group, count = torch.unique(its_doubt, return_inverse=True, return_counts=True)
        mean = torch.zeros(len(count), dtype=torch.float64, device=error.device).index_add_(0, group, its_error) / count
        ordered = (mean[group])[its_doubt.argsort()]  # ascending: the last are taken out first
        total = ordered.cumsum(0)
        kept = [max(1, round((1 - share) * len(ordered))) for share in removed]
        rows.append(torch.stack([total[number - 1] / number for number in kept]))
    return torch.stack(rows)


def sparsification_error(error: Tensor, doubt: Tensor) -> Tensor:
    """Area between the curve of a map and that of the errors themselves (AUSE), `(B,)`, float64; 0 at best.

        AUSE = mean over shares removed of (remaining(doubt) - remaining(error)) / mean error

    A map that says nothing scores 1 less the mean of the errors' own curve, a misleading one more.

    Args:
        error: `(B, 1, H, W)`, not negative.
        doubt: the same shape, large where errors are expected.

    Source:
        Ilg et al., "Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow", ECCV 2018.
    """
    curve, best = remaining_error(error, doubt), remaining_error(error, error)
    whole = best[:, :1].clamp_min(1e-12)
    return ((curve - best) / whole).mean(1)
