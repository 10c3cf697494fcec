"""Rain: layers of bright streaks added to the picture."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import rotated_coordinates
from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, chance, integer, log_uniform, uniform

LENGTHS = (0.5, 1.0, 1.7)
"""Of the streaks in one layer, in units of its length; a third of the drops each. Rain100L's vary that much."""


def streak_kernels(length: Tensor, angle: Tensor, width: Tensor) -> Tensor:
    """Strokes `(B, K, K)` that are brightest in the middle and fade towards their ends; the peak is one.

    Args:
        length: `(B,)`, from end to end, pixels.
        angle: `(B,)`, radians, counter-clockwise from the x axis.
        width: `(B,)`, pixels.
    """
    radius = max(1, math.ceil((length.max().item() + width.max().item()) / 2))
    fading, across = _fading_strokes(radius, length, angle)
    return fading * (width.view(-1, 1, 1) / 2 + 0.5 - across.abs()).clamp(0, 1)


def smeared_kernels(length: Tensor, angle: Tensor, width: Tensor) -> Tensor:
    """As `streak_kernels`, but soft across, with `width` at half of the height; their squares sum to one."""
    radius = max(1, math.ceil(length.max().item() / 2 + width.max().item()))
    fading, across = _fading_strokes(radius, length, angle)
    kernels = fading * torch.exp(-4 * math.log(2) * (across / width.view(-1, 1, 1)) ** 2)
    return kernels / kernels.square().sum((1, 2), keepdim=True).sqrt()


def _fading_strokes(radius: int, length: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness along strokes without width, and the distance across them in pixels; both `(B, K, K)`."""
    along, across = rotated_coordinates(radius, angle)
    return (1 - (2 * along / (length.view(-1, 1, 1) + 1)) ** 2).clamp_min(0), across


def smeared_streaks(
    like: Tensor, length: Tensor, angle: Tensor, width: Tensor, density: Tensor, *, generator: Generator
) -> Tensor:
    """White noise smeared along `angle`, of which the brightest share `density` is left, `(B, H, W)`, mostly in [0, 1].

        streaks = ((field - t) / (u - t))_+^1.5,   P(field > t) = density,   P(field > u) = density / 250

    `field` is Gaussian: noise smeared over `length` and, to a share that each picture draws for itself, over a quarter
    of it. Streaks run into each other, differ in width, and change brightness along their way.

    Args:
        like: `(B, C, H, W)`: gives size, dtype and device.
        length: `(B,)`, as are the others; pixels.
        angle: from the vertical, radians.
        width: pixels.
        density: in `(0, 1)`.
        generator: on the device of `like`.

    Source:
        How rain is drawn in picture editors (noise, threshold, motion blur); the shapes and shares were set beside the
        streak layers of RainTrainL, which no test set holds.
    """
    batch, _, height, width_pixels = like.shape
    share = 0.4 * torch.rand(batch, device=like.device, generator=generator).view(-1, 1, 1)
    field = like.new_zeros(batch, height, width_pixels)
    for part, of_length in ((1 - share, 1.0), (share, 0.25)):
        kernels = smeared_kernels((length * of_length).clamp_min(2), math.pi / 2 - angle, width).to(like.dtype)
        field += part.sqrt() * _drawn(_scattered(torch.randn, like, kernels, generator), kernels)
    share_left = density.clamp(1e-3, 0.9).view(-1, 1, 1)
    lowest, bright = torch.special.ndtri(1 - share_left), torch.special.ndtri(1 - share_left / 250)
    return ((field - lowest).clamp_min(0) / (bright - lowest)) ** 1.5


def rain_streaks(
    like: Tensor,
    length: Strength,
    angle: Strength,
    width: Strength,
    density: Strength,
    intensity: Strength,
    smear: Strength = 0.0,
    *,
    layers: int = 1,
    generator: Generator,
) -> Tensor:
    """Brightness of falling drops, `(B, 1, H, W)`, to be added to a picture of the size of `like`.

    Each layer scatters drops and draws each as a soft stroke of one of three lengths (`LENGTHS`) and of random
    brightness, mostly faint. Further layers are finer: layer k has 0.75^k of the length and width of the first, and its
    own slight turn.

    Args:
        like: `(B, C, H, W)`: gives size, dtype and device.
        length: of a middling streak in the nearest layer, pixels.
        angle: from the vertical, radians, positive leaning right.
        width: of a streak, pixels.
        density: share of the picture that streaks of one layer cover, in `[0, 1]`.
        intensity: brightness of the brightest streaks, in `[0, 1]`.
        smear: share of the light that comes from `smeared_streaks` instead of single drops, in `[0, 1]`.
        layers: how many.
        generator: on the device of `like`.
    """
    batch, _, height, width_pixels = like.shape
    streaks = like.new_zeros(batch, 1, height, width_pixels)
    length, angle, width, density, intensity, smear = (
        per_sample(value, like, 0) for value in (length, angle, width, density, intensity, smear)
    )
    of_drops = per_sample(intensity * (1 - smear), like)
    for layer in range(layers):
        scale = 0.75**layer
        turn = 0.06 * (torch.rand(batch, device=like.device, generator=generator) * 2 - 1) * (layer > 0)
        if smear.any():
            smeared = smeared_streaks(
                like, length * scale, angle - turn, (width * scale).clamp_min(0.8), density, generator=generator
            )
            streaks += per_sample(intensity * smear, like) * smeared[:, None].clamp(0, 1.5)
        if not (smear < 1).any():
            continue
        for factor in LENGTHS:
            kernels = streak_kernels(
                (length * scale * factor).clamp_min(2), math.pi / 2 - angle + turn, (width * scale).clamp_min(0.6)
            ).to(like.dtype)
            covered = kernels.sum(dim=(1, 2))  # pixels under one streak, in units of its brightest
            probability = (density / covered / len(LENGTHS)).view(-1, 1, 1)
            position, faintness = (_scattered(torch.rand, like, kernels, generator) for _ in range(2))
            drops = (position < probability) * (0.1 + 0.9 * faintness.square())
            streaks += of_drops * _drawn(drops, kernels)[:, None].clamp(0, 1.5)
    return streaks


def _scattered(draw: Callable[..., Tensor], like: Tensor, kernels: Tensor, generator: Generator) -> Tensor:
    """`torch.rand` or `torch.randn` for every pixel whose stroke reaches into `like`, `(B, H + K - 1, W + K - 1)`."""
    reach = kernels.shape[-1] - 1
    shape = (like.shape[0], like.shape[-2] + reach, like.shape[-1] + reach)
    return draw(shape, device=like.device, dtype=like.dtype, generator=generator)


def _drawn(drops: Tensor, kernels: Tensor) -> Tensor:
    """Every drop of `(B, H + K - 1, W + K - 1)` as the stroke of its sample, `(B, H, W)`; by Fourier transform."""
    size, reach = drops.shape[-2:], kernels.shape[-1] - 1
    spectrum = torch.fft.rfft2(drops) * torch.fft.rfft2(kernels, s=size)
    return torch.fft.irfft2(spectrum, s=size)[:, reach:, reach:]


def rain(
    image: Tensor,
    length: Strength,
    angle: Strength,
    width: Strength,
    density: Strength,
    intensity: Strength,
    veil: Strength = 0.0,
    smear: Strength = 0.0,
    *,
    layers: int = 1,
    generator: Generator,
) -> Tensor:
    """Rain streaks added, and a bright veil of drops too far away to be seen one by one.

        degraded = min(1, (1 - veil) image + 0.8 veil + sum of streak layers)

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        length: see `rain_streaks`, as are `angle`, `width`, `density`, `intensity`, `layers`.
        angle: see above.
        width: see above.
        density: see above.
        intensity: see above.
        veil: share of light from the veil, in `[0, 1)`.
        smear: see above.
        layers: see above.
        generator: on the device of `image`.

    Source:
        The additive model of Rain100L and Rain100H (Yang et al., "Deep Joint Rain Detection and Removal", CVPR 2017,
        Eq. 1 and 2). Differs: streaks are drawn here, not photographed or rendered.
    """
    streaks = rain_streaks(image, length, angle, width, density, intensity, smear, layers=layers, generator=generator)
    share = per_sample(veil, image)
    return ((1 - share) * image + 0.8 * share + streaks).clamp_max(1)


@dataclass(frozen=True)
class Rain:
    """Parameters of `rain`."""

    name: ClassVar[str] = "rain"
    function = staticmethod(rain)

    length: float
    angle: float
    width: float
    density: float
    intensity: float
    veil: float = 0.0
    smear: float = 0.0
    layers: int = 1

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Rain":
        """From a few thin streaks at 0, over light rain, to heavy rain in several layers at 1; drops or smeared."""
        if chance(0.5, generator):
            return cls(
                length=log_uniform(20, between(90, 140, severity), generator),
                angle=uniform(-0.55, 0.55, generator),
                width=uniform(1.2, between(3, 4.5, severity), generator),
                density=between(0.05, 0.6, severity) * uniform(0.7, 1.3, generator),
                intensity=uniform(0.25, between(0.7, 1.0, severity), generator),
                veil=uniform(0, 0.15, generator) * severity if chance(0.3, generator) else 0.0,
                smear=1.0,
                layers=1 + integer(0, round(2 * severity), generator),
            )
        return cls(
            length=log_uniform(8, between(30, 70, severity), generator),
            angle=uniform(-0.8, 0.8, generator),
            width=uniform(0.8, between(2.2, 3.5, severity), generator),
            density=between(0.03, 0.6, severity**1.5) * uniform(0.7, 1.3, generator),
            intensity=uniform(0.25, between(0.55, 0.8, severity), generator),
            veil=uniform(0, 0.15, generator) * severity if chance(0.5, generator) else 0.0,
            layers=1 + integer(0, round(3 * severity), generator),
        )

    @classmethod
    def draw_light(cls, generator: Generator) -> "Rain":
        """Light rain: its degraded pictures measure as Rain100L's inputs do, about 25.5 dB in RGB; drops or smeared."""
        if chance(0.5, generator):
            return cls(
                length=uniform(30, 130, generator),
                angle=uniform(-0.45, 0.45, generator),
                width=uniform(1.4, 3.2, generator),
                density=uniform(0.15, 0.45, generator),
                intensity=uniform(0.25, 0.75, generator),
                smear=1.0,
            )
        return cls(
            length=uniform(14, 36, generator),
            angle=uniform(-0.65, 0.65, generator),
            width=uniform(0.9, 2.0, generator),
            density=uniform(0.07, 0.2, generator),
            intensity=uniform(0.25, 0.55, generator),
        )

    @classmethod
    def draw_faint(cls, generator: Generator) -> "Rain":
        """Faint and dense rain, near and far, often with mist: what a shutter of everyday length makes of a shower."""
        is_smeared = chance(0.7, generator)
        length = log_uniform(15, 130, generator) if is_smeared else log_uniform(8, 50, generator)
        return cls(
            length=length,
            angle=uniform(-0.5, 0.5, generator),
            width=log_uniform(1, max(1.2, min(6, length / 8)), generator),
            density=uniform(0.25, 0.85, generator),
            intensity=log_uniform(0.05, 0.35, generator),
            veil=uniform(0, 0.3, generator) if chance(0.5, generator) else 0.0,
            smear=1.0 if is_smeared else 0.0,
            layers=integer(1, 4, generator),
        )

    @classmethod
    def draw_heavy(cls, generator: Generator) -> "Rain":
        """Heavy rain: its degraded pictures measure as Rain100H's inputs do, about 12 dB in RGB."""
        return cls(
            length=uniform(25, 80, generator),
            angle=uniform(-0.4, 0.4, generator),
            width=uniform(1.2, 3.0, generator),
            density=uniform(0.3, 0.6, generator),
            intensity=uniform(0.3, 0.62, generator),
            layers=integer(2, 4, generator),
        )
