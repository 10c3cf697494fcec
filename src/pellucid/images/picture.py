"""A picture file, open for restoring: its facts at once, its pixels box by box when they are asked for."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from pellucid.errors import ImageError
from pellucid.images.colour import Samples, has_hidden, to_tensor
from pellucid.images.decoding import decode, with_range
from pellucid.images.header import Header
from pellucid.images.orientation import TURNS, Turn
from pellucid.images.source import Source
from pellucid.images.store import PixelStore
from pellucid.images.tiling import Box
from pellucid.images.transparency import REACH


@dataclass(frozen=True)
class Picture:
    """A picture file: what its header says, and its pixels on demand. See `files.read_picture`.

    Attributes:
        source: where its bytes are.
        header: what the file says of itself.
        stored: the meaning of its samples, before their range is known.
        scratch: where the decoded pixels go when they are many.
        in_memory_bytes: how many bytes of decoded pixels stay in memory.
    """

    source: Source
    header: Header
    stored: Samples = field(repr=False)
    scratch: Path = field(repr=False)
    in_memory_bytes: int = field(repr=False)

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.source.name

    @property
    def path(self) -> Path | None:
        """Of the file; `None` when it came as bytes."""
        return self.source.path

    @property
    def format(self) -> str:
        """`"jpeg"`, `"png"`, `"tiff"`, `"webp"`, `"avif"`, `"gif"`, `"bmp"` or `"pnm"`."""
        return self.header.format

    @property
    def height(self) -> int:
        """Upright, in pixels."""
        return self.turn.size(self.header.height, self.header.width)[0]

    @property
    def width(self) -> int:
        """Upright, in pixels."""
        return self.turn.size(self.header.height, self.header.width)[1]

    @property
    def channels(self) -> str:
        """`"grey"` or `"rgb"`."""
        return "grey" if self.stored.colours == 1 else "rgb"

    @property
    def has_alpha(self) -> bool:
        """Whether there is a channel of opacity."""
        return self.stored.opacity

    @property
    def depth(self) -> int:
        """Bits per sample: 8, 10, 12, 16, or 32 for floating point."""
        return 32 if self.stored.is_float else min(16, max(8, self.header.encoding.bits))

    @property
    def is_float(self) -> bool:
        """Whether samples are floating point."""
        return self.stored.is_float

    @property
    def orientation(self) -> int:
        """EXIF's 1 to 8; pixels are read and written upright whatever it is."""
        return self.header.metadata.orientation

    @property
    def profile(self) -> bytes | None:
        """The ICC profile that says what the colours mean; `None` for sRGB by custom."""
        return self.header.metadata.profile

    @property
    def rgb_profile(self) -> bytes | None:
        """The ICC profile, when it is one for RGB, as pixels are read."""
        return self.profile if self.header.metadata.profile_colours == b"RGB " else None

    @property
    def is_as_shown(self) -> bool:
        """Whether 1 is white. Floats above it are light as measured: how bright it should be shown, nobody can say."""
        return not (self.samples.is_float and self.samples.peak > 1)

    @property
    def quality(self) -> int | None:
        """Of a lossy file, 1 to 100, as far as it can be read from the file."""
        return self.header.encoding.quality

    @property
    def turn(self) -> Turn:
        """How the stored picture becomes upright."""
        return TURNS[self.orientation]

    @cached_property
    def pixels(self) -> PixelStore:
        """All samples as stored; decoded when first asked for.

        Raises:
            ImageError: when the data is damaged or cut short.
        """
        store = decode(self.source, self.header, self.scratch, self.in_memory_bytes)
        if store.shape != (self.header.height, self.header.width, self.stored.channels):
            raise ImageError(f"Expected {self.name} to stay as it was while it is read, it changed: try again.")
        return store

    @cached_property
    def samples(self) -> Samples:
        """The meaning of the samples, with the range of floating point ones as found."""
        return with_range(self.stored, self.pixels, self.name)

    def read(self, top: int = 0, left: int = 0, height: int | None = None, width: int | None = None) -> Tensor:
        """A box of the upright picture, `(1, 3, height, width)`, float32, `[0, 1]`; the whole of it by default.

        Only the box becomes floating point. Grey is three equal channels; fully transparent pixels have the colour of
        their surroundings; floats above 1 are divided by `samples.peak`, and may be negative.

        Args:
            top: first row.
            left: first column.
            height: rows; to the bottom when absent.
            width: columns; to the right border when absent.

        Raises:
            ImageError: when the data is damaged, or the box is not in the picture.
        """
        box = Box(
            top, left, self.height - top if height is None else height, self.width - left if width is None else width
        )
        if min(top, left) < 0 or min(box.height, box.width) < 1 or box.bottom > self.height or box.right > self.width:
            raise ImageError(
                f"Expected a box inside {self.name} of {self.height} x {self.width} pixels, "
                f"got {box.height} x {box.width} at ({top}, {left}): choose one inside."
            )
        stored = self.read_samples(box)
        if not has_hidden(self.samples, stored):
            return to_tensor(self.samples, stored)
        # What is hidden is filled from around the box, so that tiles agree with the whole picture.
        upper, leftmost = max(0, top - REACH), max(0, left - REACH)
        around = Box(
            upper,
            leftmost,
            min(self.height, box.bottom + REACH) - upper,
            min(self.width, box.right + REACH) - leftmost,
        )
        image = to_tensor(self.samples, self.read_samples(around))
        rows = slice(top - upper, top - upper + box.height)
        columns = slice(left - leftmost, left - leftmost + box.width)
        return image[..., rows, columns].contiguous()

    def read_samples(self, box: Box) -> NDArray[Any]:
        """The file's own samples in a box of the upright picture, `(h, w, C)`; maybe a view, not to be changed.

        Raises:
            ImageError: when the data is damaged, or cannot be read back.
        """
        stored_box = self.turn.stored_box(box, self.height, self.width)
        try:
            return self.turn.upright(self.pixels.read(stored_box))
        except OSError as error:
            raise ImageError(f"Expected the unpacked pixels of {self.name}, they cannot be read: {error}.") from error

    def close(self) -> None:
        """Give the decoded pixels back; the picture cannot be read any more. Dropping the picture does the same."""
        if "pixels" in self.__dict__:
            self.pixels.close()
