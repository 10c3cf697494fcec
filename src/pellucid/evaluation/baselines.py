"""Classical denoisers to stand beside the networks in the same run, each from its own well-kept library.

    input                nothing is done
    bm3d                 BM3D for colour, profile `np`, as its authors release it
    opencv-nlm           OpenCV's fast non-local means for colour, on 8-bit pictures
    skimage-wavelet      scikit-image: BayesShrink in YCbCr
    skimage-tv           scikit-image: total variation by Chambolle's method
    skimage-nlm          scikit-image: fast non-local means

Each but `input` comes in two forms: by its name it knows the true sigma wherever the protocol adds white noise (an
oracle, as in the papers' tables) and estimates it elsewhere; with `-blind` appended it always estimates.
"""

from collections.abc import Callable
from importlib import import_module, metadata
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import MethodError
from pellucid.evaluation.degrading import AddedNoise, NoiseDrawnInTurn
from pellucid.evaluation.evaluate import INPUT, Contestant, Restore
from pellucid.evaluation.protocols import Trial

Pixels = NDArray[np.float64]
"""`(H, W, 3)`, nominally in `[0, 1]`."""

Denoise = Callable[[Pixels, float], Pixels]
"""Pixels and sigma, in the unit of the pixels, to pixels."""

SMALLEST_SIGMA = 0.3 / 255
"""Estimates below this are taken as it: BM3D divides by sigma, and an 8-bit picture has rounding noise of 0.29/255."""


def bm3d_denoised(noisy: Pixels, sigma: float) -> Pixels:
    """By BM3D for colour (Dabov et al., TIP 2007), profile `np`."""
    return _library("bm3d", "bm3d").bm3d_rgb(noisy, sigma, profile="np")


def opencv_nlm_denoised(noisy: Pixels, sigma: float) -> Pixels:
    """By OpenCV's non-local means on 8 bits; strength 0.6 sigma, which was best on training pictures."""
    opencv = _library("cv2", "opencv-python-headless")
    levels = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    strength = 0.6 * 255 * sigma
    blue_first = np.ascontiguousarray(levels[..., ::-1])
    denoised = opencv.fastNlMeansDenoisingColored(blue_first, None, strength, strength, 7, 21)
    return denoised[..., ::-1] / 255.0


def wavelet_denoised(noisy: Pixels, sigma: float) -> Pixels:
    """By soft thresholding of wavelets, BayesShrink, in YCbCr."""
    restoration = _library("skimage.restoration", "scikit-image")
    return restoration.denoise_wavelet(
        noisy, sigma=sigma, channel_axis=-1, convert2ycbcr=True, method="BayesShrink", mode="soft", rescale_sigma=True
    )


def total_variation_denoised(noisy: Pixels, sigma: float) -> Pixels:
    """By total variation, weight 0.8 sigma, which was best on training pictures at 25 and 50."""
    restoration = _library("skimage.restoration", "scikit-image")
    return restoration.denoise_tv_chambolle(noisy, weight=0.8 * sigma, channel_axis=-1)


def skimage_nlm_denoised(noisy: Pixels, sigma: float) -> Pixels:
    """By scikit-image's fast non-local means, strength 0.6 sigma, patches of 5 in a neighbourhood of 13."""
    restoration = _library("skimage.restoration", "scikit-image")
    return restoration.denoise_nl_means(
        noisy, h=0.6 * sigma, sigma=sigma, fast_mode=True, patch_size=5, patch_distance=6, channel_axis=-1
    )


def estimated_sigma(noisy: Pixels) -> float:
    """Sigma of white noise, from the finest wavelets (Donoho and Johnstone), mean over channels."""
    restoration = _library("skimage.restoration", "scikit-image")
    return max(float(restoration.estimate_sigma(noisy, channel_axis=-1, average_sigmas=True)), SMALLEST_SIGMA)


_DENOISERS: dict[str, tuple[Denoise, str, str]] = {
    "bm3d": (bm3d_denoised, "bm3d", "bm3d"),
    "opencv-nlm": (opencv_nlm_denoised, "cv2", "opencv-python-headless"),
    "skimage-wavelet": (wavelet_denoised, "skimage.restoration", "scikit-image"),
    "skimage-tv": (total_variation_denoised, "skimage.restoration", "scikit-image"),
    "skimage-nlm": (skimage_nlm_denoised, "skimage.restoration", "scikit-image"),
}
"""Function, module to import, package to install."""

BASELINES: tuple[str, ...] = (INPUT, *(name for known in _DENOISERS for name in (known, f"{known}-blind")))
"""Names of all baselines."""


def baseline(name: str) -> Contestant:
    """The baseline of that name.

    Raises:
        MethodError: when there is none, or its library is not installed.
    """
    if name == INPUT:
        return Contestant(INPUT, lambda image: image)
    known = name.removesuffix("-blind")
    if known not in _DENOISERS:
        raise MethodError(f"Expected a baseline, got {name!r}: choose one of {', '.join(BASELINES)}.")
    denoise, module, package = _DENOISERS[known]
    facts = {"package": package, "version": _version(_library(module, package), package)}
    if name.endswith("-blind"):
        return Contestant(name, _on_pixels(denoise, None), facts={**facts, "sigma": "estimated"})
    return Contestant(
        name,
        _on_pixels(denoise, None),
        informed=lambda trial: _on_pixels(denoise, true_sigma(trial)),
        facts={**facts, "sigma": "known where the protocol adds white noise, else estimated"},
    )


def true_sigma(trial: Trial) -> float | None:
    """Sigma of the white noise that a trial adds, in `[0, 1]`; `None` where it adds none."""
    is_noise = isinstance(trial.protocol.input, AddedNoise | NoiseDrawnInTurn)
    return trial.level / 255 if is_noise and trial.level is not None else None


def _on_pixels(denoise: Denoise, sigma: float | None) -> Restore:
    def restore(image: Tensor) -> Tensor:
        noisy = np.ascontiguousarray(image[0].permute(1, 2, 0).double().cpu().numpy())
        denoised = denoise(noisy, estimated_sigma(noisy) if sigma is None else sigma)
        return torch.from_numpy(np.ascontiguousarray(denoised)).permute(2, 0, 1)[None].to(image.dtype)

    return restore


def _library(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise MethodError(
            f"Expected {package} for this baseline, but it is not installed: install the extra baselines, or it alone."
        ) from error


def _version(library: ModuleType, package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # the same module from another package, as with OpenCV's several wheels
        return str(getattr(library, "__version__", "unknown"))
