"""Networks that say how much of each pixel is taken from a prior: the weight itself, or how wrong the prior is there.

All of them take the data's picture (what was observed, as three colours) and the prior's, both `(B, 3, H, W)` in
`[0, 1]`, and declare in `sees` what they look at. Their outputs are not pictures: `pellucid.methods.bigprior` fuses by
them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import MethodError
from pellucid.networks.dncnn import DnCNN
from pellucid.networks.initial_weights import set_initial_weights

MIDDLE = 0.5
"""Of the range of pictures; networks see them centred on it."""

PRIOR_CHANNELS = 3

DILATIONS = (1, 2, 4, 8)

LOG_VARIANCES = (-14.0, 2.0)
"""Least and largest logarithm of the prior's squared error: a fifth of a grey level, and more than the range."""


class PaperFusion(nn.Module):
    """The prior's weight as BIGPrior's release has it, `(B, 3, H, W)`, *not* bounded.

        phi = y - trunk(y),   y centred: what was observed less 0.5

    It sees neither the prior's picture nor the degradation, so that it adapts to the prior's usual quality alone.

    Args:
        observed: how many channels of the data's picture are looked at: 1 where all are alike (grey), else 3.
        width: features of the trunk.
        depth: convolutions of the trunk.

    Source:
        El Helou and Susstrunk, "BIGPrior", IEEE TIP 31 (2022), as released: the trunk is a denoiser's, whose residual
        form was kept, and nothing bounds it.
    """

    sees = ("observed",)

    def __init__(self, observed: int = 1, width: int = 64, depth: int = 17):
        super().__init__()
        self.observed = observed
        self.trunk = DnCNN(observed, PRIOR_CHANNELS, width, depth)
        self.receptive_radius = self.trunk.receptive_radius

    def forward(self, data: Tensor, prior: Tensor, spread: Tensor | None = None) -> Tensor:
        """The weight; `prior` and `spread` are not looked at."""
        centred = data[:, : self.observed] - MIDDLE
        return centred - self.trunk(centred)


class BoundedFusion(nn.Module):
    """The prior's weight within `[0, 1]`, `(B, C, H, W)`: what is fused by it invents nothing that neither part has.

        phi = sigmoid(trunk(y, G)),   y and G centred

    Args:
        observed: how many channels of the data's picture are looked at.
        sees_prior: whether the prior's picture G is looked at too.
        channels: of the weight: 1 for all colours alike, or 3.
        width: features.
        depth: convolutions of a DnCNN for a trunk; with `None` it is a `DilatedTrunk`.
        dilations: of that.
        reduction: of that.

    Raises:
        MethodError: when the channels are neither 1 nor 3.

    Source:
        BIGPrior's equation, which asks for a convex sum. Differs from its release: bounded, may see the prior, may have
        one channel.
    """

    def __init__(
        self,
        observed: int = 1,
        *,
        sees_prior: bool = True,
        channels: int = 3,
        width: int = 64,
        depth: int | None = 17,
        dilations: Sequence[int] = DILATIONS,
        reduction: int = 1,
    ):
        super().__init__()
        _check_channels(channels)
        self.observed = observed
        self.sees = ("observed", "prior") if sees_prior else ("observed",)
        inputs = observed + (PRIOR_CHANNELS if sees_prior else 0)
        if depth is None:
            self.trunk = DilatedTrunk(inputs, channels, width, dilations, reduction)
        else:
            self.trunk = DnCNN(inputs, channels, width, depth)
        self.receptive_radius = self.trunk.receptive_radius

    def forward(self, data: Tensor, prior: Tensor, spread: Tensor | None = None) -> Tensor:
        """The weight; `spread` is not looked at."""
        seen = data[:, : self.observed]
        seen = torch.cat([seen, prior], dim=1) if "prior" in self.sees else seen
        return torch.sigmoid(self.trunk(seen - MIDDLE))


class PriorErrorNetwork(nn.Module):
    """How wrong the prior's picture is expected to be, `log tau^2` of `(B, C, H, W)`, in nats of squared picture units.

        tau^2(p) = E[(x - G)^2]   at pixel p, given what is seen

    By it and the strength of the noise the closed form fuses, whatever was observed (`pellucid.trust.fusion.fuse`): the
    weight is within `[0, 1]` by construction, and one network serves every operator that it was trained with.

    Trained by the likelihood of the prior's error it must not see the data: they are counted by the closed form, and
    would count twice. Trained by the fused picture's error it may: tau^2 is then what makes the fusion best.

    Args:
        observed: how many channels of the data's picture are looked at; 0 for none.
        sees_spread: whether the standard deviation of several samples of the prior, `(B, 3, H, W)`, is looked at too.
        channels: 1 for all colours alike, or 3.
        width: features.
        dilations: of the inner convolutions.
        reduction: of the trunk.
        typical: tau^2 that it says at first.

    Raises:
        MethodError: when the channels are neither 1 nor 3; when it sees a spread and gets none.
    """

    def __init__(
        self,
        observed: int = 1,
        *,
        sees_spread: bool = False,
        channels: int = 3,
        width: int = 32,
        dilations: Sequence[int] = DILATIONS,
        reduction: int = 1,
        typical: float = 0.01,
    ):
        super().__init__()
        _check_channels(channels)
        self.observed = observed
        data, samples = ("observed",) if observed else (), ("spread",) if sees_spread else ()
        self.sees: tuple[str, ...] = (*data, "prior", *samples)
        inputs = observed + PRIOR_CHANNELS * (1 + len(samples))
        self.trunk = DilatedTrunk(inputs, channels, width, dilations, reduction)
        self.receptive_radius = self.trunk.receptive_radius
        self.level = nn.Parameter(torch.tensor(math.log(typical)))

    def forward(self, data: Tensor, prior: Tensor, spread: Tensor | None = None) -> Tensor:
        """The logarithm of the prior's expected squared error, float32, within `LOG_VARIANCES`."""
        seen = [data[:, : self.observed] - MIDDLE, prior - MIDDLE]
        if "spread" in self.sees:
            if spread is None:
                raise MethodError("Expected the spread of the prior's samples, got none: pass it, or train without.")
            seen.append(spread)
        return (self.level + self.trunk(torch.cat(seen, dim=1)).float()).clamp(*LOG_VARIANCES)


class DilatedTrunk(nn.Module):
    """A few 3x3 convolutions that see far by their dilations, `(B, inputs, H, W)` to `(B, outputs, H, W)`.

    The last one is zero at first, so that training starts from what does not depend on the picture.

    Args:
        inputs: channels in.
        outputs: channels out.
        width: features.
        dilations: one inner convolution for each.
        reduction: it works on averages over squares of so many pixels, and what it gives is interpolated: faster, and
            it sees farther, for what changes little from pixel to pixel.
    """

    def __init__(self, inputs: int, outputs: int, width: int, dilations: Sequence[int], reduction: int = 1):
        super().__init__()
        self.reduction = reduction
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(width, width, 3, padding=by, dilation=by) for by in dilations)
        self.last = nn.Conv2d(width, outputs, 3, padding=1)
        set_initial_weights(self)
        nn.init.zeros_(self.last.weight)
        reach = 2 + sum(dilations)
        self.receptive_radius = reach if reduction == 1 else reduction * (reach + 2)

    def forward(self, picture: Tensor) -> Tensor:
        """What the last convolution gives, unbounded."""
        height, width = picture.shape[-2:]
        if self.reduction > 1:
            picture = F.adaptive_avg_pool2d(picture, (-(-height // self.reduction), -(-width // self.reduction)))
        features = self.first(picture).relu_()
        for convolution in self.middle:
            features = features + convolution(features).relu()
        told = self.last(features)
        return F.interpolate(told, (height, width), mode="bilinear") if self.reduction > 1 else told


def _check_channels(channels: int) -> None:
    if channels not in (1, PRIOR_CHANNELS):
        raise MethodError(f"Expected 1 or {PRIOR_CHANNELS} channels, got {channels}: one serves all colours alike.")


FUSION_NETWORKS: dict[str, type[PaperFusion | BoundedFusion | PriorErrorNetwork]] = {
    "paper-fusion": PaperFusion,
    "bounded-fusion": BoundedFusion,
    "prior-error": PriorErrorNetwork,
}


def build_fusion_network(name: str, arguments: Mapping[str, Any]) -> PaperFusion | BoundedFusion | PriorErrorNetwork:
    """The network called `name`, built with `arguments`; its weights are random.

    Raises:
        MethodError: when the name is not in the table, or an argument does not belong to the network.
    """
    if name not in FUSION_NETWORKS:
        known = ", ".join(FUSION_NETWORKS)
        raise MethodError(f"Expected a network that fuses out of {known}, got {name!r}: choose one of them.")
    try:
        return FUSION_NETWORKS[name](**arguments)
    except TypeError as error:
        raise MethodError(f"Expected arguments that {name} knows, got {dict(arguments)}: {error}.") from error
