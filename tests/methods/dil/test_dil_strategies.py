"""What DIL's strategies owe whoever trains by them: weights left alone, buffers, state, failures, warnings."""

import logging
from typing import Any

import pytest
import torch
from small_problem import DOMAINS, Builder, batch_of, flat, plain_gradient, smooth_network, squared_error, step_of
from torch import nn

from pellucid.data.batch import Batch
from pellucid.methods.catalog import STRATEGIES
from pellucid.methods.dil.slices import by_domain, mixed_parts, support_and_query
from pellucid.methods.dil.virtual_steps import MEASURED_EVERY, PATIENCE

NAMES = [name for name in STRATEGIES if name.startswith("dil-")]
LARGE = {"inner_learning_rate": 0.05}


@pytest.mark.parametrize("name", NAMES)
def test_virtual_steps_leave_the_weights_alone(build: Builder, name: str) -> None:
    network = smooth_network()
    before = flat(network.parameters())
    strategy = build(name, network, torch.optim.SGD(network.parameters(), lr=0.0), **LARGE)
    terms = strategy.step(squared_error, batch_of(step=0))
    assert torch.equal(flat(network.parameters()), before)
    assert terms["virtual/size"] > 1e-4 and terms["virtual/loss_change"] < -1e-3, "and yet they were taken"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_changes_nothing(build: Builder, name: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).double()
    strategy = build(name, network, **LARGE)
    batch = batch_of()
    broken = batch.degraded.clone()
    broken[batch.domains.index("soft")] = float("nan")
    before, buffers = flat(network.parameters()), flat(network.buffers())
    for step in range(6):  # in some order of the domains others come before, and take their virtual steps
        with pytest.raises(FloatingPointError):
            strategy.step(squared_error, Batch(broken, batch.clean, batch.domains, step))
    assert torch.equal(flat(network.parameters()), before)
    assert torch.equal(flat(network.buffers()), buffers)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_clipped(build: Builder, name: str) -> None:
    network, limit = smooth_network(), 1e-3
    is_first_order = name in ("dil-sf", "dil-pf")
    settings = {"inner_optimiser": "sgd", "inner_learning_rate": 0.5} if is_first_order else LARGE
    taken = step_of(build(name, network, clip=limit, **settings), network, batch_of())
    steps = len(DOMAINS) if name == "dil-sf" else 2
    most = 0.5 * steps * limit if is_first_order else limit
    assert 0.2 * most < taken.norm() <= most * (1 + 1e-5)


def test_the_way_of_the_inner_steps_is_formed_in_float32(build: Builder) -> None:
    """A ten-thousandth of the weights, of which bf16 keeps three digits at most."""
    network = smooth_network().float()
    batch = batch_of()
    batch = Batch(batch.degraded.float(), batch.clean.float(), batch.domains, batch.step)
    expected = plain_gradient(network, batch)
    settings = {"inner_optimiser": "sgd", "inner_learning_rate": 1e-3, "inner_steps": 1}
    taken = build("dil-pf", network, torch.optim.SGD(network.parameters(), lr=0.0), **settings)
    taken.step(squared_error, batch)
    way = flat([weight.grad for weight in network.parameters()])
    assert ((way / 1e-3 - expected).abs() / expected.abs().max()).max() < 3e-4


@pytest.mark.parametrize("name", ["dil-ps", "dil-ss"])
def test_the_size_of_a_virtual_step_is_its_rate_times_its_gradient(build: Builder, name: str) -> None:
    network, batch = smooth_network(), batch_of(step=0)
    outer = torch.optim.SGD(network.parameters(), lr=0.0)
    terms = build(name, network, outer, split_query=False, **LARGE).step(squared_error, batch)
    part = batch if name == "dil-ps" else batch.select(sorted(DOMAINS)[0])
    size = LARGE["inner_learning_rate"] * plain_gradient(network, part).norm() / flat(network.parameters()).norm()
    assert terms["virtual/size"] == pytest.approx(float(size), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns(build: Builder, name: str) -> None:
    network, batch = smooth_network(), batch_of(per_domain=4)
    strategy = build(name, network, torch.optim.Adam(network.parameters(), lr=1e-2), inner_learning_rate=1e-2)
    before = squared_error(network, batch)[0].item()
    for step in range(60):
        strategy.step(squared_error, Batch(batch.degraded, batch.clean, batch.domains, step))
    assert squared_error(network, batch)[0].item() < 0.5 * before


@pytest.mark.parametrize("name", NAMES)
def test_networks_may_have_buffers(build: Builder, name: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1)).double()
    strategy = build(name, network, **LARGE)
    strategy.step(squared_error, batch_of())
    seen = dict(network.named_buffers())
    assert int(seen["1.num_batches_tracked"]) >= 2 and not torch.equal(seen["1.running_mean"], torch.zeros(4))
    # Measuring the virtual step looks at further losses, which the buffers must not notice.
    counted = int(seen["1.num_batches_tracked"])
    strategy.step(squared_error, batch_of(step=2))
    per_step = int(seen["1.num_batches_tracked"]) - counted
    strategy.step(squared_error, batch_of(step=2 * MEASURED_EVERY))
    assert int(seen["1.num_batches_tracked"]) == counted + 2 * per_step


@pytest.mark.parametrize("name", NAMES)
def test_frozen_weights_stay(build: Builder, name: str) -> None:
    network = smooth_network()
    frozen = next(network.parameters()).requires_grad_(False)
    before = frozen.clone()
    movable = [weight for weight in network.parameters() if weight.requires_grad]
    strategy = build(name, network, torch.optim.SGD(movable, lr=0.1), **LARGE)
    strategy.step(squared_error, batch_of())
    assert torch.equal(frozen, before)


@pytest.mark.parametrize("name", NAMES)
def test_going_on_from_its_state_equals_running_through(build: Builder, name: str) -> None:
    def fresh() -> tuple[nn.Module, Any]:
        network = smooth_network()
        return network, build(name, network, torch.optim.Adam(network.parameters(), lr=1e-3), **LARGE)

    through, strategy = fresh()
    for step in range(6):
        strategy.step(squared_error, batch_of(step=step, seed=step))
        if step == 2:
            weights = {key: value.clone() for key, value in through.state_dict().items()}
            torch.manual_seed(0)
            import copy

            state = copy.deepcopy(strategy.state_dict())
    again, strategy = fresh()
    again.load_state_dict(weights)
    strategy.load_state_dict(state)
    for step in range(3, 6):
        strategy.step(squared_error, batch_of(step=step, seed=step))
    assert torch.equal(flat(again.parameters()), flat(through.parameters()))


def test_the_inner_optimiser_remembers(build: Builder) -> None:
    network = smooth_network()
    strategy = build("dil-sf", network)
    for step in range(2):
        strategy.step(squared_error, batch_of(step=step))
    (first, *_) = strategy.state_dict()["inner_optimiser"]["state"].values()
    assert first["step"] == 2 * len(DOMAINS) and first["exp_avg_sq"].abs().max() > 0


def test_the_order_is_shuffled_at_every_step_and_may_be_repeated() -> None:
    def orders(seed: int) -> list[tuple[str, ...]]:
        return [tuple(part.domains[0] for part in by_domain(batch_of(step=step), seed)) for step in range(60)]

    assert len(set(orders(0))) == 6
    assert orders(0) == orders(0) != orders(1)


@pytest.mark.parametrize("rate", [1e-9, 0.2])
def test_a_virtual_step_that_does_nothing_is_told(
    build: Builder, caplog: pytest.LogCaptureFixture, rate: float
) -> None:
    network = smooth_network()
    outer = torch.optim.SGD(network.parameters(), lr=0.0)
    strategy = build("dil-ps", network, outer, inner_learning_rate=rate)
    with caplog.at_level(logging.WARNING):
        for step in range(MEASURED_EVERY * PATIENCE + 1):
            if step % MEASURED_EVERY == 0:
                strategy.step(squared_error, batch_of(step=step))
    told = [record for record in caplog.records if "too small to matter" in record.getMessage()]
    assert len(told) == (1 if rate < 1e-3 else 0)


def test_support_and_query_have_different_pictures() -> None:
    """With the same content everywhere the n-th sample of every domain is the same picture."""
    clean = torch.arange(12.0).view(4, 3).repeat_interleave(3, 0).view(12, 3, 1, 1)
    batch = Batch(clean, clean, DOMAINS * 4)
    support, query = support_and_query(batch, is_split=True)
    assert sorted(support.domains) == sorted(query.domains) == sorted(DOMAINS * 2)
    assert not set(support.clean[:, 0, 0, 0].tolist()) & set(query.clean[:, 0, 0, 0].tolist())
    whole, same = support_and_query(batch, is_split=False)
    assert whole is same is batch
    support, query = support_and_query(batch_of(per_domain=1), is_split=True)
    assert sorted(support.domains) == sorted(query.domains) == sorted(DOMAINS), "a single sample serves as both"


def test_no_domain_is_always_in_the_same_part() -> None:
    """Six samples in four parts: some parts have two of a domain, and over the steps it is each domain's turn."""
    seen = [[0] * 4 for _ in DOMAINS]
    for step in range(400):
        for position, part in enumerate(mixed_parts(batch_of(per_domain=6, step=step), 4)):
            for row, name in enumerate(DOMAINS):
                seen[row][position] += part.domains.count(name)
    for counts in seen:
        assert sum(counts) == 6 * 400 and all(abs(count - 600) < 60 for count in counts)  # six standard deviations


def test_mixed_parts_hold_all_domains_and_every_sample_once() -> None:
    parts = mixed_parts(batch_of(per_domain=4), 4)
    assert [sorted(part.domains) for part in parts] == [sorted(DOMAINS)] * 4
    assert sorted(len(part.domains) for part in mixed_parts(batch_of(per_domain=1), 2)) == [1, 2]
    assert [len(part.domains) for part in mixed_parts(batch_of(per_domain=1), 5)] == [1, 1, 1]
