"""Several processes, each with a batch of its own."""

import zlib
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.errors import MethodError
from pellucid.methods.dil.slices import domains_of

if TYPE_CHECKING:
    from accelerate import Accelerator


def require_same_domains(accelerator: "Accelerator", batch: Batch) -> None:
    """Refuse batches of different domains: the processes would wait for each other's inner steps for ever.

    Raises:
        MethodError: in all processes alike.
    """
    if accelerator.num_processes == 1:
        return
    number = zlib.crc32("\n".join(domains_of(batch)).encode())
    numbers: Tensor = accelerator.gather(torch.tensor([number], device=accelerator.device))  # pyright: ignore
    if len(set(numbers.tolist())) > 1:
        raise MethodError(
            "Expected the same domains in the batches of all processes, got different ones: set data.balanced: true, "
            "with at least one patch per domain."
        )


def mean_over_processes(accelerator: "Accelerator", tensors: list[Tensor]) -> list[Tensor]:
    """Each tensor's mean over all processes, in one exchange."""
    if accelerator.num_processes == 1:
        return tensors
    dtype = torch.promote_types(tensors[0].dtype, torch.float32)
    flat = torch.cat([tensor.reshape(-1).to(dtype) for tensor in tensors])
    mean: Tensor = accelerator.reduce(flat, "mean")  # pyright: ignore
    parts = mean.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor).to(tensor.dtype) for part, tensor in zip(parts, tensors, strict=True)]
