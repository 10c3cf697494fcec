"""Snow: flakes of several sizes, some drawn out by their fall."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import disc_kernels, filter_by_kernels, line_kernels
from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, uniform

LAYERS = 3


def snow(
    image: Tensor,
    density: Strength,
    flake_radius: Strength,
    fall: Strength,
    angle: Strength,
    opacity: Strength,
    *,
    generator: Generator,
) -> Tensor:
    """White flakes in three layers, each half as large as the one before, laid over the picture.

        degraded = image (1 - alpha) + alpha

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        density: share of the picture that one layer's flakes take up, about; their fall draws them out over more.
        flake_radius: of the nearest layer, pixels.
        fall: how far a near flake moved while the shutter was open, pixels.
        angle: of the fall from the vertical, radians.
        opacity: of a flake, in `[0, 1]`.
        generator: on the device of `image`.

    Source:
        The overlay model of Liu et al., "DesnowNet", TIP 2018, Eq. 1, with white flakes.
    """
    batch, _, height, width = image.shape
    radius, fall_length, direction = (per_sample(value, image, 0) for value in (flake_radius, fall, angle))
    clear = torch.ones_like(image[:, :1])
    for layer in range(LAYERS):
        scale = 0.5**layer
        dots = disc_kernels((radius * scale).clamp_min(0.5))
        strokes = line_kernels((fall_length * scale).clamp_min(1), math.pi / 2 - direction)
        area = math.pi * (radius * scale).clamp_min(0.8) ** 2
        scattered = torch.rand(batch, 1, height, width, device=image.device, dtype=image.dtype, generator=generator)
        brightness = 0.5 + 0.5 * torch.rand(
            scattered.shape, device=image.device, dtype=image.dtype, generator=generator
        )
        flakes = (scattered < (per_sample(density, image, 0) / area).view(-1, 1, 1, 1)) * brightness
        drawn = filter_by_kernels(filter_by_kernels(flakes, dots), strokes)
        peak = (dots.amax(dim=(1, 2)) * (area / (area + 2 * radius * scale * fall_length * scale))).view(-1, 1, 1, 1)
        clear = clear * (1 - per_sample(opacity, image) * (drawn / peak.to(image.dtype)).clamp(0, 1))
    return image * clear + (1 - clear)


@dataclass(frozen=True)
class Snow:
    """Parameters of `snow`."""

    name: ClassVar[str] = "snow"
    function = staticmethod(snow)

    density: float
    flake_radius: float
    fall: float
    angle: float
    opacity: float

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Snow":
        """From sparse small flakes to a dense fall of large ones."""
        return cls(
            density=between(0.005, 0.08, severity) * uniform(0.7, 1.3, generator),
            flake_radius=uniform(1.0, between(2.0, 4.5, severity), generator),
            fall=uniform(0.0, between(3.0, 12.0, severity), generator),
            angle=uniform(-0.8, 0.8, generator),
            opacity=uniform(0.5, 0.95, generator),
        )
