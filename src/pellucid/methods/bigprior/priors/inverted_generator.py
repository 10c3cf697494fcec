"""A generator as a prior: it is inverted several times, since a search may end in the wrong place."""

from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from pellucid.errors import ConfigurationError
from pellucid.methods.bigprior.inversion import Inversion, SearchSettings, invert
from pellucid.methods.bigprior.priors.contract import Guess, ImageGenerator
from pellucid.networks.vgg16 import VGG16
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator


@dataclass(frozen=True, eq=False)
class InvertedGenerator:
    """The picture of a generator that explains the data best; a `Prior`.

    The guess is that of the restart with the lowest loss, sample by sample; its spread is the variance over restarts.

    Args:
        generator: frozen; see `pellucid.methods.bigprior.inversion`.
        settings: how codes are sought.
        restarts: searches, at least 1; with one there is no spread.
        features: for the perceptual term; those that ship with the package when absent.

    Raises:
        ConfigurationError: when there are no restarts.

    Source:
        mGANprior (CVPR 2020) for the search, one start. Restarts are ours: many a search for a house number, seen
        in 8x8 pixels, goes astray.
    """

    generator: ImageGenerator
    settings: SearchSettings = field(default_factory=SearchSettings)
    restarts: int = 4
    features: VGG16 | None = None

    def __post_init__(self) -> None:
        if self.restarts < 1:
            raise ConfigurationError(f"Expected at least 1 restart, got {self.restarts}: 4 find most pictures again.")

    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        """The best restart's picture and the spread over restarts, see `Prior.guess`; the noise is not looked at."""
        features = self.features
        if features is None and self.settings.perceptual_weight:
            features = VGG16().to(observed.device)
        found = [
            invert(self.generator, observed, operator, self.settings, random=generator, features=features)
            for _ in range(self.restarts)
        ]
        images = torch.stack([one.image for one in found])
        spread = images.var(dim=0) if self.restarts > 1 else None
        return Guess(images[_best(found), torch.arange(len(observed), device=images.device)], spread)


def _best(found: list[Inversion]) -> Tensor:
    """Which restart has the lowest last loss, `(B,)`; one that came to no number is never it."""
    losses = torch.stack([one.losses[:, -1] for one in found])
    return losses.nan_to_num(float("inf")).argmin(dim=0)
