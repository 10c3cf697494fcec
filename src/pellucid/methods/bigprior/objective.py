"""What fusion networks are trained for: a fused picture near the clean one, or the truth about the prior's error."""

from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.errors import DataError
from pellucid.methods.bigprior.config import FusionObjectiveSettings
from pellucid.methods.bigprior.fusion import fused_by
from pellucid.trust.fusion import Variance

_SMOOTHING = 1e-3
"""Of the length of a colour error, so that it can be differentiated at 0; a quarter of a grey level."""


def weight_penalty(weight: Tensor, penalised: Literal["mean", "absolute"]) -> Tensor:
    """How much of the prior is taken, a scalar.

        mean      | mean phi |     as released
        absolute  mean |phi|       as in the equation, but for a factor, the number of entries

    Of a bounded weight the two are one.

    Source:
        BIGPrior, IEEE TIP 31 (2022): `rho ||phi||_1`. In its release signs cancel.
    """
    return weight.mean().abs() if penalised == "mean" else weight.abs().mean()


def colour_error(image: Tensor, clean: Tensor) -> Tensor:
    """Mean length of the error's colour vector, `sqrt(|x_hat - x|^2 + 1e-6)`, a scalar.

    It is the mean of a distance, as AuC is, where a squared error is the mean of its square.
    """
    return ((image - clean).square().sum(dim=1) + _SMOOTHING**2).sqrt().mean()


def error_likelihood(log_variance: Tensor, prior: Tensor, clean: Tensor) -> Tensor:
    """Gaussian negative log-likelihood of the prior's error, in nats per pixel and colour less a constant, a scalar.

        1/2 mean( (x - G)^2 / tau^2 + log tau^2 )

    It is smallest where `tau^2` is the expected squared error, so that it can be read as one.

    Args:
        log_variance: `log tau^2`, `(B, 1 or 3, H, W)`; with one channel the mean over colours is told.
        prior: G, `(B, 3, H, W)`.
        clean: x, the same shape.
    """
    squared = (clean - prior).square()
    return 0.5 * (squared * (-log_variance).exp() + log_variance).mean()


class FusionObjective:
    """See `FusionObjectiveSettings`.

    Args:
        settings: what is minimised.
        data_variance: expected squared error of the data's picture, for the closed form.
    """

    def __init__(self, settings: FusionObjectiveSettings, data_variance: Variance):
        self.settings, self.data_variance = settings, data_variance

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss, and every 50 steps the mean of the prior's weight.

        Raises:
            DataError: when the batch has no prior.
        """
        if batch.prior is None:
            raise DataError("Expected batches with a prior's pictures, got none: take them from a set of inversions.")
        if self.settings.loss == "likelihood":
            return error_likelihood(network(batch.degraded, batch.prior), batch.prior, batch.clean), {}
        fused = fused_by(network, batch.degraded, batch.prior, self.data_variance)
        if self.settings.loss == "squared":
            loss = (fused.image - batch.clean).square().mean()
        else:
            loss = colour_error(fused.image, batch.clean)
        if self.settings.weight_penalty:
            loss = loss + self.settings.weight_penalty * weight_penalty(fused.prior_weight, self.settings.penalised)
        mean = {"prior_weight": fused.prior_weight.detach().mean().item()} if batch.step % 50 == 0 else {}
        return loss, mean


@torch.no_grad()
def best_constant_weight(data: Tensor, prior: Tensor, clean: Tensor, *, per_channel: bool = False) -> Tensor:
    """The one weight for all pixels that is best in squared error, `(1, 1 or 3, 1, 1)`: what a network has to beat.

        phi = <G - d, x - d> / |G - d|^2,   d the data's picture

    Args:
        data: d, `(B, 3, H, W)`.
        prior: G, the same shape.
        clean: x, the same shape.
        per_channel: one for each colour.
    """
    over = (0, 2, 3) if per_channel else (0, 1, 2, 3)
    away = (prior - data).double()
    weight = (away * (clean - data)).sum(over, keepdim=True) / away.square().sum(over, keepdim=True)
    return weight.to(prior.dtype)
