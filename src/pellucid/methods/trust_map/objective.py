"""The loss by which scales of error are learned."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch

SMALLEST_ERROR = 0.5 / 255
"""Errors below it are all alike: half a grey level is what rounding to 8 bits does at most."""

LEVEL = 0.9
"""The share of the values whose error is to be within its scale."""

LIGHT = ("haze", "low-light")
"""Domains, or the first of several, that change the light of a whole picture."""

LEAST_CHANGE_OF_LIGHT = 2 / 255
"""How far the mean of a picture must have moved for its light to have been undone."""


def scale_error(scale: Tensor, error: Tensor, level: float = LEVEL) -> Tensor:
    """How far a scale is from the errors that it is to bound, per value, in nats, as `error`.

        rho(log(|e| + d) - log(b + d)),   rho(u) = level u above 0 and (level - 1) u below,   d = SMALLEST_ERROR

    Least where b is the quantile `level` of |e|. Whatever the errors, no single one has a gradient that outweighs all
    others.

    Args:
        scale: b, `(B, 1, H, W)`, at least 0.
        error: `(B, C, H, W)`.
        level: in `(0, 1)`.

    Source:
        Quantile regression (Koenker and Bassett, "Regression Quantiles", Econometrica 1978), of logarithms; quantiles
        do not mind what is done to the axis. Differs from learning by a likelihood (Kendall and Gal, NeurIPS 2017),
        whose gradient has no limit where an error is unexpected.
    """
    above = (error.abs() + SMALLEST_ERROR).log() - (scale + SMALLEST_ERROR).log()
    return torch.maximum(level * above, (level - 1) * above)


def is_unnoticed(restored: Tensor, batch: Batch) -> Tensor:
    """Which samples are hazy or dark and were not taken for it, `(B,)`."""
    moved = (restored - batch.degraded).mean(dim=(1, 2, 3)).abs()
    is_light = [domain.split("+")[0] in LIGHT for domain in batch.domains]
    return torch.tensor(is_light, device=moved.device) & (moved < LEAST_CHANGE_OF_LIGHT)


class ErrorObjective:
    """How well scales foretell what a frozen restorer does wrong, and what was wrong before.

    Args:
        restore: `(B, 3, H, W)` to the same; each patch is a whole picture to it.
    """

    def __init__(self, restore: Callable[[Tensor], Tensor]):
        self.restore = restore

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss, and every 50 steps its two terms."""
        restored = self.restore(batch.degraded)
        after, before = self.terms(network(batch.degraded, restored), restored, batch)
        terms = {"restored": after.item(), "degraded": before.item()} if batch.step % 50 == 0 else {}
        return after + before, terms

    def terms(self, scales: Tensor, restored: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean distance to the restored picture's errors, and to the degraded one's.

        Samples whose light is wrong and was left as it was do not count. They err as a whole, by more than all else,
        and look like others: with them every scale would be too large.
        """
        after = scale_error(scales[:, :1], restored - batch.clean).mean(dim=(1, 2, 3))
        before = scale_error(scales[:, 1:], batch.degraded - batch.clean).mean(dim=(1, 2, 3))
        counts = (~is_unnoticed(restored, batch)).to(after)
        most = counts.sum().clamp_min(1)
        return (counts * after).sum() / most, (counts * before).sum() / most

    @torch.no_grad()
    def judge(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """How well held-out errors are foretold.

        Returns:
            `distance`, the loss of the restored picture in nats, less is better; and `above`, the share of values whose
            error is above its scale, 0.1 at best.
        """
        restored = self.restore(batch.degraded)
        scales = network(batch.degraded, restored)
        after, _ = self.terms(scales, restored, batch)
        above = ((restored - batch.clean).abs() > scales[:, :1]).float().mean(dim=(1, 2, 3))
        return {"distance": after.item(), "above": above[~is_unnoticed(restored, batch)].mean().item()}
