"""Whether the layers that a model takes a picture apart into add up to it: a warning that costs nothing."""

import logging
from pathlib import Path

from torch import Tensor

from pellucid.methods.base import Restoration

logger = logging.getLogger(__name__)

LEAST = 1 / 255
"""Mean difference below which layers agree in any case."""


class Agreement:
    """Means over the tiles of one picture, of those models that give a map `rain`.

    Attributes:
        mismatch: mean of |O - B - R|, in the unit of pictures; `None` without such a map.
        removed: mean of |O - B|; likewise.
    """

    def __init__(self) -> None:
        self._mismatch = self._removed = 0.0
        self._count = 0

    def add(self, picture: Tensor, restoration: Restoration) -> None:
        """One tile; where tiles overlap they count twice."""
        rain = restoration.maps.get("rain")
        if rain is not None:
            left = picture - restoration.image
            self._removed += left.abs().sum().item()
            self._mismatch += (left - rain).abs().sum().item()
            self._count += left.numel()

    @property
    def mismatch(self) -> float | None:
        """See the class."""
        return self._mismatch / self._count if self._count else None

    @property
    def removed(self) -> float | None:
        """See the class."""
        return self._removed / self._count if self._count else None

    def warn(self, source: Path) -> None:
        """Say so where the rain explains none of what was removed."""
        if self.mismatch is not None and self.removed is not None and self.mismatch > max(self.removed, LEAST):
            logger.warning(
                "%s: what was taken for its background and for its rain do not add up to it (%.1f of 255 levels are "
                "left over, %.1f were removed); the model hardly knows such pictures.",
                source,
                255 * self.mismatch,
                255 * self.removed,
            )
