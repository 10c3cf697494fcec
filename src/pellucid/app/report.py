"""One self-contained HTML page about a run: before and after, sizes, times, what was not kept, what failed."""

import base64
import contextlib
import html
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

from pellucid.app.outcome import RestoredPicture, SetAside
from pellucid.app.receipt import Receipt
from pellucid.app.targets import first_existing
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.atomic import replacing, temporary_beside

LARGEST_NUM_SHOWN = 40
"""Pictures with previews on one page; each takes some 300 kB, the others are listed."""

_GENERATOR = b'<meta name="generator" content="Pellucid">'
"""By which a page of ours is known; in `report.html`."""


@dataclass(frozen=True)
class View:
    """The same part of a picture before and after, as encoded pictures.

    Attributes:
        caption: what part it is.
        before: JPEG.
        after: JPEG.
    """

    caption: str
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Entry:
    """One restored picture on the page.

    Attributes:
        picture: and its receipt.
        views: what to show; none when the picture is only listed.
    """

    picture: RestoredPicture
    views: tuple[View, ...] = ()

    @property
    def receipt(self) -> Receipt:
        """What was done."""
        return self.picture.receipt


def report_page(entries: Sequence[Entry], failed: Sequence[SetAside], page: Path, subtitle: str) -> str:
    """The page, HTML.

    Args:
        entries: the restored pictures, in the order to show them.
        failed: pictures that were set aside.
        page: where the page will lie; links start there.
        subtitle: a line on how it was made.
    """
    template = Template((files("pellucid.app") / "report.html").read_text(encoding="utf-8"))
    shown = [entry for entry in entries if entry.views]
    listed = [entry for entry in entries if not entry.views]
    kept = sum(entry.receipt.kept is not None for entry in entries)
    count = len(entries) - kept
    return template.substitute(
        title=f"{count} picture{'' if count == 1 else 's'} restored" + (f", {kept} kept as they are" if kept else ""),
        subtitle=html.escape(subtitle),
        summary=_facts(_summary(entries, failed)),
        failed=set_aside(failed) + _doubtful(entries),
        pictures="\n".join(_section(entry, page, number) for number, entry in enumerate(shown)),
        others=_table(listed, page),
    )


def check_report(page: Path, pictures: Iterable[Path], *, overwrite: bool) -> None:
    """See that a page can be written, and replaces nothing that is not ours, before any work.

    Args:
        page: where it is to lie.
        pictures: originals and results.
        overwrite: whether a file of somebody else is replaced.

    Raises:
        ConfigurationError: when it would replace a folder, a picture, or a file of somebody else.
        ImageError: when it cannot be written there.
    """
    if page.is_dir():
        raise ConfigurationError(f"Expected a file for the report, {page} is a folder: add a name such as report.html.")
    if page.absolute() in {path.absolute() for path in pictures}:
        raise ConfigurationError(f"Expected a report that is no picture of this run, got {page}: name another file.")
    if page.exists() and not overwrite and not _is_report(page):
        raise ConfigurationError(
            f"Expected no file at {page} or an earlier report, found something else: name another, or use --overwrite."
        )
    folder = first_existing(page.parent)
    if not folder.is_dir():
        raise ImageError(f"Expected a folder for the report, {folder} is a file: name another.")
    with temporary_beside(folder / page.name):
        pass


def _is_report(page: Path) -> bool:
    try:
        with page.open("rb") as file:
            return _GENERATOR in file.read(1000)
    except OSError:
        return False


def write_report(text: str, page: Path) -> None:
    """Write the page, whole or not at all."""
    with contextlib.suppress(OSError):  # told by the next line
        page.parent.mkdir(parents=True, exist_ok=True)
    with replacing(page) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # names need not be valid text


def _summary(entries: Sequence[Entry], failed: Sequence[SetAside]) -> dict[str, str]:
    megapixels = sum(entry.receipt.height * entry.receipt.width for entry in entries) / 1e6
    seconds = sum(entry.receipt.seconds for entry in entries)
    facts = {"Pixels": f"{megapixels:.1f} megapixels", "Time": duration(seconds)}
    if megapixels:
        facts["Pace"] = f"{seconds / megapixels:.2f} s per megapixel"
    models = sorted({f"{entry.receipt.model} ({entry.receipt.model_sha256[:12]})" for entry in entries})
    devices = sorted({entry.receipt.device for entry in entries})
    facts |= {"Model": ", ".join(models), "Device": ", ".join(devices)} if entries else {}
    return {**facts, "Failed": str(len(failed))} if failed else facts


def duration(seconds: float) -> str:
    """A time as people say it.

    Example:
        >>> duration(3.14159), duration(75), duration(4000)
        ('3.1 s', '1 min 15 s', '1 h 06 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size_of(num_bytes: float) -> str:
    """A number of bytes as people say it.

    Example:
        >>> size_of(512), size_of(2_500_000)
        ('512 B', '2.5 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= factor:
            return f"{num_bytes / factor:.1f} {unit}"
    return f"{num_bytes:.0f} B"


def _facts(facts: dict[str, str]) -> str:
    return "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts.items()
    )


def set_aside(failed: Sequence[SetAside]) -> str:
    """The section that names what failed, with reasons, HTML; nothing when nothing did."""
    if not failed:
        return ""
    rows = "".join(
        f"<li><strong>{html.escape(str(each.source))}</strong><br>{html.escape(each.reason)}</li>" for each in failed
    )
    return f'<section class="failed"><h2>Set aside</h2><ul>{rows}</ul></section>'


def _doubtful(entries: Sequence[Entry]) -> str:
    """The pictures that restoring did not better."""
    rows = "".join(
        f"<li><strong>{html.escape(str(entry.picture.source))}</strong><br>{html.escape(entry.receipt.kept or '')}</li>"
        for entry in entries
        if entry.picture.is_doubtful
    )
    return f'<section class="failed"><h2>Doubtful: the original was kept</h2><ul>{rows}</ul></section>' if rows else ""


def _section(entry: Entry, page: Path, number: int) -> str:
    receipt = entry.receipt
    facts = {
        "Size": f"{receipt.width} x {receipt.height}",
        "Time": duration(receipt.seconds),
        "Before": size_of(receipt.source.bytes),
        "After": size_of(receipt.target.bytes),
    }
    if receipt.taken_for is not None:
        facts["Taken for"] = receipt.taken_for
    if receipt.degradations:
        facts["Said to have"] = ", ".join(receipt.degradations)
    facts |= _perceived(receipt)
    views = "".join(_view(view, entry.picture.source.name, f"{number}-{part}") for part, view in enumerate(entry.views))
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in receipt.not_kept)
    return (
        f"<section><h2>{link(entry.picture.target, page)}</h2>"
        f'<dl class="facts">{_facts(facts)}</dl>'
        + (f'<ul class="soft">{notes}</ul>' if notes else "")
        + f'<div class="views">{views}</div></section>'
    )


def _perceived(receipt: Receipt) -> dict[str, str]:
    """What was found, and whether the original was kept."""
    if receipt.quality_before is None:
        return {}
    found = ", ".join(f"{name} {severity:.2f}" for name, severity in receipt.perceived.items()) or "nothing wrong"
    facts = {"Perceived": found}
    for name, before, after in (
        ("Quality", receipt.quality_before, receipt.quality_after),
        ("Harm", receipt.harm_before, receipt.harm_after),
    ):
        facts[name] = f"{before:.2f}" + ("" if after is None else f", {after:.2f} after")
    return facts if receipt.kept is None else {**facts, "Kept as it was": receipt.kept}


def _view(view: View, name: str, identifier: str) -> str:
    name, caption = html.escape(name, quote=True), html.escape(view.caption)
    return (
        f'<figure><div class="pair">'
        f'<img class="after" alt="{name}, restored, {caption}" src="{as_data(view.after)}">'
        f'<img class="before" alt="{name}, original, {caption}" src="{as_data(view.before)}">'
        f'<span class="left">before</span><span class="right">after</span>'
        f'<input type="range" min="0" max="100" value="50" id="cut-{identifier}" '
        f'aria-label="{name}, {caption}: how much of the original is shown, percent">'
        f"</div><figcaption>{caption}</figcaption></figure>"
    )


def as_data(jpeg: bytes) -> str:
    """A picture as the address of an `img`."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _table(entries: Sequence[Entry], page: Path) -> str:
    if not entries:
        return ""
    head = '<th>Picture</th><th class="number">Size</th><th class="number">Time</th><th>Not kept</th>'
    rows = "".join(
        f"<tr><td>{link(entry.picture.target, page)}</td>"
        f'<td class="number">{entry.receipt.width} x {entry.receipt.height}</td>'
        f'<td class="number">{duration(entry.receipt.seconds)}</td>'
        f"<td>{html.escape(' '.join(entry.receipt.not_kept))}</td></tr>"
        for entry in entries
    )
    return (
        f"<section><h2>Without preview</h2><p>Previews are embedded for {LARGEST_NUM_SHOWN} pictures at most.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


def link(target: Path, page: Path) -> str:
    """A link from the page to a file, HTML."""
    try:
        relative = os.path.relpath(target, page.parent)
    except ValueError:  # another drive
        relative = str(target.absolute())
    return f'<a href="{quote(os.fsencode(Path(relative).as_posix()))}">{html.escape(str(target))}</a>'
