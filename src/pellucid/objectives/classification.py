"""Losses of networks that tell degradations apart."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.data.batch import Batch
from pellucid.degradations.chain import kind_of
from pellucid.errors import ConfigurationError
from pellucid.images.overview import JPEG_GRID


class DomainObjective:
    """Cross-entropy between the logits of a batch and the degradations that made it.

    A sample of a domain that has no logit of its own counts as what its chain consists of: `"rain-faint+jpeg"` as
    `"rain+jpeg"`.

    Args:
        domains: in the order of the logits.
    """

    def __init__(self, domains: Sequence[str]):
        self.domains = tuple(domains)

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The mean cross-entropy in nats, without further terms.

        The patches are cut at a place that changes from step to step: JPEG's blocks begin anywhere in a picture that
        was cut after it was compressed.

        Raises:
            ConfigurationError: when the batch has a domain that is not among the known ones, nor its kind.
        """
        top, left = batch.step % JPEG_GRID, batch.step // JPEG_GRID % JPEG_GRID
        logits: Tensor = network(batch.degraded[..., top:, left:])
        return F.cross_entropy(logits.float(), self.labels(batch).to(logits.device)), {}

    def labels(self, batch: Batch) -> Tensor:
        """The number of each sample's domain, `(B,)`."""
        names = [
            domain if domain in self.domains else kind_of(chain) or domain
            for domain, chain in zip(batch.domains, batch.chains, strict=True)
        ]
        unknown = sorted(set(names) - set(self.domains))
        if unknown:
            raise ConfigurationError(
                f"Expected degradations out of {', '.join(self.domains)}, got {unknown[0]!r} in the mixture: add it to "
                "network.arguments.domains."
            )
        return torch.tensor([self.domains.index(name) for name in names])

    def accuracy(self, logits: Tensor, batch: Batch) -> dict[str, float]:
        """The share of each domain's samples that were told right, in `[0, 1]`, and of all as `accuracy`."""
        is_right = (logits.argmax(dim=1).cpu() == self.labels(batch)).float()
        rows = {name: [row for row, its in enumerate(batch.domains) if its == name] for name in set(batch.domains)}
        return {"accuracy": is_right.mean().item()} | {
            name: is_right[rows[name]].mean().item() for name in sorted(rows)
        }
