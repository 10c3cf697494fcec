"""DIL's strategies against what the equations say they are: exact identities, finite differences, expansions."""

import itertools
from typing import Any

import pytest
import torch
from small_problem import DOMAINS, Builder, batch_of, flat, plain_gradient, smooth_network, squared_error, step_of
from torch import nn

from pellucid.data.batch import Batch
from pellucid.methods.dil.slices import by_domain, mixed_parts, support_and_query

SGD: dict[str, Any] = {"inner_optimiser": "sgd"}


@pytest.mark.parametrize("name", ["dil-ss", "dil-ps"])
@pytest.mark.parametrize("is_split", [False, True])
def test_without_a_virtual_step_second_order_is_the_plain_gradient(build: Builder, name: str, is_split: bool) -> None:
    network, batch = smooth_network(), batch_of()
    _, query = support_and_query(batch, is_split=is_split)
    expected = plain_gradient(network, query)
    taken = step_of(build(name, network, inner_learning_rate=0.0, split_query=is_split), network, batch)
    assert torch.allclose(taken, expected, rtol=1e-10, atol=1e-14)


def smooth_copy(network: nn.Module) -> nn.Module:
    """Another network of the same weights."""
    copy = smooth_network(1)
    copy.load_state_dict(network.state_dict())
    return copy


@pytest.mark.parametrize("name", ["dil-sf", "dil-pf"])
def test_without_a_virtual_step_first_order_stays_where_it_is(build: Builder, name: str) -> None:
    network = smooth_network()
    taken = step_of(build(name, network, inner_learning_rate=0.0), network, batch_of())
    assert torch.equal(taken, torch.zeros_like(taken))


def test_serial_first_order_of_one_domain_is_the_plain_gradient(build: Builder) -> None:
    network, batch, rate = smooth_network(), batch_of(domains=("noisy",)), 1e-3
    expected = rate * plain_gradient(network, batch)
    taken = step_of(build("dil-sf", network, **SGD, inner_learning_rate=rate), network, batch)
    assert torch.allclose(taken, expected, rtol=1e-9, atol=1e-15)


def test_parallel_first_order_of_one_step_is_empirical_risk(build: Builder) -> None:
    """Step for step, with an outer SGD of the inverse rate; with Adam up to its epsilon."""
    rate = 1e-2
    ours, plain = smooth_network(), smooth_network()
    outer = torch.optim.SGD(ours.parameters(), lr=0.05 / rate)
    parallel = build("dil-pf", ours, outer, **SGD, inner_steps=1, inner_learning_rate=rate)
    risk = build("empirical-risk", plain, torch.optim.SGD(plain.parameters(), lr=0.05))
    for seed in range(4):
        parallel.step(squared_error, batch_of(seed=seed))
        risk.step(squared_error, batch_of(seed=seed))
    assert torch.allclose(flat(ours.parameters()), flat(plain.parameters()), rtol=1e-10)

    ours, plain = smooth_network(), smooth_network()
    outer = torch.optim.Adam(ours.parameters(), lr=1e-3, eps=1e-16)
    parallel = build("dil-pf", ours, outer, **SGD, inner_steps=1, inner_learning_rate=rate)
    risk = build("empirical-risk", plain, torch.optim.Adam(plain.parameters(), lr=1e-3, eps=1e-16))
    for seed in range(4):
        parallel.step(squared_error, batch_of(seed=seed))
        risk.step(squared_error, batch_of(seed=seed))
    assert torch.allclose(flat(ours.parameters()), flat(plain.parameters()), rtol=1e-7)


def outer_loss(weights: torch.Tensor, name: str, batch: Batch, rate: float, is_divided: bool) -> float:
    """Eq. 4 (over n) or Eq. 5 as a function of the weights alone, written down once more."""
    network = smooth_network()
    shapes = [weight.shape for weight in network.parameters()]
    sizes = [shape.numel() for shape in shapes]

    def loss_at(vector: torch.Tensor, part: Batch) -> torch.Tensor:
        values = [piece.view(shape) for piece, shape in zip(vector.split(sizes), shapes, strict=True)]
        first, last = torch.nn.functional.conv2d, torch.nn.functional.conv2d
        hidden = torch.tanh(first(part.degraded, values[0], values[1], padding=1))
        return ((last(hidden, values[2], values[3]) - part.clean) ** 2).mean()

    support, query = support_and_query(batch, is_split=True)
    parts = [support.select(domain) for domain in DOMAINS] if name == "dil-ss" else [support]
    queries = mixed_parts(query, len(parts)) if is_divided else [query] * len(parts)
    total = 0.0
    for part, its_query in zip(parts, queries, strict=True):
        leaf = weights.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss_at(leaf, part), leaf)
        total += loss_at(weights - rate * slope, its_query).item() / len(parts)
    return total


@pytest.mark.parametrize(("name", "query"), [("dil-ss", "all"), ("dil-ss", "divided"), ("dil-ps", None)])
def test_second_order_is_the_derivative_of_its_equation(build: Builder, name: str, query: str | None) -> None:
    """Central differences in random directions, float64, with a virtual step large enough to bend."""
    network, batch, rate = smooth_network(), batch_of(per_domain=6), 0.3
    chosen = {} if query is None else {"query": query}
    weights = flat(network.parameters())
    gradient = step_of(build(name, network, inner_learning_rate=rate, **chosen), network, batch)
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        direction = torch.randn(weights.shape, generator=generator, dtype=torch.float64)
        direction, width = direction / direction.norm(), 1e-4
        ahead = outer_loss(weights + width * direction, name, batch, rate, query == "divided")
        behind = outer_loss(weights - width * direction, name, batch, rate, query == "divided")
        assert (gradient @ direction).item() == pytest.approx((ahead - behind) / (2 * width), rel=1e-6, abs=1e-10)
    _, seen = support_and_query(batch, is_split=True)
    plain = plain_gradient(smooth_network(), seen)
    assert (gradient - plain).norm() > 0.05 * plain.norm(), "the virtual step matters here"


@pytest.mark.parametrize("name", ["dil-ss", "dil-ps"])
def test_a_difference_of_gradients_stands_for_the_hessian(build: Builder, name: str) -> None:
    taken = {}
    for hessian in ("exact", "difference"):
        network = smooth_network()
        strategy = build(name, network, inner_learning_rate=0.3, hessian=hessian)
        taken[hessian] = step_of(strategy, network, batch_of())
    _, query = support_and_query(batch_of(), is_split=True)
    product = (taken["exact"] - plain_gradient(smooth_network(), query)).norm()
    assert (taken["exact"] - taken["difference"]).norm() < 0.01 * product


def test_the_first_order_reading_leaves_the_hessian_out(build: Builder) -> None:
    network, batch, rate = smooth_network(), batch_of(), 0.2
    support, query = support_and_query(batch, is_split=True)
    slopes = plain_gradient(network, support)
    virtual = smooth_copy(network)
    with torch.no_grad():
        pieces = slopes.split([weight.numel() for weight in virtual.parameters()])
        for weight, piece in zip(virtual.parameters(), pieces, strict=True):
            weight -= rate * piece.view_as(weight)
    expected = plain_gradient(virtual, query)
    taken = step_of(build("dil-pf", network, **SGD, reading="gradient", inner_learning_rate=rate), network, batch)
    assert torch.allclose(taken, expected, rtol=1e-10, atol=1e-15)


def seeds_of_all_orders(batch: Batch) -> list[int]:
    """For each order of the domains one seed that gives it."""
    found: dict[tuple[str, ...], int] = {}
    seed = 0
    while len(found) < len(list(itertools.permutations(DOMAINS))):
        found.setdefault(tuple(part.domains[0] for part in by_domain(batch, seed)), seed)
        seed += 1
    return list(found.values())


def test_the_mean_over_orders_is_empirical_risk_and_a_reward_for_agreement(build: Builder) -> None:
    """theta - phi = a sum g_i - a^2/4 grad sum_{i != j} g_i . g_j + O(a^3): the rest falls eightfold with a halved."""
    batch = batch_of()
    seeds = seeds_of_all_orders(batch)
    assert len(seeds) == 6
    network = smooth_network()
    weights = list(network.parameters())
    slopes = []
    for part in by_domain(batch):
        loss, _ = squared_error(network, part)
        slopes.append(torch.autograd.grad(loss, weights, create_graph=True))
    products = [
        (one * other).sum() for g, h in itertools.permutations(slopes, 2) for one, other in zip(g, h, strict=True)
    ]
    reward = flat(torch.autograd.grad(torch.stack(products).sum(), weights))
    sum_of_slopes = torch.stack([flat(slope) for slope in slopes]).sum(0)
    rests = []
    for rate in (0.04, 0.02, 0.01):
        taken = []
        for seed in seeds:
            fresh = smooth_network()
            strategy = build("dil-sf", fresh, **SGD, inner_learning_rate=rate, order_seed=seed)
            taken.append(step_of(strategy, fresh, batch))
        rests.append((torch.stack(taken).mean(0) - rate * sum_of_slopes + rate**2 / 4 * reward).norm().item())
    assert rests[0] / rests[1] == pytest.approx(8, rel=0.15) and rests[1] / rests[2] == pytest.approx(8, rel=0.08)


def test_serial_and_parallel_differ_at_second_order_only(build: Builder) -> None:
    """Eq. 4 over n and Eq. 5 have the same gradient up to a^2, and that of empirical risk up to a."""
    batch = batch_of()
    plain = plain_gradient(smooth_network(), batch)
    apart, from_plain = [], []
    for rate in (0.02, 0.01):
        taken = {}
        for name in ("dil-ss", "dil-ps"):
            network = smooth_network()
            strategy = build(name, network, inner_learning_rate=rate, split_query=False)
            taken[name] = step_of(strategy, network, batch)
        apart.append((taken["dil-ss"] - taken["dil-ps"]).norm().item())
        from_plain.append((taken["dil-ps"] - plain).norm().item())
    assert apart[0] / apart[1] == pytest.approx(4, rel=0.1)
    assert from_plain[0] / from_plain[1] == pytest.approx(2, rel=0.1)
