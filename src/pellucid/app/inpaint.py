"""Fill what is missing of a photograph, and say that it is belief; what is known is kept to the bit."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.app.targets import check_is_not_there
from pellucid.app.trust import Trust, TrustMaps, check_trust_folder, saved
from pellucid.errors import DeviceError, ImageError
from pellucid.images.canvas import Canvas
from pellucid.images.files import MAX_MEGAPIXELS, read_picture
from pellucid.images.formats import format_of_target
from pellucid.images.picture import Picture
from pellucid.images.tiling import Box
from pellucid.methods.catalog import prior as prior_called
from pellucid.methods.devices import chosen_device
from pellucid.methods.restorer import is_out_of_memory
from pellucid.trust.error_bound import ErrorBound
from pellucid.trust.fusion import fuse
from pellucid.trust.hole import hole_scale
from pellucid.trust.operators.mask import Mask
from pellucid.weights.bundled import bundled_file

logger = logging.getLogger(__name__)

AROUND = 48
"""Pixels around the hole that are looked at."""

STRIP = 256
"""Rows that are copied at once."""

KEEPING = (".png", ".tif", ".tiff")
"""Suffixes of results that are called as their photograph is; others become PNG, which keeps what is known."""

LOSSY = ("jpeg", "webp", "avif")
"""Formats in which what is known is not kept to the bit."""

BOUND = "inpainting-bound.json"
"""The calibration of the bound, see `scripts/calibrate_inpainting.py`."""


@dataclass(frozen=True)
class Inpainted:
    """What filling gave.

    Attributes:
        path: of the result.
        missing: share of the pixels that were missing.
        trust: the maps in a few numbers; `None` when none were asked for.
    """

    path: Path
    missing: float
    trust: Trust | None


def inpaint(
    photograph: str | Path,
    mask: str | Path,
    output: str | Path | None = None,
    *,
    prior: str = "harmonic",
    trust: bool = False,
    device: str | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    overwrite: bool = False,
) -> Inpainted:
    """Fill the hole of a photograph from around it. Every known pixel is kept to the bit, in a format without losses.

        x_hat = y where known, G elsewhere:  `trust.fusion.fuse` without noise, phi is exactly the hole

    Args:
        photograph: the picture; what stands in its hole is not looked at.
        mask: a picture of the same size, white where pixels are missing, black where they are known.
        output: the file to write; `photo.inpainted.png` beside the photograph when absent, or TIFF of a TIFF.
        prior: where the belief comes from, a name of `pellucid.methods.catalog.PRIORS`: `"harmonic"` fills without
            bends, `"plug-and-play"` asks the default model's specialist for noise, in turn with the data.
        trust: write maps of trust beside the result: the bound on the error is calibrated on holes of up to a third of
            pictures of 320 pixels (`scripts/calibrate_inpainting.py`), and larger holes are unlike those. The effect of
            a hole is all that stands in it.
        device: of that specialist; the best at hand when absent.
        max_megapixels: see `files.read_picture`.
        overwrite: replace files that are there.

    Raises:
        ImageError: when a file cannot be read or written, the sizes differ, or all or nothing is missing.
        MethodError: when the prior is not known.
        DeviceError: when there is no room.
    """
    source, target = Path(photograph), _target(Path(photograph), output)
    if format_of_target(target).name in LOSSY:
        logger.warning("%s is compressed with losses: known pixels change a little; name a PNG to keep them.", target)
    check_is_not_there(target, (source, Path(mask)), overwrite=overwrite)
    bound, maps = _bound() if trust else None, None
    if trust:
        check_trust_folder(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as open_files:
            picture = read_picture(source, scratch=target.parent, max_megapixels=max_megapixels)
            open_files.callback(picture.close)
            known = _known(Path(mask), picture, max_megapixels)
            box = _around(known)
            given, missing = picture.read(box.top, box.left, box.height, box.width), 1 - _cut(known, box)
            filled = _filled(given, 1 - missing, prior, chosen_device(device))
            canvas = Canvas(picture, target.parent)
            open_files.callback(canvas.close)
            if bound is not None:
                size = (picture.height, picture.width)
                maps = TrustMaps(size, bound.level, target.parent, picture.in_memory_bytes, is_hole=True)
                open_files.callback(maps.close)
            for part in _rest(box, picture.height, picture.width):
                pixels = picture.read(part.top, part.left, part.height, part.width)
                canvas.write(part.top, part.left, pixels)
                if maps is not None:
                    maps.write(part.top, part.left, pixels, torch.zeros_like(pixels))
            canvas.write(box.top, box.left, filled)
            if maps is not None and bound is not None:
                error = missing * bound(hole_scale(given, 1 - missing), prior)
                effect = missing * filled.mean(1, keepdim=True)
                maps.write(box.top, box.left, filled, torch.cat([missing, effect, error], dim=1))
            told = saved(canvas, maps, target, bundled_file(BOUND))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"Expected room for the hole of {source}, but the memory is full: close what else uses it, or fill the "
            "hole in parts."
        ) from error
    return Inpainted(target, 1 - known.mean().item(), told)


def _target(source: Path, output: str | Path | None) -> Path:
    if output is not None:
        return Path(output)
    suffix = source.suffix if source.suffix.lower() in KEEPING else ".png"
    return source.with_name(f"{source.stem}.inpainted{suffix}")


def _known(mask: Path, picture: Picture, max_megapixels: float) -> Tensor:
    """One where a pixel is known, `(1, 1, H, W)`."""
    drawn = read_picture(mask, max_megapixels=max_megapixels)
    try:
        if (drawn.height, drawn.width) != (picture.height, picture.width):
            raise ImageError(
                f"Expected a mask as large as its photograph, got {drawn.width}x{drawn.height} for "
                f"{picture.width}x{picture.height}: draw it on a copy of the photograph."
            )
        known = (drawn.read().mean(dim=1, keepdim=True) < 0.5).float()
    finally:
        drawn.close()
    if bool(known.all()) or not bool(known.any()):
        found = "none" if bool(known.all()) else "all"
        raise ImageError(
            f"Expected a mask with some pixels missing (white) and some known (black), got {found} missing: check it."
        )
    return known


def _around(known: Tensor) -> Box:
    """The rectangle of the hole and what is looked at around it."""
    rows, columns = (known[0, 0] == 0).nonzero().unbind(1)
    top, left = (max(0, int(line.min()) - AROUND) for line in (rows, columns))
    bottom = min(known.shape[-2], int(rows.max()) + 1 + AROUND)
    right = min(known.shape[-1], int(columns.max()) + 1 + AROUND)
    return Box(top, left, bottom - top, right - left)


def _cut(image: Tensor, box: Box) -> Tensor:
    return image[..., box.top : box.bottom, box.left : box.right]


def _filled(given: Tensor, known: Tensor, prior: str, device: str) -> Tensor:
    """The rectangle with its hole filled."""
    observed, mask = torch.where(known > 0, given, 0), Mask(known)
    generator = torch.Generator().manual_seed(0)
    guess = prior_called(prior, device).guess(observed, mask, noise_variance=0.0, generator=generator)
    return fuse(observed, guess.image, prior_variance=1.0, noise_variance=0.0, operator=mask).image


def _bound() -> ErrorBound:
    return ErrorBound.from_json(json.loads(bundled_file(BOUND).read_text(encoding="utf-8")))


def _rest(box: Box, height: int, width: int) -> Iterator[Box]:
    """What of the picture is not in the box, in parts that do not overlap."""
    for top, bottom in ((0, box.top), (box.bottom, height)):
        for first in range(top, bottom, STRIP):
            yield Box(first, 0, min(STRIP, bottom - first), width)
    for first in range(box.top, box.bottom, STRIP):
        rows = min(STRIP, box.bottom - first)
        if box.left > 0:
            yield Box(first, 0, rows, box.left)
        if box.right < width:
            yield Box(first, box.right, rows, width - box.right)
