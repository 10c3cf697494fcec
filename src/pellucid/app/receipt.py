"""What was done to one picture, precisely enough to prove it or to do it again."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pellucid.errors import ImageError
from pellucid.images.atomic import replacing

RECEIPT_SUFFIX = ".receipt.json"


@dataclass(frozen=True)
class FileFacts:
    """One file as it was.

    Attributes:
        name: as it was given.
        sha256: of its bytes, hexadecimal.
        bytes: its size.
        modified_ns: time of its last change, nanoseconds since 1970.
    """

    name: str
    sha256: str
    bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path, sha256: str) -> "FileFacts":
        """The facts of a file that is there."""
        state = path.stat()
        return cls(str(path), sha256, state.st_size, state.st_mtime_ns)

    def looks_unchanged(self, path: Path) -> bool:
        """Whether size and time of the file at `path` are as they were; as `make` and `git` decide it."""
        try:
            state = path.stat()
        except OSError:
            return False
        return (state.st_size, state.st_mtime_ns) == (self.bytes, self.modified_ns)


@dataclass(frozen=True)
class Receipt:
    """What was done to one picture.

    Attributes:
        source: the original.
        target: the result.
        model: as it was asked for.
        model_sha256: hash of the weights file.
        device: where it ran.
        taken_for: what the model took the picture for (`"noise"`); `None` when it tells nothing apart.
        tile: side of the largest square restored at once, pixels; `None` for the whole picture.
        height: pixels, upright.
        width: pixels, upright.
        seconds: of wall clock, file to file.
        not_kept: sentences on what the result could not keep of the original.
        pellucid: version.
        finished_at: UTC, ISO 8601.
        perceiver_sha256: hash of the weights of who judged; `None` when the picture was restored in any case.
        perceived: kinds of degradation that were found, and how severe, in `[0, 1]`; empty for a clean picture, and
            when nobody looked.
        quality_before: of the original as perceived, from 0 to 1; `None` when nobody looked.
        quality_after: of what restoring gave; `None` when nothing was restored, or nobody looked.
        harm_before: how much is wrong with the original, severities weighted by how probable they are; likewise.
        harm_after: of what restoring gave; likewise.
        kept: why the result is the original; `None` when it is restored.
        belief: how much of what restoring changes is in the result, in `[0, 1]`.
        trust: the maps that lie beside the result in a few numbers, see `pellucid.app.trust.Trust`; `None` without.
        degradations: what the picture was said to have, so that nobody judged; empty when all was seen.
        rain_mismatch: mean of |picture - background - rain|, in the unit of pictures, of a model that gives both.
    """

    source: FileFacts
    target: FileFacts
    model: str
    model_sha256: str
    device: str
    taken_for: str | None
    tile: int | None
    height: int
    width: int
    seconds: float
    not_kept: tuple[str, ...]
    pellucid: str
    finished_at: str
    perceiver_sha256: str | None = None
    perceived: dict[str, float] = field(default_factory=dict)
    quality_before: float | None = None
    quality_after: float | None = None
    harm_before: float | None = None
    harm_after: float | None = None
    kept: str | None = None
    belief: float = 1.0
    trust: dict[str, float | bool] | None = None
    rain_mismatch: float | None = None
    degradations: tuple[str, ...] = ()

    @property
    def is_untouched(self) -> bool:
        """Whether the result is the original itself, kept where it lies."""
        return self.kept is not None and self.source == self.target

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Receipt":
        """The receipt that `as_json` gave.

        Raises:
            TypeError, KeyError: when `values` are those of another version.
        """
        files = {side: FileFacts(**values[side]) for side in ("source", "target")}
        lists = {"not_kept": values["not_kept"], "degradations": values.get("degradations", ())}
        return cls(**{**values, **files, **{name: tuple(its) for name, its in lists.items()}})


def receipt_path(target: Path) -> Path:
    """Where the receipt of a result lies: beside it."""
    return target.with_name(target.name + RECEIPT_SUFFIX)


def update_receipt(receipt: Receipt, target: Path, *, is_wanted: bool) -> None:
    """See that what lies beside a result is true: written when wanted, rewritten when it tells of an earlier result.

    A file of somebody else that happens to have the name is left alone unless a receipt is wanted.
    """
    there = _read(receipt_path(target))
    if there != json.loads(json.dumps(receipt.as_json())) and (is_wanted or (there or {}).keys() >= {"pellucid"}):
        write_receipt(receipt, target)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def write_receipt(receipt: Receipt, target: Path) -> Path:
    """Write the receipt of a result beside it, whole or not at all. Returns its path.

    Raises:
        ImageError: when it cannot be written, such as where its name would be too long.
    """
    path = receipt_path(target)
    try:
        with replacing(path) as partial:
            partial.write_text(json.dumps(receipt.as_json(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(
            f"Expected to write the receipt {path.name}, but that failed ({reason}): the result itself is whole; "
            "rename the picture, or leave --receipts out."
        ) from error
    return path
