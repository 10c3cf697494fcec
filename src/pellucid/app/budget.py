"""What of a memory budget is left for a tile, before anything is allocated."""

import os
from pathlib import Path

import numpy as np

from pellucid.app.trust import MAPS
from pellucid.images.memory import parse_memory, plan_tile_size, spare_memory
from pellucid.images.picture import Picture
from pellucid.methods.devices import spare_on_device
from pellucid.methods.load import Model
from pellucid.methods.trusted import TrustedRestorer

DEFAULT_CEILING = 2 << 30
"""Bytes the process takes at most when nobody says otherwise; larger tiles are hardly quicker."""

_ASSUMED_RESIDENT = 512 << 20
_STATE = Path("/proc/self/statm")


def plan_tile(
    picture: Picture, model: Model, *, memory: str | int | None = None, tile: int | None = None
) -> int | None:
    """The tile for a picture file; `None` is the whole picture.

    On a CPU the budget is for the whole process: the program itself, the samples of input and output as far as they
    stay in memory, and the tile. On a GPU it is for the tile alone.

    Args:
        picture: to restore.
        model: that restores it.
        memory: `"2G"` or bytes. When absent: half of what is free, on a CPU `DEFAULT_CEILING` at most.
        tile: wins over `memory`.

    Raises:
        ConfigurationError: when `memory` is not a size.
        DeviceError: when not even the smallest tile fits.
    """
    if tile is not None:
        return tile
    if model.device == "cpu":
        resident = resident_bytes()
        budget = min(DEFAULT_CEILING, resident + spare_memory() // 2) if memory is None else parse_memory(memory)
        fixed = resident + _bytes_of_samples(picture)
        fixed += _bytes_of_maps(picture) if isinstance(model.restorer, TrustedRestorer) else 0
    else:
        budget, fixed = spare_on_device(model.device) // 2 if memory is None else parse_memory(memory), 0
    restorer = model.restorer
    return plan_tile_size(
        picture.height,
        picture.width,
        budget_bytes=budget,
        bytes_per_pixel=restorer.bytes_per_pixel,
        fixed_bytes=fixed,
        multiple=restorer.tile_grid,
        radius=restorer.receptive_radius,
    )


def resident_bytes() -> int:
    """What the process holds in memory now; a guess where the system does not say."""
    try:
        return int(_STATE.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return _ASSUMED_RESIDENT


def _bytes_of_samples(picture: Picture) -> int:
    """Of the input's samples and of the output's; what is larger than the picture allows goes to a file."""
    size = picture.height * picture.width * picture.stored.channels * np.dtype(picture.stored.dtype).itemsize
    return 2 * size if size <= picture.in_memory_bytes else 0


def _bytes_of_maps(picture: Picture) -> int:
    """Of maps of trust that are written beside the result; likewise."""
    size = picture.height * picture.width * len(MAPS) * np.dtype(np.uint16).itemsize
    return size if size <= picture.in_memory_bytes else 0
