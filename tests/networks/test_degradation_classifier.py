"""A network that tells degradations apart: it learns to, says so, and refuses what it does not know."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.data.batch import Batch
from pellucid.degradations.mixing import Mixture, kinds_drawn
from pellucid.errors import ConfigurationError
from pellucid.networks.degradation_classifier import DegradationClassifier
from pellucid.objectives.classification import DomainObjective

DOMAINS = ("clean", "gaussian-noise")


def batch(step: int) -> Batch:
    """Smooth pictures, every other one noisy."""
    generator = torch.Generator().manual_seed(step)
    coarse = torch.rand(16, 3, 4, 4, generator=generator)
    clean = F.interpolate(coarse, size=(40, 40), mode="bilinear")
    noisy = torch.arange(16).remainder(2).view(-1, 1, 1, 1)
    degraded = clean + 0.1 * noisy * torch.randn(clean.shape, generator=generator)
    return Batch(degraded, clean, tuple(DOMAINS[k] for k in noisy.flatten().tolist()), step)


def test_it_learns_what_noise_is() -> None:
    torch.manual_seed(0)
    network, objective = DegradationClassifier(DOMAINS, width=8), DomainObjective(DOMAINS)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    first = objective(network, batch(0))[0].item()
    for step in range(120):
        optimiser.zero_grad()
        objective(network, batch(step))[0].backward()
        optimiser.step()
    unseen = batch(1000)
    assert objective(network, unseen)[0].item() < 0.3 * first
    assert objective.accuracy(network(unseen.degraded), unseen) == {"accuracy": 1, "clean": 1, "gaussian-noise": 1}


def test_the_loss_is_the_cross_entropy_of_the_true_domain() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0]])

    class Fixed(torch.nn.Module):
        def forward(self, patches: Tensor) -> Tensor:
            return logits

    two = Batch(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8), ("gaussian-noise", "clean"))
    expected = -(logits.softmax(1)[0, 1].log() + logits.softmax(1)[1, 0].log()) / 2
    torch.testing.assert_close(DomainObjective(DOMAINS)(Fixed(), two)[0], expected)
    assert DomainObjective(DOMAINS).accuracy(logits, two) == {"accuracy": 0.5, "clean": 1, "gaussian-noise": 0}


def test_odd_and_small_patches_are_taken() -> None:
    assert DegradationClassifier(DOMAINS, width=4)(torch.rand(2, 3, 1, 37)).shape == (2, 2)


def test_a_domain_without_a_logit_counts_as_what_it_consists_of() -> None:
    mixture = Mixture({"rain-faint+jpeg": 1, "rain-faint": 1, "clean": 1})
    domains = ["rain-faint+jpeg", "rain", "clean", "rain-faint"]
    chains = tuple(mixture.draw_of(name, torch.Generator().manual_seed(0)) for name in domains)
    batch = Batch(torch.zeros(4, 3, 8, 8), torch.zeros(4, 3, 8, 8), tuple(domains), chains=chains)
    assert DomainObjective(["clean", "rain", "rain+jpeg"]).labels(batch).tolist() == [2, 1, 0, 1]
    assert DomainObjective(["clean", "rain", "rain+jpeg", "rain-faint"]).labels(batch).tolist() == [2, 1, 0, 3]
    with pytest.raises(ConfigurationError, match=r"got 'rain\+jpeg' in the mixture"):
        DomainObjective(["clean", "rain"]).labels(batch)
    assert kinds_drawn("rain-faint+jpeg") == {"rain+jpeg"} and kinds_drawn("clean") == {"clean"}


def test_a_domain_that_it_does_not_know_is_refused() -> None:
    unknown = Batch(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), ("rain",))
    with pytest.raises(ConfigurationError, match=r"out of clean, gaussian-noise, got 'rain' in the mixture"):
        DomainObjective(DOMAINS).labels(unknown)
