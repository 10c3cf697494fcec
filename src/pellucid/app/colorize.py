"""Give a grey photograph colours, and say that they are belief; its brightness is kept."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.app.inpaint import KEEPING, LOSSY
from pellucid.app.targets import check_is_not_there
from pellucid.app.trust import Trust, TrustMaps, check_trust_folder, saved
from pellucid.errors import DeviceError, WeightsError
from pellucid.images.canvas import Canvas
from pellucid.images.files import MAX_MEGAPIXELS, read_picture
from pellucid.images.formats import format_of_target
from pellucid.images.overview import spread
from pellucid.images.tiling import Box
from pellucid.images.views import views_of
from pellucid.methods.load import load
from pellucid.methods.restorer import is_out_of_memory
from pellucid.trust.colour import colour_scale
from pellucid.trust.error_bound import ErrorBound
from pellucid.trust.fusion import effect, fuse
from pellucid.trust.operators.luma import Luma
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import sha256

logger = logging.getLogger(__name__)

STRIP_PIXELS = 1 << 21
"""Pixels that get their colours at once."""

COLOURS, BOUND = "colorize.safetensors", "colorize-bound.json"
"""The network that guesses, and the calibration of the bound on its error, see `scripts/calibrate_colorize.py`."""


@dataclass(frozen=True)
class Colorized:
    """What colorizing gave.

    Attributes:
        path: of the result.
        trust: the maps in a few numbers; `None` when none were asked for.
    """

    path: Path
    trust: Trust | None


def colorize(
    photograph: str | Path,
    output: str | Path | None = None,
    *,
    trust: bool = False,
    device: str | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    overwrite: bool = False,
) -> Colorized:
    """Give a photograph the colours that are expected of what it shows. All of them are belief; its luma is kept.

        x_hat = G + A^+ (y - A G):  `trust.fusion.fuse` without noise, A the luma, G the expected colours

    `0.299 R + 0.587 G + 0.114 B` of the result is that of the photograph, to half a level of the file in a format
    without losses. Colours that the photograph has are not looked at.

    Args:
        photograph: the picture.
        output: the file to write; `photo.colorized.png` beside the photograph when absent, or TIFF of a TIFF.
        trust: write maps of trust beside the result: the bound on the error is calibrated on photographs whose colours
            are known (`scripts/calibrate_colorize.py`); the effect is how far a colour is from grey.
        device: of the network; the best at hand when absent.
        max_megapixels: see `files.read_picture`.
        overwrite: replace files that are there.

    Raises:
        ImageError: when a file cannot be read or written.
        WeightsError: when network and bound do not belong together.
        DeviceError: when the device is not at hand, or there is no room.
    """
    source, target = Path(photograph), _target(Path(photograph), output)
    if format_of_target(target).name in LOSSY:
        logger.warning("%s is compressed with losses: its brightness changes a little; name a PNG to keep it.", target)
    check_is_not_there(target, (source,), overwrite=overwrite)
    if trust:
        check_trust_folder(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    bound = _bound()
    restorer = load(bundled_file(COLOURS), device).restorer
    try:
        with ExitStack() as open_files:
            picture = read_picture(source, scratch=target.parent, max_megapixels=max_megapixels)
            open_files.callback(picture.close)
            canvas, maps = Canvas(picture, target.parent, in_colour=True), None
            open_files.callback(canvas.close)
            size = (picture.height, picture.width)
            if trust:
                maps = TrustMaps(size, bound.level, target.parent, picture.in_memory_bytes)
                open_files.callback(maps.close)
            context = restorer.context(views_of(picture))
            for box in _strips(*size):
                given = picture.read(box.top, box.left, box.height, box.width)
                guess = restorer.restore(given, None if context is None else spread(context, size, box)).image
                coloured, its_maps = _fused(given, guess, bound)
                canvas.write(box.top, box.left, coloured)
                if maps is not None:
                    maps.write(box.top, box.left, coloured, its_maps)
            told = saved(canvas, maps, target, bundled_file(BOUND))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"Expected room to colorize {source}, but the memory is full: close what else uses it."
        ) from error
    return Colorized(target, told)


def _bound() -> ErrorBound:
    told = json.loads(bundled_file(BOUND).read_text(encoding="utf-8"))
    if told.get("colours_sha256") != sha256(bundled_file(COLOURS)):
        raise WeightsError(
            f"Expected {BOUND} to be calibrated for {COLOURS} of the same folder, it was not: install Pellucid again, "
            "or run scripts/calibrate_colorize.py."
        )
    return ErrorBound.from_json(told)


def _target(source: Path, output: str | Path | None) -> Path:
    if output is not None:
        return Path(output)
    suffix = source.suffix if source.suffix.lower() in KEEPING else ".png"
    return source.with_name(f"{source.stem}.colorized{suffix}")


def _strips(height: int, width: int) -> Iterator[Box]:
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield Box(top, 0, min(rows, height - top), width)


def _fused(given: Tensor, guess: Tensor, bound: ErrorBound) -> tuple[Tensor, Tensor]:
    """The colours with the luma that was observed, and the maps in the order of `app.trust.MAPS`."""
    operator = Luma()
    observed = operator.forward(given)
    fusion = fuse(observed, guess, prior_variance=1.0, noise_variance=0.0, operator=operator)
    away = effect(fusion.image, observed.expand_as(guess)).mean(dim=1, keepdim=True)
    error = bound(colour_scale(observed, fusion.image), None)
    return fusion.image, torch.cat([fusion.prior_weight.mean(dim=1, keepdim=True), away, error], dim=1)
