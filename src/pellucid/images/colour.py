"""Samples of a file to RGB in `[0, 1]`, and back to the file's own type, range and channels.

Numbers keep their meaning: no profile and no transfer curve is applied, so that a picture is restored in the file's own
primaries and its ICC profile stays true. Here, and nowhere else, stands 255.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import DeviceError
from pellucid.images.transparency import fill_hidden

_BAND_SAMPLES = 1 << 18


@dataclass(frozen=True)
class Samples:
    """What the samples of a picture mean.

    Attributes:
        dtype: `"uint8"`, `"uint16"`, `"float32"`.
        colours: 1 for grey, 3 for RGB; they come first.
        extras: channels after the colours; they go through untouched.
        opacity: whether the first extra is opacity.
        premultiplied: whether colours are stored multiplied by it.
        peak: the sample that becomes 1.0.
        step: samples are multiples of it (64 for 10 bits in the upper bits of 16).
        lowest: the least sample that is written.
        highest: the greatest sample that is written.
        white: the sample that becomes white in a format without floats; of integers the `peak`.
        brightest: the greatest sample that was found, of floats.
    """

    dtype: str
    colours: int
    extras: int = 0
    opacity: bool = False
    premultiplied: bool = False
    peak: float = 255.0
    step: int = 1
    lowest: float = 0.0
    highest: float = 255.0
    white: float = 255.0
    brightest: float = 0.0

    @property
    def channels(self) -> int:
        """Samples per pixel."""
        return self.colours + self.extras

    @property
    def is_float(self) -> bool:
        """Whether samples are floating point."""
        return self.dtype == "float32"

    @property
    def opaque(self) -> float:
        """The sample of full opacity."""
        return 1.0 if self.is_float else self.highest


def integers(
    bits: int, colours: int, extras: int = 0, *, opacity: bool = False, premultiplied: bool = False
) -> Samples:
    """The meaning of integer samples of 8 bits, of 16, or of fewer than 16 in the upper bits of 16."""
    step = 1 if bits == 8 else 1 << (16 - bits)
    peak = float(((1 << bits) - 1) * step)
    dtype = "uint8" if bits == 8 else "uint16"
    return Samples(dtype, colours, extras, opacity, premultiplied, peak, step, 0.0, peak, peak)


def has_hidden(samples: Samples, stored: NDArray[Any]) -> bool:
    """Whether some pixels' colours are not seen: fully transparent, or not a number."""
    if samples.opacity and (stored[..., samples.colours] <= 0).any():
        return True
    return samples.is_float and bool(_not_finite(samples, stored).any())


def to_tensor(samples: Samples, stored: NDArray[Any]) -> Tensor:
    """`(1, 3, H, W)` float32 from samples `(H, W, C)`.

    Grey becomes three equal channels; colours that are stored multiplied by opacity are divided by it; where nothing is
    seen the colours come from the surroundings, see `fill_hidden`.
    """
    height, width, _ = stored.shape
    planes = np.empty((3, height, width), np.float32)
    with np.errstate(invalid="ignore"):  # a file's float samples may be signalling not-a-numbers
        for channel in range(samples.colours):
            np.divide(stored[..., channel], np.float32(samples.peak), out=planes[channel])
    hidden = has_hidden(samples, stored)
    if hidden or samples.premultiplied:
        colours, opacity = planes[: samples.colours], _opacity(samples, stored)
        if samples.premultiplied:
            np.divide(colours, opacity, out=colours, where=opacity > 0)
        if hidden:
            colours[:] = fill_hidden(colours, opacity)
    planes[samples.colours :] = planes[0]
    return torch.from_numpy(planes[None])


def to_samples(samples: Samples, image: Tensor, original: NDArray[Any] | None) -> NDArray[Any]:
    """Samples `(H, W, C)` from `(1, 3, H, W)` or `(3, H, W)`: `to_tensor` undone.

    Values are clamped to what the file can hold and rounded half to even. Three channels become grey by their mean.

    Args:
        samples: the meaning.
        image: restored, any floating type and device.
        original: the samples of the input at this place, `(H, W, C)`: extra channels come from it, and so do the
            colours of pixels that are not seen. `None` only when there are no extras.

    Raises:
        DeviceError: when a value is infinite or not a number.
    """
    planes: NDArray[Any] = image.detach().reshape(3, *image.shape[-2:]).to("cpu", torch.float32).numpy()
    if samples.colours == 1:
        # The mean in this form is exact when the three are equal.
        planes = planes[:1] + ((planes[1:2] - planes[:1]) + (planes[2:] - planes[:1])) / np.float32(3)
    if samples.premultiplied and original is not None:
        planes = planes * _opacity(samples, original)
    colours = _quantised(samples, planes)
    if original is None:
        return colours
    hidden = _not_finite(samples, original)
    if samples.opacity:
        hidden = hidden | (original[..., samples.colours] <= 0)
    result = original.copy()
    np.copyto(result[..., : samples.colours], colours, where=~hidden[..., None])
    return result


def _quantised(samples: Samples, planes: NDArray[Any]) -> NDArray[Any]:
    """`(H, W, C)` of the file's type from `(C, H, W)`; in bands of rows that stay in the processor's cache."""
    count, height, width = planes.shape
    scale, step = np.float32(samples.peak / samples.step), np.float32(samples.step)
    result = np.empty((height, width, count), samples.dtype)
    rows = max(1, _BAND_SAMPLES // max(1, width * count))
    for top in range(0, height, rows):
        band = planes[:, top : top + rows] * scale
        if not np.isfinite(band).all():
            raise DeviceError(
                "Expected finite pixels to write, got infinite ones or not-a-numbers, and the result was not written: "
                "check the weights, or restore on another device."
            )
        np.clip(band, samples.lowest / samples.step, samples.highest / samples.step, out=band)
        if not samples.is_float:
            np.rint(band, out=band)
            if samples.step > 1:
                band *= step
        result[top : top + rows] = band.transpose(1, 2, 0)
    return result


def _opacity(samples: Samples, stored: NDArray[Any]) -> NDArray[np.float32]:
    """`(H, W)` in `[0, 1]`, 0 where the colours are not finite."""
    finite = ~_not_finite(samples, stored)
    if not samples.opacity:
        return finite.astype(np.float32)
    return (stored[..., samples.colours].astype(np.float32) / np.float32(samples.opaque)).clip(0, 1) * finite


def _not_finite(samples: Samples, stored: NDArray[Any]) -> NDArray[np.bool_]:
    if not samples.is_float:
        return np.zeros(stored.shape[:2], np.bool_)
    return np.logical_not(np.isfinite(stored[..., : samples.colours]).all(-1))
