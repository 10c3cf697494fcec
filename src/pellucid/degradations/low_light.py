"""Low light: a short exposure, a darker curve, and the noise that comes with few photons; lifted again or not."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Generator, Tensor

from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, uniform
from pellucid.degradations.noise import sensor_noise


def low_light(
    image: Tensor,
    exposure: Strength,
    gamma: Strength,
    photon_gain: Strength,
    read_noise: Strength,
    *,
    generator: Generator,
) -> Tensor:
    """A dark and noisy exposure of `image`, rounded to 8 bits.

        dark = exposure * image^gamma;   degraded = dark with shot and read noise (`sensor_noise`)

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        exposure: share of the light, in `(0, 1]`.
        gamma: exponent of the darker curve, at least one.
        photon_gain: see `sensor_noise`.
        read_noise: see `sensor_noise`.
        generator: on the device of `image`.

    Source:
        Curve of Lv et al., "Attention Guided Low-light Image Enhancement", IJCV 2021. Differs: no factor inside the
        power; `LowLight.draw` goes to shorter exposures (theirs 0.5 to 1) and less far in gamma (theirs 1.5 to 5); the
        noise is Poisson-Gaussian on the dark picture.
    """
    dark = per_sample(exposure, image) * image.clamp(0, 1) ** per_sample(gamma, image)
    return sensor_noise(dark, photon_gain, read_noise, generator=generator)


@dataclass(frozen=True)
class LowLight:
    """Parameters of `low_light`."""

    name: ClassVar[str] = "low-light"
    function = staticmethod(low_light)

    exposure: float
    gamma: float
    photon_gain: float
    read_noise: float

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "LowLight":
        """Exposure from 0.8 down to 0.15 and gamma from 1.1 to 3, with more noise the darker it is."""
        return cls(
            exposure=between(0.8, 0.15, severity) * uniform(0.8, 1.2, generator),
            gamma=between(1.1, 2.6, severity) * uniform(0.9, 1.15, generator),
            photon_gain=between(0.0002, 0.002, severity) * uniform(0.2, 1.0, generator),
            read_noise=between(0.001, 0.012, severity) * uniform(0.2, 1.0, generator),
        )


def lifted_low_light(
    image: Tensor,
    exposure: Strength,
    gamma: Strength,
    photon_gain: Strength,
    read_noise: Strength,
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
        generator: on the device of `image`.
    """
    dark = low_light(image, exposure, gamma, photon_gain, read_noise, generator=generator)
    return ((dark / per_sample(exposure, image)) ** (1 / per_sample(gamma, image))).clamp_max(1.2)


@dataclass(frozen=True)
class LiftedLowLight(LowLight):
    """Parameters of `lifted_low_light`, drawn as those of `low_light`."""

    name: ClassVar[str] = "lifted-low-light"
    function = staticmethod(lifted_low_light)
