"""Maps of trust beside a result: how far it may be off, how much of it is belief, and a picture of that."""

import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyvips
import torch
from torch import Tensor

from pellucid.app.leftovers import remove_leftovers
from pellucid.app.trust_overlay import overlay_png
from pellucid.errors import ImageError
from pellucid.images.atomic import replacing
from pellucid.images.canvas import Canvas, unencodable
from pellucid.images.map_canvas import WHITE, MapCanvas
from pellucid.version import __version__
from pellucid.weights.files import sha256

logger = logging.getLogger(__name__)

MAPS = ("prior", "effect", "error")
"""Those that are written, as `pellucid.methods.trusted` names them."""

LARGEST_OVERLAY = 1600
"""Of the drawn picture's longest side, pixels."""

VISIBLE = 16 / 255
"""An error that people see at once."""

TRUST_SUFFIX = ".trust"

SUMMARY, OVERLAY = "summary.json", "overlay.png"

_NAMES = (*(f"{name}.png" for name in MAPS), OVERLAY)


@dataclass(frozen=True)
class Trust:
    """The maps of one result in a few numbers.

    Attributes:
        level: share of the values within their bound, on the average of pictures like those it was calibrated on.
        belief: of a restored picture the share of its light that was changed, sum of |restored - degraded| over sum of
            restored, at most 1; of one whose hole was filled the share of the hole. That is what rests on the prior.
        effect: mean of |restored - degraded|, in the unit of pictures.
        prior: mean of phi.
        error: mean of the bound, in the unit of pictures; over the hole, where one was filled.
        may_be_off: share of the pixels whose bound is above `VISIBLE`; likewise.
        is_hole: whether a hole was filled.
    """

    level: float
    belief: float
    effect: float
    prior: float
    error: float
    may_be_off: float

    is_hole: bool = False

    def __str__(self) -> str:
        what = "hole" if self.is_hole else "picture"
        return (
            f"{100 * self.belief:.1f} % of this picture rests on the prior; {10 * self.level:g} of 10 values are "
            f"expected within the bound drawn for their place, {255 * self.error:.1f} of 255 levels on the average, "
            f"and more than {255 * VISIBLE:.0f} in {100 * self.may_be_off:.1f} % of the {what}"
        )


def trust_folder(target: Path) -> Path:
    """Where the maps of a result lie: beside it."""
    return target.with_name(target.name + TRUST_SUFFIX)


def has_trust(target: Path, sha256: str, trust_sha256: str) -> bool:
    """Whether all maps of a result are there, whose file has this hash, by these weights."""
    folder = trust_folder(target)
    summary = _summary(folder) or {}
    is_this = (summary.get("target_sha256"), summary.get("trust_sha256")) == (sha256, trust_sha256)
    return is_this and all((folder / name).is_file() for name in _NAMES)


def remove_trust(target: Path) -> None:
    """Remove maps of ours beside a result that is about to be another one."""
    folder = trust_folder(target)
    if _summary(folder) is not None:
        for name in (*_NAMES, SUMMARY):
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # somebody has put something there
            folder.rmdir()


def check_trust_folder(target: Path, *, overwrite: bool) -> None:
    """Refuse to write among files of somebody else.

    Raises:
        ImageError: when something lies where the maps would, and it is not maps.
    """
    folder = trust_folder(target)
    if not os.path.lexists(folder) or _summary(folder) is not None or (overwrite and folder.is_dir()):
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise ImageError(
            f"Expected no files at {folder}, found some that Pellucid did not write: move them, or use --overwrite."
        )


def is_trust_folder(folder: Path) -> bool:
    """Whether a folder holds the maps of a result, and no photographs."""
    return folder.name.endswith(TRUST_SUFFIX) and _summary(folder) is not None


def _summary(folder: Path) -> dict[str, Any] | None:
    try:
        values = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) and "pellucid" in values else None


class TrustMaps:
    """Takes the maps of a picture tile by tile.

    Args:
        size: height and width of the picture, pixels.
        level: of the bound.
        scratch: where samples go while they are many.
        in_memory_bytes: what may stay in memory.
        is_hole: whether the picture was not restored, but a hole in it filled.
    """

    def __init__(
        self, size: tuple[int, int], level: float, scratch: Path, in_memory_bytes: int, *, is_hole: bool = False
    ) -> None:
        self.size, self.level, self.is_hole = size, level, is_hole
        self._canvas = MapCanvas(MAPS, *size, scratch, in_memory_bytes)
        self._step = -(-max(size) // LARGEST_OVERLAY)
        self._small = torch.zeros(1, 4, *(-(-side // self._step) for side in size))
        self.begin()

    def begin(self) -> None:
        """All is still to come; what was written before does not count."""
        self._small.zero_()
        self._sums: dict[str, float] = dict.fromkeys(("light", "effect", "prior", "error", "off"), 0.0)

    def write(self, top: int, left: int, restored: Tensor, maps: Tensor) -> None:
        """A box of the result, `(1, 3, h, w)`, and of the maps, `(1, 3, h, w)` in the order of `MAPS`."""
        self._canvas.write(top, left, maps)
        restored, maps = restored.float().clamp(0, 1).cpu(), maps.float().cpu()
        prior, effect, error = maps.double().unbind(1)
        for name, value in (
            ("light", restored.double().mean(dim=1)),
            ("effect", effect),
            ("prior", prior),
            ("error", error),
            ("off", error > VISIBLE),
        ):
            self._sums[name] += value.sum().item()
        row, column = -top % self._step, -left % self._step
        part = restored[..., row :: self._step, column :: self._step]
        first, start = -(-top // self._step), -(-left // self._step)
        self._small[:, :3, first : first + part.shape[-2], start : start + part.shape[-1]] = part
        # Of the bounds in a drawn pixel the greatest, so that nothing thin is left out.
        rows = (torch.arange(top, top + maps.shape[-2]) // self._step)[:, None] * self._small.shape[-1]
        places = rows + torch.arange(left, left + maps.shape[-1]) // self._step
        self._small[0, 3].view(-1).scatter_reduce_(0, places.flatten(), maps[0, 2].flatten(), "amax")

    def summary(self) -> Trust:
        """Of what was written so far."""
        pixels, sums = self.size[0] * self.size[1], self._sums
        prior, effect = sums["prior"] / pixels, sums["effect"] / pixels
        belief = prior if self.is_hole else min(1.0, sums["effect"] / max(sums["light"], 1e-9))
        counted = max(sums["prior"], 1.0) if self.is_hole else pixels
        error, off = sums["error"] / counted, sums["off"] / counted
        belief, effect, prior, error, off = (round(one, 6) for one in (belief, effect, prior, error, off))
        return Trust(self.level, belief, effect, prior, error, off, self.is_hole)

    def write_maps(self, target: Path, version: str) -> None:
        """Write the maps of what will lie at `target`. They are of no result until `finish` says so.

        Raises:
            ImageError: when they cannot be written.
        """
        folder = trust_folder(target)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ImageError(f"Expected to write {folder}, but that failed ({reason}): check the folder.") from error
        self._write(folder / SUMMARY, {"pellucid": version, "target": target.name, "is_whole": False})
        remove_leftovers([folder])
        self._canvas.save({name: folder / f"{name}.png" for name in MAPS})
        try:
            drawn = overlay_png(self._small[:, :3], self._small[:, 3:], self.level, is_hole=self.is_hole)
        except pyvips.Error as error:
            raise unencodable(folder / OVERLAY, error) from error
        with replacing(folder / OVERLAY) as partial:
            partial.write_bytes(drawn)

    def finish(self, target: Path, target_sha256: str, trust_sha256: str, version: str) -> Trust:
        """Say that the maps are whole, and what they say.

        Raises:
            ImageError: when it cannot be written.
        """
        told = self.summary()
        values = {
            "pellucid": version,
            "target": target.name,
            "is_whole": True,
            "target_sha256": target_sha256,
            "trust_sha256": trust_sha256,
            "one_is_stored_as": WHITE,
            "says": str(told),
            **asdict(told),
        }
        self._write(trust_folder(target) / SUMMARY, values)
        return told

    def _write(self, path: Path, values: dict[str, Any]) -> None:
        with replacing(path) as partial:
            partial.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Give the samples back."""
        self._canvas.close()


def saved(canvas: Canvas, maps: TrustMaps | None, target: Path, trust_source: Path) -> Trust | None:
    """A finished picture and its maps as files: the maps first, and what makes them the picture's last.

    Args:
        canvas: the picture.
        maps: of it; `None` when none were asked for.
        target: the picture's file.
        trust_source: the file that the bound comes from.

    Raises:
        ImageError: when a file cannot be written.
    """
    if maps is None:
        remove_trust(target)  # those of the picture that was there before
        canvas.save(target)
        return None
    maps.write_maps(target, __version__)
    canvas.save(target)
    told = maps.finish(target, sha256(target), sha256(trust_source), __version__)
    logger.info("%s: %s.", target, told)
    return told
