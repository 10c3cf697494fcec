"""What was perceived in many pictures as a table: CSV, a row each."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from pellucid.app.perceived import PerceivedPicture
from pellucid.images.atomic import replacing

_FIRST_COLUMNS = ("picture", "height", "width", "quality", "tier")


def is_table(table: Path) -> bool:
    """Whether a file is such a table."""
    try:
        with table.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(",".join(_FIRST_COLUMNS))
    except OSError:
        return False


def write_table(pictures: Sequence[PerceivedPicture], names: Sequence[str], path: Path) -> None:
    """Write it, whole or not at all: a row per picture, of every kind presence, severity and words."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [*_FIRST_COLUMNS, *(f"{name} {what}" for name in names for what in ("presence", "severity", "words"))]
    )
    for picture in pictures:
        seen = picture.perception
        kinds = [
            cell
            for found in seen.kinds.values()
            for cell in (f"{found.presence:.3f}", f"{found.severity:.3f}", found.words)
        ]
        writer.writerow([picture.source, picture.height, picture.width, f"{seen.quality:.3f}", seen.tier, *kinds])
    with replacing(path) as partial:
        partial.write_text(text.getvalue(), encoding="utf-8", errors="surrogateescape")
