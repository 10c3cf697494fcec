"""What was perceived, as lines for a terminal."""

from collections.abc import Iterator

from pellucid.app.perceived import Perceived, PerceivedPicture
from pellucid.app.perceived_page import told
from pellucid.images.containers.reading import printable


def lines_of(perceived: Perceived) -> Iterator[str]:
    """One line per picture, from worst to best; of a single picture every kind, and its parts."""
    for picture in perceived.pictures:
        yield f"{printable(str(picture.source))}: {picture}"
    if len(perceived.pictures) == 1 and not perceived.failed:
        yield from _closely(perceived.pictures[0])
    yield from (str(path) for path in (perceived.table, perceived.page) if path is not None)


def _closely(picture: PerceivedPicture) -> Iterator[str]:
    seen = picture.perception
    yield f"  most probable tier of quality: {seen.tier}"
    yield "  kind      how probable, how severe where it is"
    for name, found in seen.kinds.items():
        strength = f"{found.words}, severity {found.severity:.2f}" if name in seen.wrong else "-"
        yield f"  {name:<10}{100 * found.presence:4.0f} %  {strength}"
    boxes = [detail.box for detail in seen.details]
    looked_at = min(1.0, sum(box.height * box.width for box in boxes) / (picture.height * picture.width))
    size = f"{boxes[0].width} x {boxes[0].height} pixels"
    yield f"  {len(boxes)} parts of {size} were looked at, {100 * looked_at:.0f} % of the picture at most"
    yield "  from the left, from the top: quality, what is found there and how severe it is"
    for detail in seen.details:
        place = f"{detail.box.left}, {detail.box.top}:"
        yield f"  {place:<16}{detail.quality:.2f}  {told(detail)}"
