"""What several benchmarks measure with: quality on held-out pictures, wall time, and the machine's own rate."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.data.clean_pictures import load_clean_pictures, split_validation
from pellucid.data.config import DataSettings
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.degradations.mixing import Mixture
from pellucid.images.overview import views


def held_out_pictures(settings: DataSettings) -> list[Tensor]:
    """The clean pictures that training with `settings` never sees, `(3, H, W)` each, uint8."""
    return split_validation([pixels for _, pixels in load_clean_pictures(settings)], settings.validation_share)[1]


def degraded_patches(pictures: Sequence[Tensor], domain: str, *, size: int, count: int, seed: int) -> Batch:
    """`count` patches of `pictures` as training would degrade them, `(count, 3, size, size)`."""
    return DegradedBatches(pictures, Mixture({domain: 1}), patch_size=size, batch_size=count, seed=seed)(0)


def psnr(restored: Tensor, clean: Tensor) -> float:
    """Mean over the samples of `(B, 3, H, W)`, dB, at most 60 each."""
    error = ((restored.clamp(0, 1) - clean) ** 2).mean(dim=(1, 2, 3)).clamp_min(1e-6)
    return (-10 * torch.log10(error)).mean().item()


@torch.inference_mode()
def restored_by(part: Any, degraded: Tensor) -> Tensor:
    """What one network of a joined model makes of pictures, `(B, 3, H, W)`, whose sides fit it; as they are."""
    return part(degraded, *((part.context(views(degraded)),) if getattr(part, "needs_context", False) else ()))


def seconds_of(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def matrix_rate() -> float:
    """Multiply-adds per second of a 2048^3 bf16 matrix product, best of five."""
    one = torch.randn(2048, 2048).bfloat16()
    return 2048**3 / min(seconds_of(lambda: one @ one) for _ in range(5))
