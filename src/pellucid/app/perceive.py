"""Say what is wrong with photographs, and how badly: a picture, or folders of them sorted from worst to best."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pellucid.app.inputs import find_pictures, is_single_file
from pellucid.app.outcome import SetAside, reason_of, stops_all
from pellucid.app.perceived import Perceived, PerceivedPicture
from pellucid.app.perceived_page import LARGEST_NUM_SHOWN, perceived_page, thumbnail
from pellucid.app.perceived_table import is_table, write_table
from pellucid.app.report import check_report, write_report
from pellucid.degradations.jpeg_reading import jpeg_quality_read
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.files import MAX_MEGAPIXELS, read_picture
from pellucid.images.views import views_of
from pellucid.methods.perceiver import Perceiver, load_perceiver

logger = logging.getLogger(__name__)

TABLE_NAME, PAGE_NAME = "perceived.csv", "contact-sheet.html"

Progress = Callable[[int, int, str], None]
"""Called with pictures done, pictures in all, and which is at hand."""


def perceive(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path | None = None,
    *,
    perceiver: Perceiver | None = None,
    device: str | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Perceived:
    """Look at picture files: which degradations each shows, how severe they are, and how good it looks.

    Args:
        inputs: a file, folder (recursive) or pattern, or several.
        output: folder for `perceived.csv` and `contact-sheet.html`; nothing is written when absent.
        perceiver: that looks; the one that ships when absent.
        device: `"cpu"`, `"cuda"`, `"mps"`; the best at hand when absent.
        max_megapixels: pictures whose header claims more are refused before anything is allocated.
        overwrite: replace files in `output` that an earlier call did not write.
        progress: told after every picture.

    Returns:
        The pictures from worst to best, and what could not be read.

    Raises:
        ImageError: when an input is not there, the single file cannot be read, or is light as measured.
        ConfigurationError: when a file in `output` is somebody else's, or a setting is out of range.
        DeviceError: when the device is not at hand.

    Example:
        >>> import tempfile, torch
        >>> from pellucid.images.files import write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "photo.png"
        ...     write_image(path, (0.5 + 0.2 * torch.randn(1, 3, 160, 160)).clamp(0, 1))
        ...     "noise" in perceive(path).perception.wrong
        True
    """
    inputs = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    found = find_pictures(inputs)
    if not max_megapixels > 0:
        raise ConfigurationError(f"Expected a limit above 0 megapixels, got {max_megapixels:g}: raise it.")
    files = None if output is None else _files(Path(output), [source for source, _ in found], overwrite=overwrite)
    perceiver = load_perceiver(device=device) if perceiver is None else perceiver
    pictures: list[PerceivedPicture] = []
    failed: list[SetAside] = []
    thumbnails: dict[Path, bytes] = {}
    try:
        for number, (source, problem) in enumerate(found):
            if progress is not None:
                progress(number, len(found), source.name)
            try:
                if problem is not None:
                    raise ImageError(problem)
                picture, thumbnails[source] = _look(source, perceiver, max_megapixels, has_thumbnail=files is not None)
                pictures.append(picture)
            except Exception as error:  # a picture that breaks us must not stop the others
                if is_single_file(inputs) or stops_all(error):
                    raise
                failed.append(SetAside(source, reason_of(error, "look at")))
                logger.warning("Set aside %s: %s", source, failed[-1].reason)
            if len(thumbnails) > 2 * LARGEST_NUM_SHOWN:
                worst = sorted(pictures, key=_quality)[:LARGEST_NUM_SHOWN]
                thumbnails = {its.source: thumbnails[its.source] for its in worst}
    finally:  # what was looked at before a run was stopped is worth having
        pictures.sort(key=_quality)
        if files is not None and (pictures or failed):
            files[0].parent.mkdir(parents=True, exist_ok=True)
            write_table(pictures, failed, perceiver.network.kinds, files[0])
            write_report(perceived_page(pictures, thumbnails, failed, files[1]), files[1])
    return Perceived(tuple(pictures), tuple(failed), *(files or ()))


def _quality(picture: PerceivedPicture) -> float:
    return picture.perception.quality


def _look(
    source: Path, perceiver: Perceiver, max_megapixels: float, *, has_thumbnail: bool
) -> tuple[PerceivedPicture, bytes]:
    picture = read_picture(source, max_megapixels=max_megapixels)
    try:
        if not picture.is_as_shown:
            raise ImageError(
                f"Expected a picture as it is to be shown, {source} has light above white as it was measured: develop "
                "it first."
            )
        seen = views_of(picture)
        small = thumbnail(seen.overview, picture) if has_thumbnail else b""
        size, compressed_at = (picture.height, picture.width), jpeg_quality_read(seen.details[0])
        return PerceivedPicture(source, *size, perceiver.perceive_views(seen), compressed_at), small
    finally:
        picture.close()


def _files(folder: Path, originals: Sequence[Path], *, overwrite: bool) -> tuple[Path, Path]:
    """Where table and page go, seen to before any work."""
    if folder.is_file():
        raise ConfigurationError(f"Expected a folder for the output, got the file {folder}: name another one.")
    table, page = folder / TABLE_NAME, folder / PAGE_NAME
    check_report(page, originals, overwrite=overwrite)
    if table.exists() and not overwrite and not is_table(table):
        raise ConfigurationError(
            f"Expected no file at {table} or an earlier table, found something else: name another folder, or use "
            "--overwrite."
        )
    return table, page
