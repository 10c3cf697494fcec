"""What was perceived, as lines for a terminal."""

from collections.abc import Iterator

from pellucid.app.perceived import Perceived, PerceivedPicture
from pellucid.app.perceived_page import told


def lines_of(perceived: Perceived) -> Iterator[str]:
    """One line per picture, from worst to best; of a single picture every kind, and its parts."""
    for picture in perceived.pictures:
        yield f"{picture.source}: {picture.perception}"
    if len(perceived.pictures) == 1 and not perceived.failed:
        yield from _closely(perceived.pictures[0])
    yield from (str(path) for path in (perceived.table, perceived.page) if path is not None)


def _closely(picture: PerceivedPicture) -> Iterator[str]:
    seen = picture.perception
    for name, found in seen.kinds.items():
        strength = f"{found.words}, severity {found.severity:.2f}" if name in seen.wrong else "-"
        yield f"  {name:<10}{100 * found.presence:4.0f} %  {strength}"
    for detail in seen.details:
        box = detail.box
        place = f"{box.width} x {box.height} at {box.left}, {box.top}"
        yield f"  {place:<24}quality {detail.quality:.2f}  {told(detail)}"
