"""Deep image prior: an untrained network makes pictures sooner than noise, so that it is stopped in time."""

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from pellucid.data.config import Section
from pellucid.errors import ImageError
from pellucid.methods.bigprior.priors.contract import Guess, heard
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator

_SLOPE = 0.1
_INPUT_SCALE = 0.1
_SKIPPED = 4


class DeepImageSettings(Section):
    """How an untrained network is fitted."""

    steps: int = Field(
        default=600, ge=1, description="Steps of Adam, after which it is stopped (paper: 1800 to 11000)."
    )
    learning_rate: float = Field(default=0.01, gt=0, description="Adam's rate (paper: 0.01).")
    width: int = Field(default=32, ge=1, description="Channels (paper: 128).")
    levels: int = Field(default=3, ge=1, description="Halvings (paper: 5).")
    input_noise: float = Field(
        default=1 / 30, ge=0, description="Deviation of what is added to the input anew in every step (paper: 1/30)."
    )
    averaging: float = Field(
        default=0.98, ge=0, lt=1, description="What the running mean keeps of itself in every step (paper: 0.99)."
    )


class Hourglass(nn.Module):
    """Noise `(1, width, H, W)` to a picture `(1, 3, H, W)` in `[0, 1]`, by way of an image of less resolution.

    Args:
        width: channels.
        levels: halvings.

    Source:
        Ulyanov et al., Fig. 21, smaller. Differs: instances are normalised, which is the same for one picture.
    """

    def __init__(self, width: int, levels: int):
        super().__init__()
        self.downs = nn.ModuleList(
            nn.Sequential(_convolved(width, width, stride=2), _convolved(width, width)) for _ in range(levels)
        )
        self.skips = nn.ModuleList(_convolved(width, _SKIPPED, size=1) for _ in range(levels))
        self.ups = nn.ModuleList(_convolved(width + _SKIPPED, width) for _ in range(levels))
        self.last = nn.Conv2d(width, 3, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The picture."""
        kept = []
        for down, skip in zip(self.downs, self.skips, strict=True):
            kept.append(skip(features))
            features = down(features)
        for up, skipped in zip(self.ups, reversed(kept), strict=True):
            features = F.interpolate(features, skipped.shape[-2:], mode="bilinear", align_corners=False)
            features = up(torch.cat([features, skipped], dim=1))
        return self.last(features).sigmoid()


class DeepImagePrior:
    """A small hourglass is fitted to the data and stopped early, for each picture one; a `Prior`.

        theta* ~ argmin |A f_theta(z) - y|^2,   G = running mean of f_theta(z),   spread = its running variance

    Args:
        settings: of the fit.

    Source:
        Ulyanov, Vedaldi and Lempitsky, "Deep Image Prior", CVPR 2018 and IJCV 2020. Differs: smaller; the number of
        steps is given; the spread is ours, after Wang et al., "Early Stopping for Deep Image Prior", TMLR 2023, who
        watch the same variance.
    """

    def __init__(self, settings: DeepImageSettings | None = None):
        self.settings = DeepImageSettings() if settings is None else settings

    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        """The running mean and variance of the pictures on the way, see `Prior.guess`; the noise is not looked at.

        Raises:
            ImageError: when the picture is too small for the halvings.
        """
        target = heard(observed, operator)
        like = operator.adjoint(torch.zeros_like(target))
        smallest = 2 ** (self.settings.levels + 1)
        if min(like.shape[-2:]) < smallest:
            raise ImageError(
                f"Expected a picture of at least {smallest} pixels for {self.settings.levels} halvings, got "
                f"{like.shape[-2]}x{like.shape[-1]}: lower levels."
            )
        networks = nn.ModuleList(self._network(generator).to(like) for _ in range(len(like)))
        shape = (len(like), 1, self.settings.width, *like.shape[-2:])
        start = _INPUT_SCALE * torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype)
        optimiser = torch.optim.Adam(networks.parameters(), lr=self.settings.learning_rate)
        mean, square, kept = torch.zeros_like(like), torch.zeros_like(like), 1.0
        with torch.enable_grad():
            for _ in range(self.settings.steps):
                noise = torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)
                inputs = start + self.settings.input_noise * noise
                image = torch.cat([network(one) for network, one in zip(networks, inputs, strict=True)])
                # Summed over samples: each has a network and a loss of its own.
                loss = (operator.forward(image) - target).square().flatten(1).mean(1).sum()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                made, keep = image.detach(), self.settings.averaging
                mean, square, kept = mean * keep + made * (1 - keep), square * keep + made**2 * (1 - keep), kept * keep
        mean, square = mean / (1 - kept), square / (1 - kept)  # as Adam does: the mean began at nothing
        return Guess(mean, (square - mean**2).clamp_min(0))

    def _network(self, generator: Generator) -> Hourglass:
        """An hourglass whose every number comes from the generator."""
        with torch.random.fork_rng(devices=[]):  # torch draws initial weights from the state of the process
            network = Hourglass(self.settings.width, self.settings.levels)
        for part in network.modules():
            if isinstance(part, nn.Conv2d):
                draws = torch.randn(part.weight.shape, generator=generator, device=generator.device)
                with torch.no_grad():
                    part.weight.copy_(draws * (2 / part.weight[0].numel()) ** 0.5)
                    if part.bias is not None:
                        part.bias.zero_()
        return network


def _convolved(inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    padding = size // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride=stride, padding=padding, padding_mode="reflect"),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.LeakyReLU(_SLOPE),
    )
