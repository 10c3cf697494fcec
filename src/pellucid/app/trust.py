"""Maps of trust beside a result: how far it may be off, how much of it is belief, and a picture of that."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.app.trust_overlay import overlay_png
from pellucid.errors import ImageError
from pellucid.images.atomic import replacing
from pellucid.images.map_canvas import WHITE, MapCanvas

MAPS = ("prior", "effect", "error")
"""Those that are written, as `pellucid.methods.trusted` names them."""

LARGEST_OVERLAY = 1600
"""Of the drawn picture's longest side, pixels."""

VISIBLE = 16 / 255
"""An error that people see at once."""

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Trust:
    """The maps of one result in a few numbers.

    Attributes:
        level: share of the values within the bound, on the average of pictures like those it was calibrated on.
        belief: which share of the light in the result is not in the original: sum of |restored - degraded| over sum of
            restored, at most 1. That is what was added by the prior.
        prior: mean of the share of belief, phi.
        error: mean of the bound, in the unit of pictures.
        may_be_off: share of the pixels whose bound is above `VISIBLE`.
    """

    level: float
    belief: float
    prior: float
    error: float
    may_be_off: float

    def __str__(self) -> str:
        return (
            f"{100 * self.belief:.1f} % of this picture rests on the prior; {10 * self.level:g} of 10 values are "
            f"expected within {255 * self.error:.1f} of 255 levels of the truth, and {100 * self.may_be_off:.1f} % of "
            f"the picture may be off by more than {255 * VISIBLE:.0f}"
        )


def trust_folder(target: Path) -> Path:
    """Where the maps of a result lie: beside it."""
    return target.with_name(target.name + ".trust")


def has_trust(target: Path, sha256: str) -> bool:
    """Whether the maps of a result, whose file has this hash, are there."""
    summary = _summary(trust_folder(target))
    return summary is not None and summary.get("target_sha256") == sha256


def check_trust_folder(target: Path, *, overwrite: bool) -> None:
    """Refuse to write among files of somebody else.

    Raises:
        ImageError: when something lies where the maps would, and it is not maps.
    """
    folder = trust_folder(target)
    if overwrite or not os.path.lexists(folder) or _summary(folder) is not None:
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise ImageError(
            f"Expected no files at {folder}, found some that Pellucid did not write: move them, or use --overwrite."
        )


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
    """

    def __init__(self, size: tuple[int, int], level: float, scratch: Path, in_memory_bytes: int) -> None:
        self.size, self.level = size, level
        self._canvas = MapCanvas(MAPS, *size, scratch, in_memory_bytes)
        self._step = -(-max(size) // LARGEST_OVERLAY)
        self._small = torch.zeros(1, 4, *(-(-side // self._step) for side in size))
        self.begin()

    def begin(self) -> None:
        """All is still to come; what was written before does not count."""
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
        part = torch.cat([restored, maps[:, 2:]], dim=1)[..., row :: self._step, column :: self._step]
        first, start = -(-top // self._step), -(-left // self._step)
        self._small[..., first : first + part.shape[-2], start : start + part.shape[-1]] = part

    def summary(self) -> Trust:
        """Of what was written so far."""
        pixels, sums = self.size[0] * self.size[1], self._sums
        belief = min(1.0, sums["effect"] / max(sums["light"], 1e-9))
        prior, error, off = (sums[name] / pixels for name in ("prior", "error", "off"))
        return Trust(self.level, *(round(one, 6) for one in (belief, prior, error, off)))

    def save(self, target: Path, target_sha256: str, version: str) -> Trust:
        """Write the folder of the result at `target`; what says that it is whole comes last.

        Raises:
            ImageError: when it cannot be written.
        """
        folder, told = trust_folder(target), self.summary()
        try:
            folder.mkdir(exist_ok=True)
            (folder / SUMMARY).unlink(missing_ok=True)  # until the maps are those of this result
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ImageError(f"Expected to write {folder}, but that failed ({reason}): check the folder.") from error
        self._canvas.save({name: folder / f"{name}.png" for name in MAPS})
        drawn = overlay_png(self._small[:, :3], self._small[:, 3:], self.level)
        values = {
            "pellucid": version,
            "target": target.name,
            "target_sha256": target_sha256,
            "one_is_stored_as": WHITE,
            "says": str(told),
            **asdict(told),
        }
        for name, data in (("overlay.png", drawn), (SUMMARY, (json.dumps(values, indent=2) + "\n").encode())):
            with replacing(folder / name) as partial:
                partial.write_bytes(data)
        return told

    def close(self) -> None:
        """Give the samples back."""
        self._canvas.close()
