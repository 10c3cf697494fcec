"""The five losses of NLCL, on one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.images.overview import views
from pellucid.methods.nlcl.config import NLCLObjectiveSettings, SamplingSettings
from pellucid.methods.nlcl.contrast import anchored_contrast, layer_contrast, location_contrast
from pellucid.methods.nlcl.encoders import Encoder
from pellucid.methods.nlcl.sampling import Search, gathered, sample_places
from pellucid.networks.projection_heads import ProjectionHeads

TOLD = Mixture({"rain": 1.0}, (0.7, 0.7))
"""What a guide is shown on top of a picture, so that it takes it for rainy."""


def discriminator_loss(made: Tensor, real: Tensor) -> Tensor:
    """1/2 [mean D(B)^2 + mean (D(clean) - 1)^2], from the scores.

    Source:
        Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017.
    """
    return (made.float().square().mean() + (real.float() - 1).square().mean()) / 2


def adversarial_loss(made: Tensor) -> Tensor:
    """Mean (D(B) - 1)^2, from the scores."""
    return (made.float() - 1).square().mean()


def consistency_loss(observed: Tensor, background: Tensor, rain: Tensor) -> Tensor:
    """Mean (B + R - O)^2, of pictures as the paper scales them, from -1 to 1."""
    return (2 * (background + rain - observed)).float().square().mean()


def sparsity_loss(rain: Tensor) -> Tensor:
    """Mean |R|, in the same scale; the rain may be O - B."""
    return (2 * rain).float().abs().mean()


def restored_loss(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean |G_B(C + R) - C|, in the same scale, of clean pictures that rain was laid on."""
    return (2 * (restored - clean)).float().abs().mean()


@torch.no_grad()
def found_rain(finder: nn.Module, observed: Tensor, draws: Generator, *, is_told: bool) -> Tensor:
    """The rain that a network finds in pictures, `(B, 3, H, W)`.

    Args:
        finder: that gives the background, or the rain.
        observed: the pictures.
        draws: of drawn rain, on the CPU.
        is_told: whether the guide of a guided network sees the pictures under drawn rain.
    """
    if getattr(finder, "gives_rain", False):
        return finder(observed)
    if not is_told or not getattr(finder, "needs_context", False):
        return observed - finder(observed)
    chains = [TOLD.draw(draws) for _ in range(len(observed))]
    pixels = Generator(observed.device).manual_seed(int(torch.randint(1 << 62, (), generator=draws)))
    told = finder.context(views(apply_chains(observed, chains, pixels).clamp(0, 1)))  # pyright: ignore
    return observed - finder(observed, told)


def rained_on(clean: Tensor, rain: Tensor, strength: Tensor) -> Tensor:
    """Clean pictures under what was found on others, C + s R, as a file holds it; no gradient flows back.

    Args:
        clean: `(B, 3, H, W)`.
        rain: of other pictures, the same shape.
        strength: s of each, `(B, 1, 1, 1)`.
    """
    laid = (clean + strength * rain.detach()).clamp(0, 1)
    return (laid * 255).round() / 255


def shown_rain(rain: Tensor) -> Tensor:
    """Rain as an encoder of pictures sees it: grey where there is none."""
    return rain + 0.5


@dataclass(frozen=True)
class ContrastiveLosses:
    """The location and the layer loss, with where they are taken.

    Attributes:
        sampling: which places.
        settings: temperature and the like.
        location_heads: project what the location loss compares.
        image_heads: project the background's features in the layer loss.
        rain_heads: the same of the rain.
    """

    sampling: SamplingSettings
    settings: NLCLObjectiveSettings
    location_heads: ProjectionHeads
    image_heads: ProjectionHeads
    rain_heads: ProjectionHeads

    def search(self) -> Search:
        """Where alike places are looked for."""
        return Search(self.sampling.patch, self.sampling.reach)

    def location(
        self, observed: Tensor, before: Sequence[Tensor], after: Sequence[Tensor], generator: Generator
    ) -> Tensor:
        """The mean over levels of the contrast between the same place before and after.

        Args:
            observed: the picture before, `(B, 3, H, W)`, where places are looked for.
            before: its features, by level.
            after: those of what was made of it.
            generator: of places.
        """
        sampling = self.sampling
        space = observed if sampling.location_space == "picture" else before[0].detach()
        size = observed.shape[-2:]
        places = sample_places(space, sampling.locations, sampling.location_order, generator, self.search())
        keys, queries = (self.location_heads([gathered(one, places, *size) for one in its]) for its in (before, after))
        contrast = anchored_contrast if sampling.location_order == "farthest" else location_contrast
        temperature = self.settings.temperature
        losses = [contrast(query, key, temperature) for query, key in zip(queries, keys, strict=True)]
        return torch.stack(losses).mean()

    def layer(self, background: Tensor, rain: Tensor, encoder: Encoder, generator: Generator) -> Tensor:
        """The mean over levels of the contrast between the layers.

        Args:
            background: `(B, 3, H, W)`; each layer is searched in itself.
            rain: likewise, 0 where there is none.
            encoder: of both.
            generator: of places.
        """
        sampling, search = self.sampling, self.search()
        vectors = []
        layers: Mapping[str, tuple[Tensor, int, ProjectionHeads]] = {
            "image": (background, sampling.image_places, self.image_heads),
            "rain": (shown_rain(rain), sampling.rain_places, self.rain_heads),
        }
        for picture, count, heads in layers.values():
            places = sample_places(picture.detach(), count, sampling.layer_order, generator, search)
            size = picture.shape[-2:]
            vectors.append(heads([gathered(one, places, *size) for one in encoder.features(picture)]))
        temperature, pull = self.settings.temperature, self.settings.image_pull
        losses = [layer_contrast(one, other, temperature, image_pull=pull) for one, other in zip(*vectors, strict=True)]
        return torch.stack(losses).mean()
