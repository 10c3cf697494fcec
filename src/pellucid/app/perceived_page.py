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
    clean = sum(picture.perception.is_clean for picture in pictures)
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
    return (
        f'<figure><div class="picture">{image}{_cells(picture)}</div><figcaption>{link(picture.source, page)}<br>'
        f"quality {seen.quality:.2f}, {seen.tier}{', clean' if seen.is_clean else ''}</figcaption>"
        f'<ul class="kinds">{kinds}</ul></figure>'
    )


def _cells(picture: PerceivedPicture) -> str:
    """The coarse map over the picture: a part each, redder where more is wrong."""
    cells = []
    for detail in picture.perception.details:
        box = detail.box
        worst = max(detail.presence[name] * detail.severity[name] for name in detail.presence)
        place = (
            f"left:{100 * box.left / picture.width:.1f}%;top:{100 * box.top / picture.height:.1f}%;"
            f"width:{100 * box.width / picture.width:.1f}%;height:{100 * box.height / picture.height:.1f}%"
        )
        title = html.escape(told(detail))
        cells.append(f'<i style="{place};opacity:{0.7 * worst:.2f}" title="{title}"></i>')
    return "".join(cells)


def told(detail: Detail) -> str:
    """What a part of a picture shows, in words."""
    there = [name for name, presence in detail.presence.items() if presence >= LEAST_PRESENCE]
    return ", ".join(f"{name} {detail.severity[name]:.2f}" for name in there) or "clean"


def _table(pictures: Sequence[PerceivedPicture], page: Path) -> str:
    if not pictures:
        return ""
    rows = "".join(
        f"<tr><td>{link(its.source, page)}</td><td>{html.escape(str(its.perception))}</td></tr>" for its in pictures
    )
    return f"<table><tr><th>picture</th><th>what is wrong</th></tr>{rows}</table>"
