"""The loss of networks that say what is wrong with a patch, and how badly."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.data.batch import Batch
from pellucid.degradations.severity import severities
from pellucid.images.overview import JPEG_GRID
from pellucid.networks.degradation_perceiver import read

LEAST_SEVERITY = 0.08
"""Below it nobody could say whether the degradation is there; presence is not asked for."""


class PerceptionObjective:
    """Cross-entropy of each kind's presence, and the error of the severity of what is there.

    Args:
        kinds: in the order of the network's outputs.
        severity_weight: of the second term.
    """

    def __init__(self, kinds: Sequence[str], severity_weight: float = 1.0):
        self.kinds, self.severity_weight = tuple(kinds), severity_weight

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss, and every 50 steps its terms.

        The patches are cut at a place that changes from step to step, because JPEG's blocks begin anywhere in a picture
        that was cut after it was compressed.
        """
        top, left = batch.step % JPEG_GRID, batch.step // JPEG_GRID % JPEG_GRID
        logits: Tensor = network(batch.degraded[..., top:, left:]).float()
        severity = self.labels(batch).to(logits.device)
        is_asked = (severity == 0) | (severity >= LEAST_SEVERITY)
        is_there = severity >= LEAST_SEVERITY
        presence = F.binary_cross_entropy_with_logits(logits[..., 0], is_there.float(), reduction="none")
        presence = (presence * is_asked).sum() / is_asked.sum().clamp_min(1)
        error = (logits[..., 1].sigmoid() - severity).abs()
        error = (error * is_there).sum() / is_there.sum().clamp_min(1)
        terms = {"presence": presence.item(), "severity_error": error.item()} if batch.step % 50 == 0 else {}
        return presence + self.severity_weight * error, terms

    def labels(self, batch: Batch) -> Tensor:
        """The severity of every kind in every sample, `(B, K)`; 0 where it is absent."""
        told = [severities(chain) for chain in batch.chains]
        return torch.tensor([[one.get(kind, 0.0) for kind in self.kinds] for one in told])

    def accuracy(self, logits: Tensor, batch: Batch) -> dict[str, float]:
        """How well held-out samples are perceived.

        Returns:
            By kind the mean of the shares of samples with and without it that are told right, in `[0, 1]`, their mean
            as `accuracy`, and `severity_error`, the mean error of the severity of what is there.
        """
        severity = self.labels(batch)
        presence, told = (one.cpu() for one in read(logits))
        is_there, is_absent = severity >= LEAST_SEVERITY, severity == 0
        found: dict[str, float] = {}
        for column, kind in enumerate(self.kinds):
            shares = [
                (is_right[rows].float().mean().item())
                for is_right, rows in (
                    (presence[:, column] >= 0.5, is_there[:, column]),
                    (presence[:, column] < 0.5, is_absent[:, column]),
                )
                if bool(rows.any())
            ]
            if shares:
                found[kind] = sum(shares) / len(shares)
        error = (told - severity).abs()[is_there]
        return {
            "accuracy": sum(found.values()) / max(1, len(found)),
            "severity_error": error.mean().item() if len(error) else 0.0,
            **found,
        }
