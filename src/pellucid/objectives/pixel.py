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


PIXEL_LOSSES = {"l1": l1, "charbonnier": charbonnier}


class PixelObjective:
    """Restore the batch and compare with the clean pictures, in float32.

    Args:
        loss: `"l1"` or `"charbonnier"`.
    """

    def __init__(self, loss: str = "charbonnier"):
        self.loss = PIXEL_LOSSES[loss]

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The mean loss and its mean per domain, named `loss/<domain>`."""
        restored = network(batch.degraded)
        per_sample = self.loss(restored.float(), batch.clean)
        terms: dict[str, float] = {}
        if batch.step % 50 == 0:  # reading a value from a GPU waits for it, so not at every step
            values = per_sample.detach().tolist()
            for domain in sorted(set(batch.domains)):
                rows = [row for row, name in enumerate(batch.domains) if name == domain]
                terms[f"loss/{domain}"] = sum(values[row] for row in rows) / len(rows)
        return per_sample.mean(), terms
