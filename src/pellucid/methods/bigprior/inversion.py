"""A generator is inverted: codes are sought whose picture would have been observed as what was.

    (z*, a*) = argmin  4 |f(G) - y|^2 / n + lambda P(f(G), y),   G = G2( sum_n  a_n o G1(z_n) )

G1 and G2 are the generator before and after a layer, a_n weights of the features' channels; with one code and no layer
it is plain inversion, `G = G2(G1(z))`. P compares features of VGG-16. n counts the observed values.

Source:
    Gu, Shen and Zhou, "Image Processing Using Multi-Code GAN Prior" (mGANprior), CVPR 2020, arXiv 1912.07116, as
    BIGPrior (IEEE TIP 31, 2022) uses it. Differs: seeded; samples of a batch do not touch each other; the features are
    those of `pellucid.networks.vgg16`, which clamps to [0, 1] and whose weights were trained on to find edges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor

from pellucid.data.config import Section
from pellucid.degradations.grayscale import LUMA
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.contract import check_image
from pellucid.methods.bigprior.priors.contract import ImageGenerator, SplitGenerator, heard
from pellucid.networks.vgg16 import VGG16
from pellucid.trust.operators.contract import LinearOperator

PERCEPTUAL_SCALE = 1e-3
"""Of the mean distance of the features, before lambda (mGANprior)."""

_RANGE = 2.0
"""Errors are taken as of pictures in [-1, 1], as generators are trained."""


class SearchSettings(Section):
    """How codes are sought."""

    codes: int = Field(default=1, ge=1, description="Codes whose features are mixed, N.")
    layer: int | None = Field(
        default=None, ge=0, description="Where features are mixed; absent: plain inversion of one code, no weights."
    )
    steps: int = Field(default=300, ge=1, description="Steps, all of which are taken.")
    optimiser: Literal["sgd", "adam"] = Field(
        default="adam", description="Plain gradient descent, as released, or Adam, which needs fewer steps."
    )
    learning_rate: float = Field(default=0.05, gt=0, description="Of codes and weights, constant (release: 1, SGD).")
    perceptual_weight: float = Field(default=0.0, ge=0, description="Lambda (release: 1 for colours, else 0.1).")
    released_start: bool = Field(
        default=False,
        description="Divide the mixed features by N once more, as released: the first picture is then made of a "
        "mean of features divided by N.",
    )

    @model_validator(mode="after")
    def _several_codes_are_mixed_somewhere(self) -> "SearchSettings":
        if self.codes > 1 and self.layer is None:
            raise ValueError(f"{self.codes} codes need a layer to be mixed at")
        return self


PUBLISHED: dict[str, SearchSettings] = {
    "colorization": SearchSettings(
        codes=20, layer=6, steps=1500, optimiser="sgd", learning_rate=1, perceptual_weight=1, released_start=True
    ),
    "inpainting": SearchSettings(
        codes=30, layer=4, steps=3000, optimiser="sgd", learning_rate=1, perceptual_weight=0.1, released_start=True
    ),
    "denoising": SearchSettings(
        codes=30, layer=4, steps=3000, optimiser="sgd", learning_rate=1, perceptual_weight=0.1, released_start=True
    ),
}
"""As BIGPrior searched, by task. Layers count the convolutions of a PGGAN for 256x256: features are 512x16x16 at 6 and
512x8x8 at 4. For another generator: `PUBLISHED["denoising"].model_copy(update={"layer": 1})`."""


@dataclass(frozen=True)
class Inversion:
    """Codes that were found.

    Attributes:
        image: G, `(B, 3, H, W)`, clamped to `[0, 1]`.
        latents: z, `(B, N, latent_size)`.
        channel_weights: a, `(B, N, C)`; `None` in plain inversion.
        losses: of each sample before every step and at the end, `(B, steps + 1)`.
    """

    image: Tensor
    latents: Tensor
    channel_weights: Tensor | None
    losses: Tensor


def invert(
    generator: ImageGenerator,
    observed: Tensor,
    operator: LinearOperator,
    settings: SearchSettings | None = None,
    *,
    random: Generator,
    features: VGG16 | None = None,
) -> Inversion:
    """The codes whose picture, observed as y was, is nearest to y; see this module for the loss.

    Codes start from N(0, I), weights from 1/N. The budget is fixed: the last codes are the result.

    Args:
        generator: frozen; a `SplitGenerator` where codes are mixed at a layer.
        observed: y, of the shape of `operator.forward` of the generator's pictures.
        operator: A.
        settings: how codes are sought; one code, 300 steps of Adam when absent.
        random: where codes start, on the device of `observed`.
        features: for the perceptual term; those that ship with the package when absent.

    Raises:
        ConfigurationError: when codes are to be mixed in a generator that cannot be split.
        ImageError: when `observed` is no observation of the generator's pictures.

    Example:
        >>> from pellucid.networks.dcgan import house_numbers
        >>> from pellucid.trust.operators.average_pooling import AveragePooling
        >>> random = Generator().manual_seed(0)
        >>> house = house_numbers()(torch.randn(1, 100, generator=random))
        >>> seen = AveragePooling(4).forward(house)
        >>> losses = invert(house_numbers(), seen, AveragePooling(4), SearchSettings(steps=20), random=random).losses
        >>> bool(losses[0, -1] < losses[0, 0] / 2)
        True
    """
    settings = SearchSettings() if settings is None else settings
    target = heard(observed, operator)
    shape = (len(observed), settings.codes, generator.latent_size)
    latents = torch.randn(shape, generator=random, device=observed.device, dtype=observed.dtype).requires_grad_()
    weights, picture = _composition(generator, latents, settings)
    distance = _perceptual(target, features) if settings.perceptual_weight else None

    def loss_of(image: Tensor) -> Tensor:
        seen = operator.forward(image)
        if seen.shape != target.shape:
            raise ImageError(
                f"Expected observed of shape {tuple(seen.shape)}, as the operator makes of the generator's pictures, "
                f"got {tuple(target.shape)}: bring it to their size."
            )
        loss = (_RANGE * (seen - target)).square().flatten(1).mean(1)
        return loss if distance is None else loss + settings.perceptual_weight * distance(seen)

    moved = [latents] if weights is None else [latents, weights]
    make = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.SGD
    optimiser = make(moved, lr=settings.learning_rate)
    losses: list[Tensor] = []
    with torch.enable_grad():
        for _ in range(settings.steps):
            loss = loss_of(picture())
            # Only these: a generator that is not frozen must not gather gradients.
            # Summed: a sample's gradient does not depend on how many others there are.
            for one, gradient in zip(moved, torch.autograd.grad(loss.sum(), moved), strict=True):
                one.grad = gradient
            optimiser.step()
            losses.append(loss.detach())
    with torch.no_grad():
        image = picture()
        losses.append(loss_of(image))
    return Inversion(
        image.clamp(0, 1),
        latents.detach(),
        None if weights is None else weights.detach(),
        torch.stack(losses, dim=1),
    )


def with_observed_luma(image: Tensor, grey: Tensor) -> Tensor:
    """The picture with its luma replaced by the observed one: of a prior that colours, only the colours are taken.

        image' = clamp(image + y - w' image),   w = (0.299, 0.587, 0.114)

    Args:
        image: `(B, 3, H, W)` in `[0, 1]`.
        grey: y, `(B, 1, H, W)`.

    Source:
        BIGPrior's colorization: Y of YCbCr (BT.601, full range) is the input's, Cb and Cr are the generator's.

    Example:
        >>> with_observed_luma(torch.full((1, 3, 1, 1), 0.2), torch.full((1, 1, 1, 1), 0.5)).flatten()
        tensor([0.5000, 0.5000, 0.5000])
    """
    luma = (check_image(image) * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    return (image + grey - luma).clamp(0, 1)


def _composition(
    generator: ImageGenerator, latents: Tensor, settings: SearchSettings
) -> tuple[Tensor | None, Callable[[], Tensor]]:
    """Weights, and what makes the picture of the codes and weights as they are."""
    layer, codes = settings.layer, settings.codes
    if layer is None:
        return None, lambda: generator(latents[:, 0])
    if not isinstance(generator, SplitGenerator):
        raise ConfigurationError(
            f"Expected a generator with before and after, to mix codes at layer {layer}, got {type(generator).__name__}"
            ": invert one code, without a layer."
        )
    with torch.no_grad():
        channels = generator.before(latents[:1, 0], layer).shape[1]
    weights = torch.full((*latents.shape[:2], channels), 1 / codes).to(latents).requires_grad_()
    scale = 1 / codes if settings.released_start else 1.0

    def picture() -> Tensor:
        features = generator.before(latents.flatten(0, 1), layer).unflatten(0, (-1, codes))
        mixed = (features * weights[..., None, None]).sum(dim=1) * scale
        return generator.after(mixed, layer)

    return weights, picture


def _perceptual(target: Tensor, features: VGG16 | None) -> Callable[[Tensor], Tensor]:
    """The distance of pictures from `target`, `(B,)`: mean |relu3_3 - relu3_3'| / 1000, grey as three equal colours."""
    network = VGG16().to(target.device) if features is None else features
    with torch.no_grad():
        wanted = network(target.expand(-1, 3, -1, -1))[-1]

    def distance(seen: Tensor) -> Tensor:
        found = network(seen.expand(-1, 3, -1, -1))[-1]
        return PERCEPTUAL_SCALE * (found - wanted).abs().flatten(1).mean(1)

    return distance
