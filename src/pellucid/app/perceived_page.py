"""The contact sheet of pictures that were looked at: one self-contained HTML page, worst first."""

import html
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from torch import Tensor
from torch.nn import functional as F

from pellucid.app.outcome import SetAside
from pellucid.app.perceived import PerceivedPicture
from pellucid.app.preview import jpeg
from pellucid.app.report import as_data, link, set_aside
from pellucid.images.picture import Picture
from pellucid.methods.perceiver import LEAST_PRESENCE, Detail
from pellucid.version import __version__

LARGEST_NUM_SHOWN = 1000
"""Pictures with a thumbnail on one page, some 10 kB each; the others are listed."""

THUMBNAIL_SIDE = 256
"""Of the longest side, pixels."""


def thumbnail(overview: Tensor, picture: Picture | None = None) -> bytes:
    """The overview `(1, 3, h, w)` of a picture as a small JPEG, with the profile of its file."""
    factor = max(1.0, max(overview.shape[-2:]) / THUMBNAIL_SIDE)
    size = [max(1, round(side / factor)) for side in overview.shape[-2:]]
    return jpeg(F.interpolate(overview.float().clamp(0, 1), size, mode="area"), picture)


def perceived_page(
    pictures: Sequence[PerceivedPicture], thumbnails: Mapping[Path, bytes], failed: Sequence[SetAside], page: Path
) -> str:
    """The page, HTML.

    Args:
        pictures: in the order to show them.
        thumbnails: of each, JPEG, by its file.
        failed: pictures that could not be read.
        page: where the page will lie; links start there.
    """
    template = Template((files("pellucid.app") / "contact-sheet.html").read_text(encoding="utf-8"))
    clean = sum(picture.perception.is_clean and not picture.perception.is_plain for picture in pictures)
    shown, listed = pictures[:LARGEST_NUM_SHOWN], pictures[LARGEST_NUM_SHOWN:]
    return template.substitute(
        title=f"{len(pictures)} picture{'' if len(pictures) == 1 else 's'}, worst first",
        subtitle=f"{clean} clean, {len(failed)} set aside; Pellucid {__version__}, {time.strftime('%Y-%m-%d %H:%M')}",
        failed=set_aside(failed),
        pictures="\n".join(_figure(picture, thumbnails[picture.source], page) for picture in shown),
        others=_table(listed, page),
    )


def _figure(picture: PerceivedPicture, small: bytes, page: Path) -> str:
    seen = picture.perception
    kinds = "".join(
        f'<li style="--share: {100 * found.severity:.0f}%">{html.escape(name)}: {html.escape(found.words)}</li>'
        for name, found in seen.wrong.items()
    )
    image = f'<img alt="" src="{as_data(small)}">'
    compressed = "" if picture.compressed_at is None else f"; a JPEG of {picture.compressed_at}, by its pixels"
    told = "too plain to tell; " if seen.is_plain else "clean; " if seen.is_clean else ""
    return (
        f'<figure><div class="picture">{image}{_cells(picture)}</div><figcaption>{link(picture.source, page)}<br>'
        f"{told}quality {seen.quality:.2f}{compressed}</figcaption>"
        f'<ul class="kinds">{kinds}</ul></figure>'
    )


def _cells(picture: PerceivedPicture) -> str:
    """The coarse map over the picture: cells of equal size, redder where what is found is more severe.

    The parts that were looked at may overlap, or lie far apart; a cell stands for the part in its row and column.
    """
    details = picture.perception.details
    rows = sorted({detail.box.top for detail in details})
    columns = sorted({detail.box.left for detail in details})
    height, width = 100 / len(rows), 100 / len(columns)
    cells = []
    for detail in details:
        top, left = height * rows.index(detail.box.top), width * columns.index(detail.box.left)
        place = f"left:{left:.1f}%;top:{top:.1f}%;width:{width:.1f}%;height:{height:.1f}%"
        worst = max(found_in(detail).values(), default=0.0)
        cells.append(f'<i style="{place};opacity:{0.7 * worst:.2f}" title="{html.escape(told(detail))}"></i>')
    return "".join(cells)


def found_in(detail: Detail) -> dict[str, float]:
    """What a part of a picture shows, and how severe it is."""
    there = [name for name, presence in detail.presence.items() if presence >= LEAST_PRESENCE]
    return {name: detail.severity[name] for name in there}


def told(detail: Detail) -> str:
    """The same in words."""
    return ", ".join(f"{name} {severity:.2f}" for name, severity in found_in(detail).items()) or "clean"


def _table(pictures: Sequence[PerceivedPicture], page: Path) -> str:
    if not pictures:
        return ""
    rows = "".join(f"<tr><td>{link(its.source, page)}</td><td>{html.escape(str(its))}</td></tr>" for its in pictures)
    return f"<table><tr><th>picture</th><th>what is wrong</th></tr>{rows}</table>"
