"""The perceiver and its loss: kinds do not exclude each other, and what nobody could see is not asked for."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.data.batch import Batch
from pellucid.degradations.blur import GaussianBlur
from pellucid.degradations.chain import Chain
from pellucid.degradations.noise import GaussianNoise
from pellucid.errors import MethodError
from pellucid.methods.supervised.config import SupervisedConfig
from pellucid.networks.catalog import build_network
from pellucid.networks.degradation_perceiver import DegradationPerceiver, read
from pellucid.objectives.perception import PerceptionObjective

CHAINS: tuple[Chain, ...] = (
    (),
    (GaussianNoise(22 / 255),),
    (GaussianBlur(2.0), GaussianNoise(44 / 255)),
    (GaussianNoise(2 / 255),),  # too little to be seen
)


def batch(step: int = 0) -> Batch:
    clean = torch.rand(4, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    return Batch(clean, clean, ("clean", "noise", "blur+noise", "faint"), step, CHAINS)


class Saying(nn.Module):
    """Gives the same logits whatever it sees."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits, self.shapes = logits, []

    def forward(self, patches: Tensor) -> Tensor:
        self.shapes.append(tuple(patches.shape[-2:]))
        return self.logits


def test_it_says_two_numbers_per_kind_of_patches_of_any_size() -> None:
    network = DegradationPerceiver(["noise", "jpeg"], width=4)
    for height, width in ((31, 50), (96, 96)):
        logits = network(torch.rand(2, 3, height, width))
        assert logits.shape == (2, 2, 2)
    presence, severity = read(logits)
    torch.testing.assert_close(presence, logits[..., 0].sigmoid())
    torch.testing.assert_close(severity, logits[..., 1].sigmoid())
    with pytest.raises(MethodError, match="kinds are out of noise, blur"):
        build_network("degradation-perceiver", {"kinds": ["fog"]})


def test_the_loss_is_its_formula() -> None:
    logits = torch.randn(4, 2, 2, generator=torch.Generator().manual_seed(1))
    objective = PerceptionObjective(["noise", "blur"], severity_weight=0.5)
    loss, terms = objective(Saying(logits), batch())
    labels = torch.tensor([[0.0, 0.0], [0.4, 0.0], [0.8, 0.5], [2 / 55, 0.0]])
    torch.testing.assert_close(objective.labels(batch()), labels)
    asked = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 1)]  # not whether there is faint noise
    there = [(1, 0), (2, 0), (2, 1)]
    presence = [F.binary_cross_entropy_with_logits(logits[at][0], torch.tensor(float(at in there))) for at in asked]
    error = [(logits[at][1].sigmoid() - labels[at]).abs() for at in there]
    expected = sum(presence) / len(asked) + 0.5 * sum(error) / len(there)
    assert loss.item() == pytest.approx(float(expected), rel=1e-5)
    assert set(terms) == {"presence", "severity_error"}


def test_patches_are_cut_where_jpeg_s_blocks_may_begin() -> None:
    saying = Saying(torch.zeros(4, 2, 2))
    objective = PerceptionObjective(["noise", "blur"])
    for step in (0, 1, 16):
        objective(saying, batch(step))
    assert saying.shapes == [(40, 48), (39, 48), (40, 47)]


def test_accuracy_counts_those_with_and_those_without_alike() -> None:
    sure = 9.0
    logits = torch.full((4, 2, 2), -sure)
    logits[1:, 0, 0] = sure  # noise where there is some
    logits[:, 1, 0] = sure  # blur everywhere
    logits[..., 1] = 0.0  # half severe
    found = PerceptionObjective(["noise", "blur"]).accuracy(logits, batch())
    assert found["noise"] == 1.0
    assert found["blur"] == 0.5  # all of one, none of three
    assert found["accuracy"] == 0.75
    assert found["severity_error"] == pytest.approx((0.1 + 0.3 + 0.0) / 3, abs=1e-6)


def test_it_learns_how_strong_noise_is() -> None:
    torch.manual_seed(0)
    network = DegradationPerceiver(["noise", "blur"], width=8)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    objective = PerceptionObjective(["noise", "blur"])
    generator = torch.Generator().manual_seed(0)
    for step in range(150):
        clean = F.interpolate(torch.rand(16, 3, 6, 6, generator=generator), (48, 48), mode="bicubic").clamp(0, 1)
        sigma = torch.rand(16, generator=generator) * 55 / 255
        is_noisy = torch.arange(16) % 2 == 0
        degraded = clean + torch.randn(clean.shape, generator=generator) * (sigma * is_noisy).view(-1, 1, 1, 1)
        chains = tuple((GaussianNoise(float(s)),) if noisy else () for s, noisy in zip(sigma, is_noisy, strict=True))
        sample = Batch(degraded, clean, ("any",) * 16, step, chains)
        loss, _ = objective(network, sample)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = objective.accuracy(network(sample.degraded), sample)
    assert found["noise"] > 0.85
    assert found["severity_error"] < 0.15


@pytest.mark.parametrize(("network", "loss"), [("degradation-perceiver", "l1"), ("residual-stack", "perception")])
def test_the_loss_and_the_network_belong_together(network: str, loss: str) -> None:
    content: dict[str, Any] = {"network": {"name": network}, "optimisation": {"loss": loss}}
    with pytest.raises(ValueError, match="the loss perception belongs to the degradation-perceiver"):
        SupervisedConfig.model_validate({**content, "data": {"sources": [{"path": "."}], "mixture": {"rain": 1}}})
