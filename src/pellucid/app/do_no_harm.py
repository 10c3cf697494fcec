"""First, do no harm: what needs nothing stays as it is, and so does what restoring did not better."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pellucid.images.atomic import replacing
from pellucid.images.canvas import Canvas, refuse_hidden_overwrite
from pellucid.images.formats import format_of_target
from pellucid.images.picture import Picture
from pellucid.methods.perceiver import Perception

BAND_PIXELS = 1 << 22
"""Of a picture that is written in another format, at once."""


@dataclass(frozen=True)
class Judgement:
    """What was perceived of a picture and its result, and what follows from it.

    Attributes:
        before: of the original; `None` when nobody looked.
        after: of the result; `None` when there is none, or nobody looked.
        kept: why the result is the original, in one clause; `None` when it is restored.
    """

    before: Perception | None = None
    after: Perception | None = None
    kept: str | None = None


CLEAN = "nothing was found to be wrong with it"
"""Why a clean picture is kept."""

PLAIN = "it is too plain to tell whether anything is wrong with it"
"""Why a picture that shows next to nothing is kept."""


def judged_before(before: Perception, *, is_sure: bool = False) -> Judgement:
    """Of the original alone: whether there is anything to restore.

    Args:
        before: what is perceived.
        is_sure: whether the model itself has no doubt that something is wrong; then only the result decides, unless
            there is nothing to see: black is no dark photograph.
    """
    if before.is_plain:
        return Judgement(before, kept=PLAIN)
    return Judgement(before, kept=CLEAN if before.is_clean and not is_sure else None)


def judged_after(before: Perception, after: Perception) -> Judgement:
    """Of both: the result is kept if it looks better."""
    if is_better(before, after):
        return Judgement(before, after)
    quality, harm = f"{before.quality:.2f} to {after.quality:.2f}", f"{before.harm:.2f} to {after.harm:.2f}"
    found = f"restoring gave neither more quality ({quality}) nor less harm ({harm})"
    return Judgement(before, after, found)


def is_better(before: Perception, after: Perception) -> bool:
    """Whether a result looks better than its original: less is wrong with it, or it has more quality."""
    return after.harm < before.harm or after.quality > before.quality


def keep_original(picture: Picture, target: Path) -> bool:
    """Make `target` the original: byte for byte where it is called alike, pixel for pixel in another format.

    Returns:
        Whether it is so to the byte. An original that is to be replaced by itself is not touched.

    Raises:
        ImageError: when it cannot be written, or is the original under another name.
    """
    source = picture.path
    refuse_hidden_overwrite(picture, target)
    if source is not None and os.path.abspath(source) == os.path.abspath(target):  # noqa: PTH100 (links stay links)
        return True
    # A PNG that is called photo.jpg stays what it is: its bytes are what the user has.
    is_alike = source is not None and source.suffix.lower() == target.suffix.lower()
    if source is not None and (is_alike or format_of_target(target).name == picture.format):
        with replacing(target) as partial:
            shutil.copyfile(source, partial)
        return True
    canvas = Canvas(picture, target.parent)
    try:
        rows = max(1, BAND_PIXELS // picture.width)
        for top in range(0, picture.height, rows):
            height = min(rows, picture.height - top)
            canvas.write(top, 0, picture.read(top, 0, height))
        canvas.save(target)
    finally:
        canvas.close()
    return False
