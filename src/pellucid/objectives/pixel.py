"""Pixel losses."""

from torch import Tensor, nn

from pellucid.data.batch import Batch


def charbonnier(restored: Tensor, clean: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean over samples of a smooth absolute error: `sqrt((restored - clean)^2 + epsilon^2)`. Returns `(B,)`.

    Source:
        Charbonnier et al., ICIP 1994; epsilon as in Lai et al., LapSRN, CVPR 2017.
    """
    return ((restored - clean) ** 2 + epsilon**2).sqrt().mean(dim=(1, 2, 3))


def l1(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute error per sample, `(B,)`."""
    return (restored - clean).abs().mean(dim=(1, 2, 3))


def log_squared_error(restored: Tensor, clean: Tensor, epsilon: float = 2 / 255) -> Tensor:
    """PSNR as a loss: half the logarithm of the mean squared error of each sample, `(B,)`, plus a constant.

        1/2 log((mse + epsilon^2) / epsilon^2)

    A mildly degraded sample then counts as much as a severe one, and what has less error than `epsilon` hardly counts.

    Source:
        PSNR loss of NAFNet (Chen et al., ECCV 2022). Differs: natural logarithm, and `epsilon` (there 1e-8 in the
        squared error), without which samples that need nothing outweigh all others.
    """
    squared = ((restored - clean) ** 2).mean(dim=(1, 2, 3))
    return 0.5 * (squared / epsilon**2).log1p()


def squared_error(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error per sample, `(B,)`: least where what is restored is the expected picture."""
    return (restored - clean).square().mean(dim=(1, 2, 3))


PIXEL_LOSSES = {
    "l1": l1,
    "charbonnier": charbonnier,
    "squared-error": squared_error,
    "log-squared-error": log_squared_error,
}


class PixelObjective:
    """Restore the batch and compare with the clean pictures, in float32.

    Args:
        loss: one of `PIXEL_LOSSES`.
    """

    def __init__(self, loss: str = "charbonnier"):
        self.loss = PIXEL_LOSSES[loss]

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """See `of`."""
        return self.of(network(batch.degraded), batch)

    def of(self, restored: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The mean loss of what was made of a batch, and its mean per domain, named `loss/<domain>`."""
        per_sample = self.loss(restored.float(), batch.clean)
        terms: dict[str, float] = {}
        if batch.step % 50 == 0:  # reading a value from a GPU waits for it, so not at every step
            values = per_sample.detach().tolist()
            for domain in sorted(set(batch.domains)):
                rows = [row for row, name in enumerate(batch.domains) if name == domain]
                terms[f"loss/{domain}"] = sum(values[row] for row in rows) / len(rows)
        return per_sample.mean(), terms
