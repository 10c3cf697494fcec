"""Fill what is missing of a photograph, and say that it is belief; what is known is kept to the bit."""

import json
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

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
"""Pixels around a hole that are looked at."""

APART = 16
"""Pixels between holes, at most twice that, from which on each is filled on its own."""

STRIP = 256
"""Rows that are written at once."""

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
        mask: a picture of the same size, white where pixels are missing, black where they are known; what is
            transparent in it is not drawn, and known.
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
            if format_of_target(target).name == picture.format and picture.header.encoding.compression == "jpeg":
                logger.warning("%s is compressed as a JPEG is, inside a TIFF: known pixels change a little.", target)
            known, size = _known(Path(mask), picture, max_megapixels), (picture.height, picture.width)
            filler = _Filler(picture, known, prior, device, bound)
            canvas = Canvas(picture, target.parent)
            open_files.callback(canvas.close)
            if bound is not None:
                maps = TrustMaps(size, bound.level, target.parent, picture.in_memory_bytes, is_hole=True)
                open_files.callback(maps.close)
            for top in range(0, size[0], STRIP):
                pixels, its_maps = filler.strip(top, min(STRIP, size[0] - top))
                canvas.write(top, 0, pixels)
                if maps is not None:
                    maps.write(top, 0, pixels, its_maps)
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
        missing = drawn.read().mean(dim=1, keepdim=True) >= 0.5
        if drawn.has_alpha:
            samples = drawn.read_samples(Box(0, 0, drawn.height, drawn.width))
            is_drawn = samples[..., drawn.samples.colours] >= drawn.samples.opaque / 2
            missing &= torch.from_numpy(is_drawn.copy())
        known = (~missing).float()
    finally:
        drawn.close()
    if bool(known.all()) or not bool(known.any()):
        found = "none" if bool(known.all()) else "all"
        raise ImageError(
            f"Expected a mask with some pixels missing (white) and some known (black), got {found} missing: check it."
        )
    return known


class _Filler:
    """Fills the holes of a picture strip by strip, each hole with its surroundings on its own, when it is reached.

    Args:
        picture: as it came.
        known: `(1, 1, H, W)`.
        name: of the prior that fills.
        device: of it.
        bound: on the error; `None` where no maps are asked for.
    """

    def __init__(self, picture: Picture, known: Tensor, name: str, device: str | None, bound: ErrorBound | None):
        self.picture, self.known, self.name, self.bound = picture, known, name, bound
        self.prior = prior_called(name, chosen_device(device))
        self.holes = holes_of(known)
        self._filled: dict[Box, tuple[Tensor, Tensor]] = {}

    def strip(self, top: int, rows: int) -> tuple[Tensor, Tensor]:
        """Some rows of the result, `(1, 3, rows, W)`, and their maps in the order of `app.trust.MAPS`."""
        pixels, bottom = self.picture.read(top, 0, rows, self.picture.width), top + rows
        maps = torch.zeros_like(pixels)
        for box, own in self.holes:
            if box.top >= bottom or box.bottom <= top:
                continue
            if box not in self._filled:
                self._filled[box] = self._fill(box)
            first, last = max(top, box.top), min(bottom, box.bottom)
            theirs = slice(first - box.top, last - box.top)
            for whole, filled in zip((pixels, maps), self._filled[box], strict=True):
                place = whole[..., first - top : last - top, box.left : box.right]
                place.copy_(torch.where(own[theirs], filled[..., theirs, :], place))
            if box.bottom <= bottom:
                del self._filled[box]
        return pixels, maps

    def _fill(self, box: Box) -> tuple[Tensor, Tensor]:
        given = self.picture.read(box.top, box.left, box.height, box.width)
        known = self.known[..., box.top : box.bottom, box.left : box.right]
        observed, operator = torch.where(known > 0, given, 0), Mask(known)
        generator = torch.Generator().manual_seed(0)
        guess = self.prior.guess(observed, operator, noise_variance=0.0, generator=generator)
        filled = fuse(observed, guess.image, prior_variance=1.0, noise_variance=0.0, operator=operator).image
        if self.bound is None:
            return filled, torch.zeros_like(filled)
        missing = 1 - known
        error = missing * self.bound(hole_scale(given, known), self.name)
        return filled, torch.cat([missing, missing * filled.mean(dim=1, keepdim=True), error], dim=1)


def holes_of(known: Tensor) -> list[tuple[Box, Tensor]]:
    """Holes that are far enough apart to be filled one by one.

    Args:
        known: `(1, 1, H, W)`, one where a pixel is known and zero in the holes.

    Returns:
        Of each the rectangle that is looked at, and which of its pixels, `(h, w)`, are the hole: others may be there.
    """
    missing = known[0, 0] == 0
    is_taken = F.max_pool2d(1 - known, APART, ceil_mode=True)[0, 0] > 0  # in squares of `APART` pixels
    number = torch.arange(1, is_taken.numel() + 1, dtype=torch.float64).view_as(is_taken) * is_taken
    while True:  # the greatest number wins, until squares that touch, at corners, too, have one
        grown = F.max_pool2d(number[None, None], 3, stride=1, padding=1)[0, 0] * is_taken
        if torch.equal(grown, number):
            break
        number = grown
    found, (height, width) = [], missing.shape
    for group, squares in _places(number).items():
        first, last = (APART * squares.amin(dim=0)).tolist(), (APART * (squares.amax(dim=0) + 1)).tolist()
        inside = slice(first[0], min(last[0], height)), slice(first[1], min(last[1], width))
        its = (missing[inside] & _enlarged(number == group, inside)).nonzero() + torch.tensor(first)
        (top, left), (bottom, right) = its.amin(dim=0).tolist(), (its.amax(dim=0) + 1).tolist()
        rows = slice(max(0, top - AROUND), min(bottom + AROUND, height))
        columns = slice(max(0, left - AROUND), min(right + AROUND, width))
        box = Box(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
        found.append((box, missing[rows, columns] & _enlarged(number == group, (rows, columns))))
    return sorted(found, key=lambda hole: hole[0].top)


def _places(number: Tensor) -> dict[float, Tensor]:
    """Number to the squares that have it, `(N, 2)`."""
    places = number.nonzero()
    told, order = number[number > 0].sort(stable=True)
    names, counts = told.unique_consecutive(return_counts=True)
    return dict(zip(names.tolist(), places[order].split(counts.tolist()), strict=True))


def _enlarged(squares: Tensor, box: tuple[slice, slice]) -> Tensor:
    """Squares of `APART` pixels as pixels, those of a box."""
    rows, columns = (torch.arange(side.start, side.stop) // APART for side in box)
    return squares[rows][:, columns]


def _bound() -> ErrorBound:
    return ErrorBound.from_json(json.loads(bundled_file(BOUND).read_text(encoding="utf-8")))
