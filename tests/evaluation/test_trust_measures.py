"""Measures of trust on cases worked out by hand, and against a slower definition."""

import pytest
import torch

from pellucid.evaluation.trust_measures import REMOVED, coverage, remaining_error, sparsification_error


def test_coverage_counts_values() -> None:
    error = torch.tensor([[[[0.1, 0.2], [0.3, 0.4]]], [[[0.0, 0.0], [0.0, 0.9]]]])
    assert coverage(error, torch.full((1, 1, 1, 1), 0.2)).tolist() == [0.5, 0.75]


def test_remaining_error_takes_the_doubtful_out_first() -> None:
    error = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 2, 2)
    doubt = torch.tensor([0.1, 0.4, 0.2, 0.3]).view(1, 1, 2, 2)
    # In order of doubt: 1, 3, 4, 2.
    assert remaining_error(error, doubt, (0.0, 0.25, 0.5, 0.75)).tolist() == [[2.5, 8 / 3, 2.0, 1.0]]


def test_pixels_in_equal_doubt_count_alike() -> None:
    error = torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    curve = remaining_error(error, torch.ones_like(error))
    assert torch.allclose(curve, error.double().mean().expand_as(curve))


def test_the_errors_themselves_are_best_and_their_opposite_worst() -> None:
    draws = torch.Generator().manual_seed(1)
    error = torch.rand(2, 1, 16, 16, generator=draws)
    best, none, worst = (sparsification_error(error, doubt) for doubt in (error, torch.ones_like(error), -error))
    noisy = sparsification_error(error, error + 0.3 * torch.randn(error.shape, generator=draws))
    assert best.tolist() == [0, 0]
    assert bool((best < noisy).all() and (noisy < none).all() and (none < worst).all())


def test_against_sorting_by_hand() -> None:
    draws = torch.Generator().manual_seed(2)
    error, doubt = torch.rand(1, 1, 10, 10, generator=draws), torch.rand(1, 1, 10, 10, generator=draws)
    pairs = sorted(zip(doubt.flatten().tolist(), error.flatten().tolist(), strict=True))
    best = sorted(error.flatten().tolist())
    gaps = []
    for share in REMOVED:
        kept = round((1 - share) * 100)
        gaps.append(sum(one for _, one in pairs[:kept]) / kept - sum(best[:kept]) / kept)
    expected = sum(gaps) / len(gaps) / (sum(best) / 100)
    assert sparsification_error(error, doubt).item() == pytest.approx(expected, rel=1e-6)
