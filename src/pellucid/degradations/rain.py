"""Rain: layers of bright streaks added to the picture."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import filter_by_kernels, line_kernels
from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, integer, log_uniform, uniform


def rain_streaks(
    like: Tensor,
    length: Strength,
    angle: Strength,
    width: Strength,
    density: Strength,
    intensity: Strength,
    *,
    layers: int = 1,
    generator: Generator,
) -> Tensor:
    """Brightness of falling drops, `(B, 1, H, W)`, to be added to a picture of the size of `like`.

    Each layer scatters drops, draws each as a soft stroke of random brightness, and lets further layers be finer:
    layer k has 0.75^k of the length and width of the first, and its own slight turn.

    Args:
        like: `(B, C, H, W)`: gives size, dtype and device.
        length: of a streak in the nearest layer, pixels.
        angle: from the vertical, radians, positive leaning right.
        width: of a streak, pixels.
        density: share of the picture that streaks of one layer cover, in `[0, 1]`.
        intensity: brightness of a streak, in `[0, 1]`.
        layers: how many.
        generator: on the device of `like`.
    """
    batch, _, height, width_pixels = like.shape
    streaks = like.new_zeros(batch, 1, height, width_pixels)
    length, angle, width, density, intensity = (
        per_sample(value, like, 0) for value in (length, angle, width, density, intensity)
    )
    for layer in range(layers):
        scale = 0.75**layer
        turn = 0.06 * (torch.rand(batch, device=like.device, generator=generator) * 2 - 1) * (layer > 0)
        kernels = line_kernels(
            (length * scale).clamp_min(2), math.pi / 2 - angle + turn, (width * scale).clamp_min(0.6)
        ).to(like.dtype)
        peak = kernels.amax(dim=(1, 2))
        covered = 1 / peak  # pixels under one streak, in units of its brightest
        probability = (density / covered).view(-1, 1, 1, 1)
        margin = kernels.shape[-1] // 2
        shape = (batch, 1, height + 2 * margin, width_pixels + 2 * margin)
        position = torch.rand(shape, device=like.device, dtype=like.dtype, generator=generator)
        brightness = 0.4 + 0.6 * torch.rand(shape, device=like.device, dtype=like.dtype, generator=generator)
        drops = (position < probability) * brightness
        drawn = filter_by_kernels(drops, kernels)[..., margin : margin + height, margin : margin + width_pixels]
        streaks += per_sample(intensity, like) * (drawn / peak.view(-1, 1, 1, 1)).clamp_max(1.5)
    return streaks


def rain(
    image: Tensor,
    length: Strength,
    angle: Strength,
    width: Strength,
    density: Strength,
    intensity: Strength,
    veil: Strength = 0.0,
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
        layers: see above.
        generator: on the device of `image`.

    Source:
        The additive model of Rain100L and Rain100H (Yang et al., "Deep Joint Rain Detection and Removal", CVPR 2017,
        Eq. 1 and 2). Differs: streaks are drawn here, not photographed or rendered.
    """
    streaks = rain_streaks(image, length, angle, width, density, intensity, layers=layers, generator=generator)
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
    layers: int = 1

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Rain":
        """From a few thin streaks at 0, over light rain, to heavy rain in several layers at 1."""
        return cls(
            length=log_uniform(8, between(25, 60, severity), generator),
            angle=uniform(-0.8, 0.8, generator),
            width=uniform(0.8, between(1.8, 3.5, severity), generator),
            density=between(0.02, 0.4, severity**1.5) * uniform(0.7, 1.3, generator),
            intensity=uniform(0.2, between(0.4, 0.65, severity), generator),
            veil=uniform(0, 0.15, generator) * severity,
            layers=1 + integer(0, round(3 * severity), generator),
        )

    @classmethod
    def draw_light(cls, generator: Generator) -> "Rain":
        """Light rain: its degraded pictures measure as Rain100L's inputs do, about 25.5 dB in RGB."""
        return cls(
            length=uniform(12, 30, generator),
            angle=uniform(-0.65, 0.65, generator),
            width=uniform(0.9, 1.6, generator),
            density=uniform(0.04, 0.13, generator),
            intensity=uniform(0.2, 0.45, generator),
        )

    @classmethod
    def draw_heavy(cls, generator: Generator) -> "Rain":
        """Heavy rain: its degraded pictures measure as Rain100H's inputs do, about 12 dB in RGB."""
        return cls(
            length=uniform(15, 60, generator),
            angle=uniform(-0.4, 0.4, generator),
            width=uniform(1.2, 3.0, generator),
            density=uniform(0.17, 0.38, generator),
            intensity=uniform(0.26, 0.54, generator),
            layers=integer(2, 4, generator),
        )
