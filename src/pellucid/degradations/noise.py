"""Noise: Gaussian as the papers add it, and Poisson-Gaussian as a sensor makes it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.degradations.blur import filter_by_kernels, gaussian_kernels
from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, chance, log_uniform, uniform

LARGEST_SIGMA = 55 / 255


def gaussian_noise(
    image: Tensor,
    sigma: Strength,
    *,
    clip: bool = False,
    round_to_8_bits: bool = False,
    generator: Generator,
) -> Tensor:
    """White Gaussian noise added to every channel.

        degraded = image + sigma n,   n ~ N(0, 1)

    Args:
        image: `(B, 3, H, W)`.
        sigma: standard deviation, in the unit of the image (`25 / 255`, not `25`).
        clip: clip to `[0, 1]` afterwards, as DIL and every file does. Classical AWGN tables do not.
        round_to_8_bits: round to multiples of 1/255, as an 8-bit file does; implies `clip`.
        generator: on the device of `image`.

    Source:
        DIL's released recipe clips and does not round; FFDNet's tables do neither.

    Example:
        >>> import torch
        >>> grey = torch.full((1, 3, 64, 64), 0.5)
        >>> noisy = gaussian_noise(grey, 0.1, generator=torch.Generator().manual_seed(0))
        >>> round((noisy - grey).std().item(), 2)
        0.1
    """
    noise = _white(image, generator)
    return as_stored(image + per_sample(sigma, image) * noise, clip=clip, round_to_8_bits=round_to_8_bits)


def _white(like: Tensor, generator: Generator) -> Tensor:
    """Standard normal noise, the same for the same generator however the memory of `like` is laid out."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def as_stored(image: Tensor, *, clip: bool, round_to_8_bits: bool) -> Tensor:
    """`image` as a file would hold it: clipped to `[0, 1]`, rounded to 8 bits, or neither."""
    if round_to_8_bits:
        return (image * 255).round_().clamp_(0, 255) / 255
    return image.clamp(0, 1) if clip else image


def sensor_noise(
    image: Tensor,
    gain: Strength,
    read_noise: Strength,
    correlation: Strength = 0.0,
    *,
    round_to_8_bits: bool = True,
    generator: Generator,
) -> Tensor:
    """Poisson-Gaussian noise: shot noise that grows with the light, and read noise that does not.

        degraded = gain * Poisson(image / gain) + read_noise n;   variance = gain * image + read_noise^2

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        gain: light per photo-electron; 0.01 is 100 electrons at white. Zero is no shot noise.
        read_noise: standard deviation at black.
        correlation: standard deviation in pixels of a Gaussian through which the noise passed (demosaicing, in-camera
            processing); the noise keeps its strength and grows coarser. Zero is white noise.
        round_to_8_bits: as the file holds it.
        generator: on the device of `image`.

    Source:
        Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting", TIP 2008, Eq. 1-3.
    """
    has_shot_noise = per_sample(gain, image) > 0
    gain = per_sample(gain, image).clamp_min(1e-6)
    spread = per_sample(correlation, image)
    kernels = gaussian_kernels(spread.flatten().clamp_min(1e-3)) if bool((spread > 0).any()) else None
    # Noise is drawn beyond the border as far as the filter reaches, or the outermost pixels would have too much of it.
    margin = 0 if kernels is None else kernels.shape[-1] // 2
    light = F.pad(image.clamp_min(0), [margin] * 4, mode="replicate").contiguous()
    shot = torch.poisson(light / gain, generator=generator) * gain - light
    noise = shot * has_shot_noise + per_sample(read_noise, image) * _white(light, generator)
    if kernels is not None:
        # Filtering white noise by k leaves the fraction |k|_2 of its standard deviation; dividing restores it.
        noise = filter_by_kernels(noise, kernels)[..., margin:-margin, margin:-margin]
        noise = noise / kernels.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return as_stored(image + noise, clip=round_to_8_bits, round_to_8_bits=round_to_8_bits)


@dataclass(frozen=True)
class GaussianNoise:
    """Parameters of `gaussian_noise`."""

    name: ClassVar[str] = "gaussian-noise"
    function = staticmethod(gaussian_noise)

    sigma: float
    clip: bool = False
    round_to_8_bits: bool = False

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "GaussianNoise":
        """Sigma from 0 to 55/255; half of the draws clipped and rounded as a file holds it, half not."""
        return cls(sigma=LARGEST_SIGMA * severity, round_to_8_bits=chance(0.5, generator))


@dataclass(frozen=True)
class SensorNoise:
    """Parameters of `sensor_noise`."""

    name: ClassVar[str] = "sensor-noise"
    function = staticmethod(sensor_noise)

    gain: float
    read_noise: float
    correlation: float = 0.0
    round_to_8_bits: bool = True

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "SensorNoise":
        """Standard deviation at mid-grey from 2/255 to 50/255, shot and read noise in random proportion."""
        sigma = between(2 / 255, 50 / 255, severity)
        shot_share = uniform(0.2, 0.95, generator)
        correlation = log_uniform(0.3, 1.2, generator) if chance(0.6, generator) else 0.0
        return cls(gain=2 * shot_share * sigma**2, read_noise=(1 - shot_share) ** 0.5 * sigma, correlation=correlation)
