"""Restorers that training looks at and leaves as they are."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pellucid.methods.restorer import restore_patches, restorer_from_weights
from pellucid.weights.bundled import BUNDLED, bundled_weights
from pellucid.weights.files import load_weights


def frozen_restorer(model: str, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A function from degraded patches, `(B, 3, H, W)`, to restored ones in `[0, 1]`; each is a whole picture to it.

    Args:
        model: name of a bundled model, or a weights file.
        device: where it runs.

    Raises:
        WeightsError: when the file is not there, or is none.
        MethodError: when it holds no restorer.
    """
    path = bundled_weights(model) if model in BUNDLED else Path(model)
    restorer = restorer_from_weights(*load_weights(path), str(device))

    def restore(degraded: Tensor) -> Tensor:
        return restore_patches(restorer, degraded).clone()  # what was made in inference mode may not meet a gradient

    return restore
