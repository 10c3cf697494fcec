"""Your own generator as a prior: a TorchScript file from codes to pictures, or a pipeline that draws samples."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pellucid.errors import ConfigurationError, ImageError, MethodError
from pellucid.images.contract import check_image
from pellucid.methods.bigprior.priors.contract import Guess, ImageGenerator
from pellucid.methods.bigprior.priors.plug_and_play import first_picture
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator
from pellucid.weights.torchscript import complaint, load_torchscript

_SPLIT = ("before", "after")


@dataclass(frozen=True, eq=False)
class ScriptedGenerator:
    """A network of a TorchScript file as an `ImageGenerator`.

    Attributes:
        network: codes `(B, latent_size)` to pictures `(B, 3, H, W)`.
        latent_size: numbers in a code.
        low: the value that is black; 0, or -1 for most GANs.
        high: the value that is white.
    """

    network: Any
    latent_size: int
    low: float = -1.0
    high: float = 1.0

    def __call__(self, latent: Tensor) -> Tensor:
        """The picture of each code, black at 0 and white at 1."""
        return self.scaled(self.network(latent))

    def scaled(self, image: Tensor) -> Tensor:
        """A picture of the network's range in `[0, 1]`."""
        return (image - self.low) / (self.high - self.low)


class ScriptedSplitGenerator(ScriptedGenerator):
    """The same for a network that exports `before(latent, layer)` and `after(features, layer)`: a `SplitGenerator`."""

    def before(self, latent: Tensor, layer: int) -> Tensor:
        """The features at a layer."""
        return self.network.before(latent, layer)

    def after(self, features: Tensor, layer: int) -> Tensor:
        """The picture of features at a layer."""
        return self.scaled(self.network.after(features, layer))


def scripted_generator(
    path: str | Path, *, latent_size: int, low: float = -1.0, high: float = 1.0, device: torch.device | str = "cpu"
) -> ScriptedGenerator:
    """The generator of a TorchScript file, frozen, float32, once it has made a picture of a code of zeros.

    Where it exports `before(latent, layer: int)` and `after(features, layer: int)`, several codes can be mixed in it.

    Args:
        path: of the file, as `torch.jit.save` writes it. Pickles are not opened: opening one can run any code.
        latent_size: numbers in a code; codes are drawn from N(0, I).
        low: the value that is black.
        high: the value that is white, above `low`.
        device: where it runs.

    Raises:
        MethodError: when the file is missing, is no TorchScript, or makes no pictures of codes.
        ConfigurationError: when `high` is not above `low`.
    """
    path = Path(path)
    if not high > low:
        raise ConfigurationError(f"Expected high above low, got {high} and {low}: give the values of white and black.")
    if not path.is_file():
        raise MethodError(f"Expected a generator in {path}, found no such file: check the path.")
    network = load_torchscript(path, str(device))
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    kind = ScriptedSplitGenerator if all(hasattr(network, name) for name in _SPLIT) else ScriptedGenerator
    generator = kind(network, latent_size, low, high)
    wanted = f"pictures (1, 3, height, width) of codes (1, {latent_size}) from {path}"
    try:
        with torch.no_grad():
            made = generator(torch.zeros(1, latent_size, device=device))
    except Exception as error:  # whatever the network raises
        raise MethodError(f"Expected {wanted}, got {complaint(error)}: check latent_size.") from error
    if made.ndim != 4 or tuple(made.shape[:2]) != (1, 3):
        raise MethodError(f"Expected {wanted}, got the shape {tuple(made.shape)}: export it for RGB.")
    assert isinstance(generator, ImageGenerator)
    return generator


@dataclass(frozen=True, eq=False)
class SampledPrior:
    """Samples of whatever draws pictures given one, such as a diffusion pipeline; a `Prior`.

    The guess is the samples' mean, its spread their variance. Mean and variance of true posterior samples are the best
    guess and its error; of others, calibrate them.

    Args:
        sample: `(start, generator)` to a picture: a tensor `(B, 3, H, W)` in `[0, 1]`, or an object whose `images` is
            one, or an array `(B, H, W, 3)`, as diffusers' pipelines give with `output_type="pt"` or `"np"`. `start` is
            what the observation looks like as a picture, see `plug_and_play.first_picture`; strength, prompt and mask
            are bound to it beforehand:
            `lambda start, generator: pipeline("", image=start, strength=0.4, generator=generator, output_type="pt")`.
        count: samples, at least 2, so that there is a variance.

    Raises:
        ConfigurationError: when `count` is smaller.

    Example:
        >>> from pellucid.trust.operators.identity import IDENTITY
        >>> prior = SampledPrior(lambda start, random: start + torch.randn(start.shape, generator=random), count=9)
        >>> seen, random = torch.ones(1, 3, 32, 32), Generator().manual_seed(0)
        >>> guess = prior.guess(seen, IDENTITY, noise_variance=1.0, generator=random)
        >>> [round(value.item(), 1) for value in (guess.image.mean(), guess.spread.mean())]
        [1.0, 1.0]
    """

    sample: Callable[[Tensor, Generator], Any]
    count: int = 8

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ConfigurationError(f"Expected at least 2 samples, got {self.count}: 8 tell a variance within half.")

    @torch.no_grad()
    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        """Mean and variance of the samples, see `Prior.guess`.

        Raises:
            ImageError: when a sample is no picture of the right size.
        """
        start = first_picture(observed, operator)
        samples = torch.stack([_picture(self.sample(start.clone(), generator), start) for _ in range(self.count)])
        return Guess(samples.mean(dim=0), samples.var(dim=0))


def _picture(made: Any, like: Tensor) -> Tensor:
    made = getattr(made, "images", made)
    if isinstance(made, np.ndarray):
        made = torch.from_numpy(made).movedim(-1, 1)
    if not isinstance(made, Tensor) or made.shape != like.shape:
        got = f"the shape {tuple(made.shape)}" if isinstance(made, Tensor) else f"a {type(made).__name__}"
        raise ImageError(
            f"Expected samples of shape {tuple(like.shape)}, got {got}: have the pipeline give tensors of that size."
        )
    return check_image(made, "a sample").to(like)
