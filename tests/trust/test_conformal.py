"""Conformal risk control, compared with its definition and with fresh pictures."""

import pytest
import torch

from pellucid.errors import ConfigurationError
from pellucid.trust.conformal import factors_tried, risk_controlled_factor, shares_outside


def pictures(count: int, seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Errors and scales; every picture has an amount of error of its own, which its scales know in part."""
    draws = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        scale = torch.exp(torch.randn(1, 1, 12, 12, generator=draws)) * 0.02
        own = torch.exp(0.5 * torch.randn((), generator=draws))
        found.append((own * scale * torch.randn(1, 3, 12, 12, generator=draws), scale))
    return found


def test_shares_outside_are_what_the_definition_says() -> None:
    error, scale = pictures(1, 0)[0]
    told, factors = shares_outside(error, scale), factors_tried()
    for place in (200, 300, 310, 320, 330, 345, 400):
        outside = (error.abs() > factors[place] * scale).double().mean().item()
        assert told[place].item() == pytest.approx(outside, abs=1e-12)


def test_a_value_on_its_bound_is_inside() -> None:
    told = shares_outside(torch.full((1, 1, 2, 2), 2.0), torch.ones(1, 1, 1, 1))
    inside = factors_tried()[told == 0]
    assert inside.min().item() == 2.0


def test_the_factor_is_the_least_that_controls_the_risk() -> None:
    outside = torch.stack([shares_outside(*one) for one in pictures(60, 1)])
    factor = risk_controlled_factor(outside, 0.9)
    place = int((factors_tried() == factor).nonzero())
    risk = (outside.sum(0) + 1) / 61
    assert risk[place] <= 0.1 < risk[place - 1]


def test_the_risk_of_fresh_pictures_is_as_stated() -> None:
    outside = torch.stack([shares_outside(*one) for one in pictures(300, 2)])
    factor = risk_controlled_factor(outside, 0.9)
    told = torch.stack([(error.abs() <= factor * scale).double().mean() for error, scale in pictures(600, 3)])
    # Four standard errors of the mean over the pictures that calibrate, which are fewer than the fresh ones.
    assert told.mean().item() == pytest.approx(0.9, abs=4 * told.std().item() / 300**0.5)


def test_split_conformal_prediction_is_the_case_of_one_pixel() -> None:
    errors = torch.randn(99, generator=torch.Generator().manual_seed(4)).abs()
    outside = torch.stack([shares_outside(one.view(1, 1, 1, 1), torch.ones(1, 1, 1, 1)) for one in errors])
    # Vovk's quantile: the ceil(0.9 * 100)-th smallest of 99; the grid is two per cent fine.
    assert risk_controlled_factor(outside, 0.9) == pytest.approx(errors.sort().values[89].item(), rel=0.023)


def test_too_few_pictures_are_refused() -> None:
    outside = torch.stack([shares_outside(*one) for one in pictures(8, 5)])
    with pytest.raises(ConfigurationError, match="at least 9 pictures"):
        risk_controlled_factor(outside, 0.9)
