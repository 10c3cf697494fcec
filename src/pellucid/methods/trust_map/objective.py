"""The loss by which expected errors are learned."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch


def error_likelihood(scale: Tensor, error: Tensor) -> Tensor:
    """Negative log-likelihood of absolute errors under log-logistic distributions, per pixel and channel, in nats.

        -log p(|e|) = log b + 2 log(1 + |e| / b),   p(r) = b / (b + r)^2

    b is the median of that distribution. Whatever the errors' own, no single one counts for more than another: the
    derivative by log b lies between -1 and 1.

    Args:
        scale: b, `(B, 1, H, W)`, positive.
        error: `(B, C, H, W)`.

    Source:
        Own choice of distribution. Likelihoods of errors: Kendall and Gal, "What Uncertainties Do We Need in Bayesian
        Deep Learning for Computer Vision?", NeurIPS 2017. Differs: theirs are Gaussian or Laplace; with these, the rare
        picture of which hardly any error was expected and that was restored wrongly outweighed all others.
    """
    return scale.log() + 2 * (error.abs() / scale).log1p()


class ErrorObjective:
    """The likelihood of what a frozen restorer does wrong, and of what was wrong before.

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
        """The mean likelihood of the restored picture's errors, and of the degraded one's."""
        after = error_likelihood(scales[:, :1], restored - batch.clean)
        before = error_likelihood(scales[:, 1:], batch.degraded - batch.clean)
        return after.mean(), before.mean()

    @torch.no_grad()
    def judge(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """How well held-out errors are foretold.

        Returns:
            `ratio`, of the foretold to the actual error, means over all pixels, and `likelihood`, the loss of the
            restored picture: less is better.
        """
        restored = self.restore(batch.degraded)
        scales = network(batch.degraded, restored)
        after, _ = self.terms(scales, restored, batch)
        error = (restored - batch.clean).abs()
        return {"ratio": (scales[:, :1].mean() / error.mean()).item(), "likelihood": after.item()}
