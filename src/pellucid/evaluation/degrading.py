"""How a protocol makes the pictures that are to be restored: one frozen class per way, exact to the last bit.

Every class gives the name of the level that may vary (`"sigma"`, `"quality"`), and `maker`, which for one level and
seed returns the function `(clean, index) -> degraded`. A picture's randomness depends on the seed and on its place in
the whole sorted set alone, so that measuring every tenth picture gives the rows of measuring all.

Levels are in the unit that papers print them in: sigma of 255, JPEG quality, pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import gaussian_blur, motion_blur
from pellucid.degradations.hybrid import draw_hybrid
from pellucid.degradations.jpeg import jpeg
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.degradations.noise import as_stored, gaussian_noise
from pellucid.errors import ConfigurationError

Maker = Callable[[Tensor, int], Tensor]
"""`(clean, index) -> degraded`, both `(1, 3, H, W)`; the index is the picture's place in the whole set."""

Sizes = Callable[[], Sequence[tuple[int, int]]]
"""Heights and widths of all pictures of the set, in order; asked for only where the randomness depends on them."""

Storage = Literal["float", "clipped", "rounded", "truncated"]


class Degrading(Protocol):
    """One way to make a degraded picture from a clean one.

    Attributes:
        level_name: what the level is called; `None` when there is nothing to vary.
    """

    level_name: ClassVar[str | None]

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """The function that degrades; see the module."""
        ...


@dataclass(frozen=True)
class GivenPairs:
    """The set holds its own degraded pictures; nothing is made."""

    level_name: ClassVar[str | None] = None

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """A set without pairs cannot be measured so; the runner asks only for those that have none."""
        raise ConfigurationError("Expected a set with degraded pictures of its own, got one of clean pictures only.")


@dataclass(frozen=True)
class Untouched:
    """The clean picture itself goes in: what a restorer must leave alone."""

    level_name: ClassVar[str | None] = None

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """The picture as it is."""
        return lambda clean, index: clean


@dataclass(frozen=True)
class AddedNoise:
    """White Gaussian noise of standard deviation `sigma / 255`, drawn anew for every picture.

        degraded = store(clean + sigma / 255 * n),   n ~ N(0, 1)

    Attributes:
        storage: `"float"` leaves `[0, 1]`; `"clipped"` is clipped to it; `"rounded"` is clipped and rounded to 8 bits,
            as a file holds it; `"truncated"` is clipped and cast to 8 bits without rounding, as NumPy's `astype` does.
        grey: one draw for all three channels.
        first_seed: picture `k` is drawn by a `torch.Generator` seeded with `first_seed + seed * 1000003 + k`.
    """

    level_name: ClassVar[str | None] = "sigma"

    storage: Storage = "float"
    grey: bool = False
    first_seed: int = 0

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """Noise of sigma `level`."""
        level_of_255 = needed(level, self)
        sigma = level_of_255 / 255

        def degrade(clean: Tensor, index: int) -> Tensor:
            generator = _generator_of(self.first_seed, seed, index)
            drawn_on = clean[:, :1].contiguous() if self.grey else clean
            if self.storage == "truncated":
                noise = gaussian_noise(torch.zeros_like(drawn_on), 1.0, generator=generator).expand_as(clean)
                return truncated(clean, level_of_255 * noise.double())
            noisy = gaussian_noise(drawn_on, sigma, generator=generator)
            return stored(noisy.expand_as(clean).contiguous(), self.storage)

        return degrade


@dataclass(frozen=True)
class NoiseDrawnInTurn:
    """The noise of the three-task protocol: one NumPy `RandomState`, drawn level after level over the sorted set.

    Every picture's noise depends on the sizes of all before it and on the levels before its own, so those are drawn and
    thrown away. Clipped and cast to 8 bits without rounding.

    Attributes:
        levels: in the order in which they are drawn.

    Source:
        PromptIR, AdaIR, Perceive-IR: sigma 15, then 25, then 50 over sorted CBSD68, seed 0, height x width x channel.
    """

    level_name: ClassVar[str | None] = "sigma"

    levels: tuple[float, ...] = (15, 25, 50)

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """Noise of sigma `level`, one of `levels`."""
        if level not in self.levels:
            raise ConfigurationError(f"Expected sigma as one of {self.levels}, which are drawn in turn, got {level}.")
        shapes = [(*size, 3) for size in sizes()]
        state, position = np.random.RandomState(seed), 0
        start = self.levels.index(level) * len(shapes)

        def degrade(clean: Tensor, index: int) -> Tensor:
            nonlocal state, position
            if start + index < position:
                state, position = np.random.RandomState(seed), 0
            for turn in range(position, start + index):
                state.randn(*shapes[turn % len(shapes)])
            noise = torch.from_numpy(state.randn(*shapes[index])).permute(2, 0, 1)[None]
            position = start + index + 1
            return truncated(clean, level * noise)

        return degrade


@dataclass(frozen=True)
class JpegCompressed:
    """Through the real JPEG codec (libjpeg's arithmetic, chroma at half resolution) at a quality from 1 to 100."""

    level_name: ClassVar[str | None] = "quality"

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """JPEG of quality `level`."""
        quality = needed(level, self)
        return lambda clean, index: jpeg(clean, quality, codec="libjpeg")


@dataclass(frozen=True)
class GaussianBlurred:
    """Isotropic Gaussian blur of a standard deviation in pixels, borders replicated, rounded to 8 bits.

    Attributes:
        kernel_size: pixels along a side; wide enough for four standard deviations when absent.
    """

    level_name: ClassVar[str | None] = "std"

    kernel_size: int | None = None

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """Blur of standard deviation `level`."""
        std, kernel_size = needed(level, self), self.kernel_size or 0
        return lambda clean, index: stored(gaussian_blur(clean, std, kernel_size=kernel_size), "rounded")


@dataclass(frozen=True)
class MotionBlurred:
    """Blur along a straight line of a length in pixels, borders replicated, rounded to 8 bits.

    Attributes:
        degrees: direction of the first picture's movement; each next one is turned by the golden angle, so that the
            directions of a set are spread evenly.
    """

    level_name: ClassVar[str | None] = "length"

    degrees: float = 0.0

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """A movement of `level` pixels."""
        length = needed(level, self)

        def degrade(clean: Tensor, index: int) -> Tensor:
            angle = np.deg2rad((self.degrees + 137.507764 * index) % 180)
            return stored(motion_blur(clean, length, float(angle)), "rounded")

        return degrade


@dataclass(frozen=True)
class HybridDistorted:
    """Blur, then noise, then JPEG, whose strengths are drawn anew for every picture, as is the noise.

    Tier 1 is mild, 2 moderate, 3 severe, see `draw_hybrid`. In 8 bits, as the JPEG codec leaves it.

    Attributes:
        first_seed: of the generators, as in `AddedNoise`; a picture's strengths are drawn first, then its noise.
    """

    level_name: ClassVar[str | None] = "tier"
    tiers: ClassVar[Mapping[float | None, str]] = {1: "mild", 2: "moderate", 3: "severe"}

    first_seed: int = 0

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """Distortion of tier `level`."""
        if level not in self.tiers:
            choices = ", ".join(f"{number} ({name})" for number, name in self.tiers.items())
            raise ConfigurationError(f"Expected a tier for this protocol, got {level}: choose from {choices}.")
        tier = self.tiers[level]

        def degrade(clean: Tensor, index: int) -> Tensor:
            generator = _generator_of(self.first_seed, seed, index)
            return apply_chains(clean, [draw_hybrid(tier, generator)], generator)

        return degrade


@dataclass(frozen=True)
class Synthesised:
    """A degradation of the catalog as training draws it, at one severity, anew for every picture; in 8 bits.

    Attributes:
        name: of the degradation.
        first_seed: of the generators, as in `AddedNoise`; a picture's parameters are drawn first.
    """

    level_name: ClassVar[str | None] = "severity"

    name: str
    first_seed: int = 0

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """The degradation at severity `level`, in `[0, 1]`."""
        severity = needed(level, self)
        mixture = Mixture({self.name: 1}, (severity, severity))

        def degrade(clean: Tensor, index: int) -> Tensor:
            generator = _generator_of(self.first_seed, seed, index)
            return stored(apply_chains(clean, [mixture.draw_of(self.name, generator)], generator), "rounded")

        return degrade


@dataclass(frozen=True)
class Desaturated:
    """Grey in three channels, cut to 8 bits: `floor(0.299 R + 0.587 G + 0.114 B)`.

    Source:
        BIGPrior's released inputs; 99.9 % of their pixels, the rest differ by one level.
    """

    level_name: ClassVar[str | None] = None

    def maker(self, level: float | None, *, seed: int, sizes: Sizes) -> Maker:
        """The grey picture."""
        return lambda clean, index: weighted_grey(clean, (0.299, 0.587, 0.114), offset=0.0)


def weighted_grey(image: Tensor, weights: tuple[float, float, float], *, offset: float) -> Tensor:
    """Three equal channels `floor(w . RGB + offset)` on the 8-bit scale; an offset of 0.5 rounds."""
    red, green, blue = weights
    levels = (image * 255).round().double()
    # The products are nudged so that an exact whole number does not fall below itself in binary.
    grey = (red * levels[:, :1] + green * levels[:, 1:2] + blue * levels[:, 2:] + offset + 1e-9).floor()
    return (grey / 255).to(image.dtype).expand_as(image).contiguous()


def _generator_of(first_seed: int, seed: int, index: int) -> Generator:
    """The source of everything random in one picture."""
    return Generator().manual_seed(first_seed + seed * 1_000_003 + index)


def truncated(clean: Tensor, noise: Tensor) -> Tensor:
    """`clean` with `noise`, float64 and in levels of 255, clipped and cast to 8 bits without rounding.

    Added in float64 to whole levels, as NumPy does it: in float32 a whole level may fall below itself.
    """
    levels = (clean.double() * 255).round() + noise
    return (levels.clamp(0, 255).floor() / 255).to(clean.dtype).contiguous()


def stored(image: Tensor, storage: Literal["float", "clipped", "rounded"]) -> Tensor:
    """`image` after being kept as floats, clipped floats, or 8-bit levels."""
    return as_stored(image, clip=storage == "clipped", round_to_8_bits=storage == "rounded")


def needed(level: float | None, way: Degrading) -> float:
    """The level, or a sentence that it is missing."""
    if level is None:
        raise ConfigurationError(f"Expected a {way.level_name} for this protocol, got none: give one, such as 25.")
    return float(level)


Way = (
    GivenPairs
    | Untouched
    | AddedNoise
    | NoiseDrawnInTurn
    | JpegCompressed
    | GaussianBlurred
    | MotionBlurred
    | HybridDistorted
    | Synthesised
    | Desaturated
)
"""Every way there is."""
