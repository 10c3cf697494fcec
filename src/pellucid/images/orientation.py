"""EXIF's eight orientations, as a transposition and flips of arrays and boxes.

Pixels are kept as the file stores them; only the boxes that are read and written are turned. So a picture is restored
upright, and goes back as it lay: every viewer, whether it honours the orientation tag or not, shows the result as it
showed the original, and EXIF need not change by a byte. The alternative, to store it upright and to set the tag to 1,
would change EXIF, its thumbnail's orientation, and how viewers that ignore the tag show it.

Source:
    EXIF 2.32 (CIPA DC-008), section 4.6.4, tag Orientation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.tiling import Box


@dataclass(frozen=True)
class Turn:
    """How a stored picture becomes upright: first transposed, then flipped.

    Attributes:
        transpose: rows become columns.
        flip_rows: top becomes bottom.
        flip_columns: left becomes right.
    """

    transpose: bool
    flip_rows: bool
    flip_columns: bool

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The other size of a picture: upright of stored, or stored of upright."""
        return (width, height) if self.transpose else (height, width)

    def upright(self, stored: NDArray[Any]) -> NDArray[Any]:
        """A view of `stored`, (H, W, C), that stands upright."""
        turned = np.swapaxes(stored, 0, 1) if self.transpose else stored
        return self._flipped(turned)

    def stored(self, upright: NDArray[Any]) -> NDArray[Any]:
        """A view of `upright`, (H, W, C), that lies as the file stores it."""
        turned = self._flipped(upright)
        return np.swapaxes(turned, 0, 1) if self.transpose else turned

    def stored_box(self, box: Box, height: int, width: int) -> Box:
        """Where `box` of the upright picture of `height` and `width` lies in the stored one."""
        top = height - box.bottom if self.flip_rows else box.top
        left = width - box.right if self.flip_columns else box.left
        if self.transpose:
            return Box(left, top, box.width, box.height)
        return Box(top, left, box.height, box.width)

    def _flipped(self, array: NDArray[Any]) -> NDArray[Any]:
        return array[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


TURNS = {
    1: Turn(False, False, False),
    2: Turn(False, False, True),
    3: Turn(False, True, True),
    4: Turn(False, True, False),
    5: Turn(True, False, False),
    6: Turn(True, False, True),
    7: Turn(True, True, True),
    8: Turn(True, True, False),
}
"""By EXIF's number."""
