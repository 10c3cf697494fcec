"""Low light: a short exposure, a darker curve, and the noise that comes with few photons; lifted again or not."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, chance, uniform
from pellucid.degradations.noise import sensor_noise


def low_light(
    image: Tensor,
    exposure: Strength,
    gamma: Strength,
    photon_gain: Strength,
    read_noise: Strength,
    unevenness: Strength = 0.0,
    *,
    generator: Generator,
) -> Tensor:
    """A dark and noisy exposure of `image`, rounded to 8 bits.

        dark = exposure * image^gamma;   degraded = dark with shot and read noise (`sensor_noise`)

    Light that differs over the picture (a lamp, a sky behind dark things) raises exposure and gamma to the power
    1 - unevenness * f, where f is smooth and goes from 0 to 1.

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        exposure: share of the light, in `(0, 1]`.
        gamma: exponent of the darker curve, at least one.
        photon_gain: see `sensor_noise`.
        read_noise: see `sensor_noise`.
        unevenness: 0 is the same light everywhere; at 1 the brightest place is as it was.
        generator: on the device of `image`.

    Source:
        Curve of Lv et al., "Attention Guided Low-light Image Enhancement", IJCV 2021. Differs: no factor inside the
        power; `LowLight.draw` goes to shorter exposures (theirs 0.5 to 1) and less far in gamma (theirs 1.5 to 5); the
        noise is Poisson-Gaussian on the dark picture.
    """
    exposure, gamma = _at_pixels(image, exposure, gamma, unevenness, generator)
    return sensor_noise(exposure * image.clamp(0, 1) ** gamma, photon_gain, read_noise, generator=generator)


def _at_pixels(
    image: Tensor, exposure: Strength, gamma: Strength, unevenness: Strength, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Exposure and gamma at every pixel, or of every picture where the light is the same everywhere."""
    exposure, gamma = per_sample(exposure, image), per_sample(gamma, image)
    unevenness = per_sample(unevenness, image)
    if not bool(unevenness.any()):
        return exposure, gamma
    batch, _, height, width = image.shape
    coarse = torch.rand(batch, 1, 4, 4, device=image.device, dtype=image.dtype, generator=generator)
    field = F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
    low, high = field.amin(dim=(2, 3), keepdim=True), field.amax(dim=(2, 3), keepdim=True)
    # Squared: most of such a picture is dark.
    power = 1 - unevenness * ((field - low) / (high - low + 1e-6)).square()
    return exposure**power, gamma**power


@dataclass(frozen=True)
class LowLight:
    """Parameters of `low_light`."""

    name: ClassVar[str] = "low-light"
    function = staticmethod(low_light)

    exposure: float
    gamma: float
    photon_gain: float
    read_noise: float
    unevenness: float = 0.0

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "LowLight":
        """Exposure from 0.8 down to 0.15 and gamma from 1.1 to 3, with more noise the darker it is; half uneven."""
        return cls(
            exposure=between(0.8, 0.15, severity) * uniform(0.8, 1.2, generator),
            gamma=between(1.1, 2.6, severity) * uniform(0.9, 1.15, generator),
            photon_gain=between(0.0002, 0.002, severity) * uniform(0.2, 1.0, generator),
            read_noise=between(0.001, 0.012, severity) * uniform(0.2, 1.0, generator),
            unevenness=uniform(0.0, 1.0, generator) if chance(0.5, generator) else 0.0,
        )


def lifted_low_light(
    image: Tensor,
    exposure: Strength,
    gamma: Strength,
    photon_gain: Strength,
    read_noise: Strength,
    unevenness: Strength = 0.0,
    *,
    generator: Generator,
) -> Tensor:
    """What `low_light` leaves once its curve is undone: the right brightness, and strong noise in the shadows.

        degraded = (low_light / exposure)^(1 / gamma), at most 1.2

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        exposure: see `low_light`, as are the others.
        gamma: see above.
        photon_gain: see above.
        read_noise: see above.
        unevenness: see above; undone, too, so that the shadows' noise stays where the light was low.
        generator: on the device of `image`.
    """
    exposure, gamma = _at_pixels(image, exposure, gamma, unevenness, generator)
    dark = sensor_noise(exposure * image.clamp(0, 1) ** gamma, photon_gain, read_noise, generator=generator)
    return ((dark / exposure) ** (1 / gamma)).clamp_max(1.2)


@dataclass(frozen=True)
class LiftedLowLight(LowLight):
    """Parameters of `lifted_low_light`, drawn as those of `low_light`."""

    name: ClassVar[str] = "lifted-low-light"
    function = staticmethod(lifted_low_light)
