"""What is told of networks on held-out pictures."""

import logging
from types import SimpleNamespace

import pytest
import torch

from pellucid.data.batch import Batch
from pellucid.methods.nlcl.judge import NEXT_TO_NOTHING, Judge, warn_of_nothing
from pellucid.methods.nlcl.restorer import DerainingRestorer
from pellucid.methods.nlcl.stopping import StopRule
from pellucid.networks.deraining_generator import DerainingGenerator


@pytest.fixture
def restorer() -> DerainingRestorer:
    """That takes a tenth off, and a network of rain that finds nothing."""
    background = DerainingGenerator(4, 1, skip=True, normalised=False)
    rain = DerainingGenerator(4, 1, gives="rain", normalised=False)
    with torch.no_grad():
        for network, offset in ((background, -0.2), (rain, 0.0)):
            network.tail.weight.zero_()
            network.tail.bias.fill_(offset)  # pyright: ignore
    return DerainingRestorer(background, rain)


def pictures() -> Batch:
    degraded = 0.3 + 0.4 * torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    return Batch(degraded, degraded, ("unpaired",) * 2, 0)


def test_what_was_removed_and_what_is_left_over(restorer: DerainingRestorer) -> None:
    found, is_best = Judge(StopRule(patience=0), None).look(3, restorer, pictures())
    assert not is_best and set(found) == {"mismatch", "removed"}
    assert found["removed"] == pytest.approx(0.1, abs=1e-3) and found["mismatch"] == pytest.approx(0.1, abs=1e-3)


def test_every_look_is_told(restorer: DerainingRestorer, caplog: pytest.LogCaptureFixture) -> None:
    judge = Judge(StopRule(patience=2), None)
    judge.perceiver = SimpleNamespace(perceive=lambda _: SimpleNamespace(quality=0.75, harm=0.25))  # pyright: ignore
    with caplog.at_level(logging.INFO):
        assert judge.look(0, restorer, pictures())[1]
        assert not judge.look(100, restorer, pictures())[1]
    first, second = caplog.messages
    assert first == "Step 0: score 0.500, 25.5 of 255 levels removed, 25.5 left over; the best so far."
    assert second.startswith("Step 100: score 0.500") and "best" not in second


def test_the_discriminators_balance_is_that_of_its_scores(restorer: DerainingRestorer) -> None:
    made, given = pictures().degraded - 0.1, pictures().clean
    limit = (made.mean() + given.mean()) / 2

    def clean_looks_brighter(its: torch.Tensor) -> torch.Tensor:
        return (its.mean(dim=(1, 2, 3)) > limit).float()

    found = Judge(StopRule(patience=0), clean_looks_brighter).judged(restorer, pictures())  # pyright: ignore
    assert (found["taken for clean"], found["clean taken for clean"]) == (0, 1)


@pytest.mark.parametrize(("removed", "said"), [(NEXT_TO_NOTHING / 2, 1), (2 * NEXT_TO_NOTHING, 0)])
def test_a_start_that_finds_nothing_is_told(removed: float, said: int, caplog: pytest.LogCaptureFixture) -> None:
    warn_of_nothing(removed)
    assert len(caplog.messages) == said
