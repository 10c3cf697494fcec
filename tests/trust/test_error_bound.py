"""The calibrated bound: what it knows of scales and groups, and that it survives being stored."""

import json
import math
from collections.abc import Sequence

import pytest
import torch

from pellucid.errors import WeightsError
from pellucid.trust import error_bound
from pellucid.trust.conformal import shares_outside
from pellucid.trust.error_bound import EVERYTHING, KNOTS, ErrorBound, Sample, calibrated, interpolated


def samples(count: int, seed: int, heavy: float) -> list[Sample]:
    """Small scales that are too small by a half, large ones that are right; `heavy` times both."""
    draws = torch.Generator().manual_seed(seed)
    found = []
    for number in range(count):
        scale = torch.exp(1.2 * torch.randn(1, 1, 32, 32, generator=draws)) * 4 / 255
        spread = torch.where(scale < 4 / 255, 2 * scale, scale) * heavy
        found.append(Sample(scale, (spread * torch.randn(1, 3, 32, 32, generator=draws)).abs(), number))
    return found


def test_the_bound_holds_for_every_group_and_for_small_and_large_scales() -> None:
    bound = calibrated({"noise": samples(200, 0, 1.0), "rain": samples(200, 1, 3.0)}, 0.9)
    for name, seed, heavy in (("noise", 2, 1.0), ("rain", 3, 3.0)):
        fresh = samples(200, seed, heavy)
        inside = [one.error <= bound(one.scale, name) for one in fresh]
        assert torch.stack(inside).double().mean().item() == pytest.approx(0.9, abs=0.015)
        for is_small in (True, False):
            chosen = [(one.scale < 3 / 255 if is_small else one.scale > 6 / 255).expand_as(one.error) for one in fresh]
            told = torch.cat([its[where] for its, where in zip(inside, chosen, strict=True)])
            assert told.double().mean().item() == pytest.approx(0.9, abs=0.02)


def test_where_more_error_is_foretold_the_bound_is_no_less() -> None:
    """Few pixels of few pictures that were restored wrongly, where little error was foretold, must not turn it."""
    found = samples(120, 7, 1.0)
    for sample in found[::10]:
        wrong = sample.scale < 1 / 255
        sample.error[wrong.expand_as(sample.error)] = 0.5
    bound = calibrated({"noise": found}, 0.9)
    at_knots = bound(torch.tensor(KNOTS).view(1, 1, 1, -1), "noise").flatten()
    assert bool((at_knots.diff() >= -1e-6).all())


def test_a_photograph_counts_once_however_many_pictures_are_made_of_it() -> None:
    """Twelve pictures of each of few photographs, all of which err alike, are no more than those photographs."""
    draws = torch.Generator().manual_seed(6)
    own = torch.exp(torch.randn(60, generator=draws))
    scale = torch.full((1, 1, 16, 16), 0.02)
    many = [
        Sample(scale, (0.02 * its * torch.randn(1, 3, 16, 16, generator=draws)).abs(), photograph)
        for photograph, its in enumerate(own)
        for _ in range(12)
    ]
    errors = [torch.cat([one.error for one in many if one.photograph == its], dim=2) for its in range(60)]
    few = [Sample(scale.expand(1, 1, 16, 16).repeat(1, 1, 12, 1), error, its) for its, error in enumerate(errors)]
    told, expected = (calibrated({"noise": its}, 0.9).factors["noise"] for its in (many, few))
    assert told == pytest.approx(expected, rel=0.05)


def test_no_photograph_is_measured_by_what_was_fitted_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[set[int]] = []
    fit, measured = error_bound._draft, []

    def noted(its: Sequence[Sample], level: float) -> ErrorBound:
        fitted.append({one.photograph for one in its})
        return fit(its, level)

    def share(error: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        measured.append((owner[error.data_ptr()], fitted[-1]))
        return shares_outside(error, scale)

    monkeypatch.setattr(error_bound, "_draft", noted)
    monkeypatch.setattr(error_bound, "shares_outside", share)
    twice = [Sample(one.scale, one.error.clone(), one.photograph) for one in samples(60, 0, 1.0) for _ in range(2)]
    owner = {one.error.data_ptr(): one.photograph for one in twice}
    calibrated({"noise": twice}, 0.9)
    assert len(measured) == 2 * len(twice)  # of the group, and of all groups together
    assert all(photograph not in its and len(its) == 45 for photograph, its in measured)


def test_photographs_count_once_however_many_pictures_they_gave() -> None:
    twice = [Sample(one.scale, one.error, one.photograph) for one in samples(60, 0, 1.0) for _ in range(2)]
    once = samples(60, 0, 1.0)
    assert calibrated({"noise": twice}, 0.9).factors["noise"] == pytest.approx(
        calibrated({"noise": once}, 0.9).factors["noise"], rel=0.03
    )


def test_what_is_rare_or_unknown_gets_the_factors_of_all() -> None:
    bound = calibrated({"noise": samples(60, 0, 1.0), "snow": samples(6, 1, 5.0)}, 0.9)
    assert set(bound.factors) == {"noise", EVERYTHING}
    assert bound.pictures == {"noise": 60, EVERYTHING: 66}
    scale = torch.full((1, 1, 2, 2), 0.02)
    assert torch.equal(bound(scale, "snow"), bound(scale, None))


def test_between_knots_the_factor_is_linear_in_the_logarithm() -> None:
    factors = [float(number) for number in range(len(KNOTS))]
    scale = torch.tensor([KNOTS[0] / 7, KNOTS[2], (KNOTS[2] * KNOTS[3]) ** 0.5, KNOTS[-1] * 3]).view(1, 1, 1, 4)
    expected = torch.tensor([0.0, 2.0, 2.5, len(KNOTS) - 1.0])
    assert torch.allclose(interpolated(scale, factors).flatten(), expected, atol=1e-4)


def test_it_is_stored_as_plain_values() -> None:
    bound = calibrated({"noise": samples(60, 0, 1.0)}, 0.8)
    assert ErrorBound.from_json(bound.as_json()) == bound
    with pytest.raises(WeightsError, match="calibrate it again"):
        ErrorBound.from_json({"level": 0.9, "factors": {"noise": [1.0]}, "pictures": {}})


def test_what_is_seen_of_a_picture_makes_its_bound_wider() -> None:
    """Scales that know nothing of how severe a picture is, which is told: the bound holds for faint and severe ones."""

    def told(count: int, seed: int) -> list[Sample]:
        severity = torch.rand(count, generator=torch.Generator().manual_seed(seed)).tolist()
        one_for_all = samples(count, seed, 1.0)
        return [
            Sample(its.scale, its.error * math.exp(1.2 * how), its.photograph, (how, 0.3))
            for its, how in zip(one_for_all, severity, strict=True)
        ]

    bound = calibrated({"noise": told(200, 10)}, 0.9)
    assert bound.weights["noise"][0] == pytest.approx(1.2, abs=0.15)
    fresh = told(200, 11)
    for is_severe in (False, True):
        inside = [
            (one.error <= bound(one.scale, "noise", one.seen)).double().mean().item()
            for one in fresh
            if (one.seen[0] > 0.5) == is_severe
        ]
        assert sum(inside) / len(inside) == pytest.approx(0.9, abs=0.03), "0.85 and 0.98 without"
    again = ErrorBound.from_json(json.loads(json.dumps(bound.as_json())))
    assert torch.equal(again(fresh[0].scale, None, fresh[0].seen), bound(fresh[0].scale, None, fresh[0].seen))
    with pytest.raises(WeightsError, match="Expected 2 values that were seen"):
        bound(fresh[0].scale, "noise")
