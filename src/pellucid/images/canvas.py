"""The restored picture as it comes in, box by box, and the file it becomes: like the input in everything but pixels."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyvips
from torch import Tensor

from pellucid.errors import ImageError
from pellucid.images.atomic import replacing, temporary_beside, unwritable
from pellucid.images.colour import to_samples
from pellucid.images.containers.raw_tiff import raw_tiff_head
from pellucid.images.containers.reading import printable
from pellucid.images.decoding import last_complaint, prepare_libvips, turned
from pellucid.images.encoding import encode, fitted
from pellucid.images.formats import Format, format_of_target
from pellucid.images.metadata import carry
from pellucid.images.picture import Picture
from pellucid.images.store import PixelStore
from pellucid.images.tiling import Box

_LOG = logging.getLogger(__name__)
_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}


class Canvas:
    """Takes restored boxes of a picture in any order, and saves them as a file once they cover it.

    Args:
        picture: the input; depth, alpha and metadata come from it.
        folder: where the pixels go while they are many, best that of the target; the picture's scratch when absent.
        in_colour: whether a grey picture becomes one with colours; its ICC profile, if it is one for grey, is lost.

    Raises:
        ImageError: when the folder cannot be written to.

    Example:
        >>> import tempfile, torch
        >>> from pellucid.images.files import read_picture, write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "photo.png"
        ...     write_image(path, torch.zeros(1, 3, 4, 6))
        ...     canvas = Canvas(read_picture(path))
        ...     canvas.write(0, 0, torch.ones(1, 3, 4, 6))
        ...     canvas.save(path)
        ...     read_picture(path).read().mean().item()
        1.0
    """

    def __init__(self, picture: Picture, folder: Path | None = None, *, in_colour: bool = False) -> None:
        self.picture = picture
        self.samples = replace(picture.samples, colours=3) if in_colour else picture.samples
        samples, header = self.samples, picture.header
        size = header.height * header.width * samples.channels * picture.pixels.dtype.itemsize
        scratch = (folder or picture.scratch) if size > picture.in_memory_bytes else None
        try:
            shape, dtype = (header.height, header.width, samples.channels), picture.pixels.dtype
            self._store = PixelStore(*shape, dtype, scratch, raw_tiff_head(*shape, dtype))
        except OSError as error:
            raise unwritable(scratch or Path(), error) from error
        self._covered = 0

    def write(self, top: int, left: int, restored: Tensor) -> None:
        """Put a restored box of the upright picture to its place. Boxes must not overlap.

        Values are clamped to what the file can hold and rounded half to even to its depth. Grey is the mean of the
        three channels. Alpha comes from the input, and so do the colours of pixels that are fully transparent.

        Args:
            top: first row.
            left: first column.
            restored: `(1, 3, h, w)` or `(3, h, w)`, `[0, 1]`, any floating type, any device.

        Raises:
            ImageError: when the disc is full.
        """
        picture = self.picture
        box = Box(top, left, restored.shape[-2], restored.shape[-1])
        needs_original = picture.samples.extras > 0 or picture.is_float
        original = picture.read_samples(box) if needs_original else None
        if original is not None and original.shape[2] < self.samples.channels:  # grey that gets colours
            original = np.concatenate([original[..., :1]] * 2 + [original], axis=2)
        samples = picture.turn.stored(to_samples(self.samples, restored, original))
        place = picture.turn.stored_box(box, picture.height, picture.width)
        try:
            self._store.write(place.top, place.left, samples)
        except OSError as error:
            raise unwritable(self._store.path or Path(), error) from error
        self._covered += box.height * box.width

    def save(self, path: str | Path, *, quality: int | None = None) -> None:
        """Write the file, whole or not at all. What it cannot hold of the input is named in the log.

        The suffix decides the format. In the input's format it is encoded as the input was, see `encoding`, and all
        metadata is the input's, EXIF to the byte, with the pixels lying as they lay (see `orientation`).

        Args:
            path: the target; the input itself only when named exactly as it was when it was read.
            quality: 1 to 100 for lossy formats; at least the input's, and at least 90, when absent.

        Raises:
            ImageError: when boxes are missing, the target is the input under another name, its suffix is not that of a
                format that can be written, or writing fails. The target is then as it was before.
        """
        target = Path(path)
        form = format_of_target(target)
        picture = self.picture
        if self._covered != picture.height * picture.width:
            raise ImageError(
                f"Expected {picture.height * picture.width} restored pixels for {target}, "
                f"got {self._covered}: write every box once before saving."
            )
        refuse_hidden_overwrite(picture, target)
        is_same = form.name == picture.format
        must_turn = not is_same and picture.orientation != 1
        image = self._image("random" if must_turn else "sequential")
        if must_turn:
            image = turned(image, picture.orientation)
        image, lost = fitted(image, self.samples, form.name)
        extras = self.samples.extras if form.name == "tiff" else 0
        gets_colours = self.samples.colours > picture.samples.colours
        carried = carry(picture.header.metadata, picture.format, form.name, extras=extras, becomes_rgb=gets_colours)
        try:
            with replacing(target) as whole, temporary_beside(target) as bare:
                changes = encode(
                    image, bare, form.name, picture.header.encoding, is_same_format=is_same, quality=quality
                )
                form.module.embed(bare, whole, carried.pieces)
        except pyvips.Error as error:
            raise unencodable(target, error) from error
        _tell(picture, form, target, [*lost, *carried.lost], [*picture.header.metadata.changes, *changes])

    def close(self) -> None:
        """Give the pixels back; the canvas cannot be used any more. Dropping the canvas does the same."""
        self._store.close()

    def _image(self, access: str) -> pyvips.Image:
        prepare_libvips()
        height, width, channels = self._store.shape
        kind = _FORMATS[self.samples.dtype]
        if self._store.array is not None:
            return pyvips.Image.new_from_memory(self._store.array.data, width, height, channels, kind)
        source = pyvips.Source.new_from_descriptor(self._store.descriptor())
        return pyvips.Operation.call("tiffload_source", source, access=access, fail_on="error")


def unencodable(target: Path, error: pyvips.Error) -> ImageError:
    """The error for a picture that libvips could not encode or write."""
    return ImageError(
        f"Expected to write {target}, but that failed ({printable(last_complaint(error))}): try another format."
    )


def refuse_hidden_overwrite(picture: Picture, target: Path) -> None:
    """The input is replaced only by somebody who names it, not through a link or another spelling of its path.

    Raises:
        ImageError: when `target` is the input under another name.
    """
    original = picture.path
    if original is None or os.path.abspath(original) == os.path.abspath(target):  # noqa: PTH100 (links stay links)
        return
    if target.exists() and original.exists() and target.samefile(original):
        raise ImageError(f"Expected another file than the original, {target} is {original}: choose another target.")


def _tell(picture: Picture, form: Format, target: Path, lost: Sequence[str], changes: Sequence[str]) -> None:
    if lost:
        _LOG.warning("%s: not kept in %s: %s", picture.name, target.name, "; ".join(dict.fromkeys(lost)))
    if form.name == picture.format and changes:
        _LOG.info("%s: %s", picture.name, "; ".join(changes))
