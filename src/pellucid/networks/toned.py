"""First the tone of the whole picture, then what is wrong locally."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pellucid.networks.residual_unet import ResidualUNet
from pellucid.networks.tone_map import ToneMap


class TonedResidualUNet(nn.Module):
    """A `ToneMap`, and a `ResidualUNet` on what it leaves; each trained on its own.

    Args:
        tone: arguments of the `ToneMap`.
        local: arguments of the `ResidualUNet`.
    """

    in_float32 = ("tone",)

    def __init__(self, tone: Mapping[str, Any] | None = None, local: Mapping[str, Any] | None = None):
        super().__init__()
        self.tone, self.local = ToneMap(**(tone or {})), ResidualUNet(**(local or {}))
        self.size_multiple, self.receptive_radius = self.local.size_multiple, self.local.receptive_radius

    def context(self, picture: Tensor) -> Tensor | None:
        """See `ToneMap.context`; `None` when no picture of the batch needs another tone."""
        coefficients = self.tone.context(picture)
        return coefficients if bool(coefficients.any()) else None

    def forward(self, degraded: Tensor, context: Tensor | None = None) -> Tensor:
        """The restored picture, `(B, 3, H, W)` to the same.

        Args:
            degraded: a picture, or a tile of one.
            context: of the whole picture, at the pixels of `degraded`, `(B, 12, H, W)`; without, the tone stays.
        """
        return self.local(degraded if context is None else self.tone(degraded, context))
