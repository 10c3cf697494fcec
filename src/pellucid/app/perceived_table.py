"""What was perceived in many pictures as a table: CSV, a row each."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from pellucid.app.outcome import SetAside
from pellucid.app.perceived import PerceivedPicture
from pellucid.images.atomic import replacing

_FIRST_COLUMNS = ("picture", "height", "width", "quality", "tier", "found")


def is_table(table: Path) -> bool:
    """Whether a file is such a table."""
    try:
        with table.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(",".join(_FIRST_COLUMNS))
    except OSError:
        return False


def write_table(
    pictures: Sequence[PerceivedPicture], failed: Sequence[SetAside], names: Sequence[str], path: Path
) -> None:
    """Write it, whole or not at all: a row per picture, at the end those that were set aside.

    Of every kind presence, severity, and words where it is found; then the quality of the last JPEG compression, where
    it can be read from the pixels.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f"{name} {what}" for name in names for what in ("presence", "severity", "words")]
    writer.writerow([*_FIRST_COLUMNS, *columns, "compressed at", "set aside"])
    for picture in pictures:
        seen = picture.perception
        wrong = seen.wrong
        cells = [_name(picture.source), picture.height, picture.width, f"{seen.quality:.3f}", seen.tier]
        cells.append(" ".join(wrong))
        for name in names:
            found = seen.kinds[name]
            cells += [f"{found.presence:.3f}", f"{found.severity:.3f}", found.words if name in wrong else ""]
        writer.writerow([*cells, "" if picture.compressed_at is None else picture.compressed_at, ""])
    for one in failed:
        empty = [""] * (len(_FIRST_COLUMNS) - 1 + len(columns) + 1)
        writer.writerow([_name(one.source), *empty, one.reason])
    with replacing(path) as partial:
        partial.write_text(text.getvalue(), encoding="utf-8", errors="surrogateescape")


def _name(source: Path) -> str:
    """As it was given; what a spreadsheet would take for a formula begins with its folder."""
    return f"./{source}" if str(source).startswith(("=", "+", "-", "@")) else str(source)
