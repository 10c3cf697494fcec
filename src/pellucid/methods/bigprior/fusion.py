"""A picture fused from data and prior by what a fusion network says."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.errors import MethodError
from pellucid.images.contract import check_image
from pellucid.networks.fusion_network import (
    BoundedFusion,
    PaperFusion,
    PriorErrorNetwork,
    build_fusion_network,
)
from pellucid.trust.fusion import Fusion, Variance, fuse
from pellucid.weights.files import load_into, load_weights

FusionNetwork = PaperFusion | BoundedFusion | PriorErrorNetwork


def fused_by_weight(data: Tensor, prior: Tensor, weight: Tensor) -> Fusion:
    """BIGPrior's own equation: the two pictures mixed by a weight for each pixel.

        x_hat = (1 - phi) o g^-1(y) + phi o G

    Args:
        data: `g^-1(y)`, `(B, 3, H, W)`, see `data_image`.
        prior: G, the same shape.
        weight: phi, `(B, 1 or 3, H, W)`; out of `[0, 1]` the sum is not convex, and is made as it is all the same.

    Raises:
        ImageError: when `data` or `prior` is no picture.

    Source:
        El Helou and Susstrunk, "BIGPrior", IEEE TIP 31 (2022).

    Example:
        >>> data, prior = torch.full((1, 3, 1, 1), 0.2), torch.full((1, 3, 1, 1), 0.6)
        >>> round(fused_by_weight(data, prior, torch.full((1, 1, 1, 1), 0.25)).image[0, 0].item(), 6)
        0.3
    """
    weight = weight.expand_as(check_image(prior, "prior"))
    evidence, belief = (1 - weight) * check_image(data, "data"), weight * prior
    return Fusion(evidence + belief, evidence, belief, weight)


def fused_by(
    network: torch.nn.Module, data: Tensor, prior: Tensor, data_variance: Variance, spread: Tensor | None = None
) -> Fusion:
    """What a network's weight, or its idea of the prior's error, makes of the two pictures.

        phi = the network's                             PaperFusion, BoundedFusion
        phi = s^2 / (s^2 + tau^2),  tau^2 = the network's   PriorErrorNetwork

    Args:
        network: a `FusionNetwork`, or such a one as an accelerator wraps it.
        data: `g^-1(y)`, `(B, 3, H, W)`.
        prior: G, the same shape.
        data_variance: s^2, the expected squared error of `data`; used by the second form alone.
        spread: standard deviation of samples of the prior, for networks that see it.
    """
    told: Tensor = network(data, prior, spread)
    if not isinstance(plain(network), PriorErrorNetwork):
        return fused_by_weight(data, prior, told.to(prior.dtype))
    return fuse(data, prior, prior_variance=told.exp(), noise_variance=data_variance)


def plain(network: torch.nn.Module) -> torch.nn.Module:
    """The network itself, where it is wrapped for several processes or compiled."""
    for inner in ("module", "_orig_mod"):
        network = getattr(network, inner, network)
    return network


@dataclass(frozen=True)
class PriorFusion:
    """A trained fusion network, ready to be used.

    Attributes:
        network: in evaluation mode.
        data_variance: expected squared error of the data's picture, as it was in training; see `fused_by`.
    """

    network: FusionNetwork
    data_variance: float

    @torch.inference_mode()
    def __call__(self, data: Tensor, prior: Tensor, spread: Tensor | None = None) -> Fusion:
        """Picture, evidence, belief and the prior's weight; see `fused_by`."""
        return fused_by(self.network, data, prior, self.data_variance, spread)


def load_fusion(path: str | Path) -> PriorFusion:
    """The fusion that `pellucid train` wrote for the method `bigprior`.

    Raises:
        WeightsError: when the file cannot be trusted or does not fit its network.
        MethodError: when it holds weights of another method.
    """
    tensors, description = load_weights(path)
    if description.get("method") != "bigprior":
        raise MethodError(
            f"Expected weights of the method bigprior, got those of {description.get('method')}: load them by "
            "pellucid.load."
        )
    network = build_fusion_network(description["network"]["name"], description["network"]["arguments"])
    load_into(network, tensors, path)
    return PriorFusion(network.eval().requires_grad_(False), description["data_variance"])
