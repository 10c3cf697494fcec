"""The code of a degradation should tell its kind, not the picture: contrast between codes."""

from collections.abc import Sequence

import torch
from torch import Tensor

TEMPERATURE = 0.1


def code_contrast(anchors: Tensor, positives: Tensor, kinds: Sequence[str], temperature: float = TEMPERATURE) -> Tensor:
    """How hard a code is to tell from those of other degradations, given one of another part of the same picture.

        L = mean_i -log( e^(z_i z_i+ / T) / (e^(z_i z_i+ / T) + sum_j e^(z_i z_j / T)) ),   j of another kind than i

    Args:
        anchors: `(B, C)`, of length 1.
        positives: likewise; of another part of each picture.
        kinds: of each picture's degradation. Pictures of the same kind are no negatives of each other.
        temperature: T.

    Returns:
        A scalar in nats. Anchors without a negative do not count; it is 0, without a gradient, when none has any.

    Source:
        InfoNCE (van den Oord et al., 2018) as Perceive-IR (IEEE TIP 2026) releases it: negatives are other anchors,
        without gradient. Differs: negatives of the own process alone, where the release gathers those of all.
    """
    is_other = torch.tensor([[one != other for other in kinds] for one in kinds], device=anchors.device)
    has_negative = is_other.any(dim=1)
    if not bool(has_negative.any()):
        return anchors.new_zeros(())
    anchors, positives = anchors.float(), positives.float()
    alike = (anchors * positives).sum(dim=1) / temperature
    others = (anchors @ anchors.detach().T / temperature).masked_fill(~is_other, float("-inf"))
    losses = torch.logsumexp(torch.cat([alike[:, None], others], dim=1), dim=1) - alike
    return losses[has_negative].mean()
