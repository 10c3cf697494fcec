"""Haze: light scattered into the line of sight."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, uniform


def synthesised_depth(image: Tensor, generator: Generator) -> Tensor:
    """A plausible depth map for a picture without one, `(B, 1, H, W)` in `[0, 1]`.

    The sum of a plane in a random direction (mostly farther towards the top), smooth hills, and flat patches with sharp
    borders that stand for objects.

    Args:
        image: `(B, 3, H, W)`: gives size and device.
        generator: on the device of `image`.
    """
    batch, _, height, width = image.shape
    device = image.device

    def noise(*shape: int) -> Tensor:
        return torch.rand(batch, *shape, device=device, dtype=image.dtype, generator=generator)

    rows = torch.linspace(1, 0, height, device=device, dtype=image.dtype).view(1, 1, -1, 1)
    columns = torch.linspace(-1, 1, width, device=device, dtype=image.dtype).view(1, 1, 1, -1)
    plane = (noise(1, 1, 1) * 1.3 - 0.3) * rows + (noise(1, 1, 1) - 0.5) * columns
    hills = F.interpolate(noise(1, 4, 4), size=(height, width), mode="bicubic", align_corners=False)
    field = F.interpolate(noise(1, 6, 6), size=(height, width), mode="bicubic", align_corners=False)
    patches = (field * 5).round() / 5
    mixed = plane + noise(1, 1, 1) * hills + noise(1, 1, 1) * patches
    low, high = mixed.amin(dim=(2, 3), keepdim=True), mixed.amax(dim=(2, 3), keepdim=True)
    floor = 0.5 * noise(1, 1, 1)
    return floor + (1 - floor) * (mixed - low) / (high - low + 1e-6)


def haze(
    image: Tensor,
    beta: Strength,
    airlight: Strength,
    tint: Strength = 0.0,
    *,
    depth: Tensor | None = None,
    generator: Generator,
) -> Tensor:
    """Haze by atmospheric scattering.

        degraded = image t + A (1 - t),   t = exp(-beta d)

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        beta: scattering coefficient per unit of depth; 0 is clear air.
        airlight: A, in `[0, 1]`.
        tint: how much warmer (positive) or colder (negative) A is: added to red, taken from blue.
        depth: `(B, 1, H, W)`, far is one; synthesised when absent.
        generator: on the device of `image`.

    Source:
        Koschmieder's law as used by RESIDE (Li et al., "Benchmarking Single-Image Dehazing", TIP 2019, Eq. 1 and 2).
    """
    depth = synthesised_depth(image, generator) if depth is None else depth
    transmission = torch.exp(-per_sample(beta, image) * depth)
    colour = torch.tensor([1.0, 0.0, -1.0], device=image.device, dtype=image.dtype).view(1, 3, 1, 1)
    light = (per_sample(airlight, image) + per_sample(tint, image) * colour).clamp(0, 1)
    return image * transmission + light * (1 - transmission)


@dataclass(frozen=True)
class Haze:
    """Parameters of `haze`, the depth synthesised."""

    name: ClassVar[str] = "haze"
    function = staticmethod(haze)

    beta: float
    airlight: float
    tint: float = 0.0

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Haze":
        """Beta from 0.2 to 2.5, airlight from 0.6 to 1 with a slight tint."""
        return cls(between(0.2, 2.5, severity), uniform(0.6, 1.0, generator), uniform(-0.04, 0.04, generator))
