"""How much memory there is, and the largest tile that fits, known before anything is allocated."""

import os
import re
from math import ceil, isqrt, sqrt
from pathlib import Path

from pellucid.errors import ConfigurationError, DeviceError
from pellucid.images.tiling import smallest_tile

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", re.IGNORECASE)
_LEAST_ASSUMED = 1 << 30
_MEMINFO = Path("/proc/meminfo")
# (limit, use) in bytes of the control group: version 2, then version 1.
_CONTROL_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def parse_memory(text: str | int) -> int:
    """Bytes, from `"2G"`, `"1500M"`, `"1.5GiB"` or a number of bytes. K, M, G, T are powers of 1024.

    Raises:
        ConfigurationError: when it is not such a size, or nothing.

    Example:
        >>> parse_memory("2G")
        2147483648
    """
    match = _BUDGET.fullmatch(str(text))
    size = int(float(match.group(1)) * _UNITS[match.group(2).upper()]) if match else 0
    if size < 1:
        raise ConfigurationError(f"Expected a size of memory like 2G or 1500M, got {text!r}: write one of that form.")
    return size


def spare_memory() -> int:
    """Bytes this process could still take: what the machine has available, or what its container leaves if less."""
    limits = [limit for limit in (_available_on_machine(), *map(_left_in_group, _CONTROL_GROUPS)) if limit is not None]
    return max(0, min(limits)) if limits else _LEAST_ASSUMED


def _available_on_machine() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        # Not every system says how much is available; half of what there is, is a careful guess.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return None


def _left_in_group(files: tuple[Path, Path]) -> int | None:
    try:
        limit, used = (int(file.read_text()) for file in files)
    except (OSError, ValueError):  # no such group, or "max": no limit
        return None
    return limit - used


def plan_tile_size(
    height: int,
    width: int,
    *,
    budget_bytes: int,
    bytes_per_pixel: float,
    fixed_bytes: int,
    multiple: int,
    radius: int,
) -> int | None:
    """The side of the largest square tile whose work fits the budget; `None` when the whole picture fits.

        fixed_bytes + bytes_per_pixel * tile^2 <= budget_bytes

    Tiles of other shapes have no more pixels (`pellucid.images.tiling.plan_tiles`).

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        budget_bytes: what may be used.
        bytes_per_pixel: what restoring takes per pixel of a tile.
        fixed_bytes: what it takes whatever the tile.
        multiple: of the sides of a tile.
        radius: how far a pixel of the network's output sees.

    Raises:
        DeviceError: when not even the smallest tile fits; it names the smallest budget that would do.

    Example:
        >>> plan_tile_size(9000, 12000, budget_bytes=2 << 30, bytes_per_pixel=900, fixed_bytes=0, multiple=8, radius=60)
        1544
    """
    height, width = (ceil(side / multiple) * multiple for side in (height, width))
    short, long = min(height, width), max(height, width)
    pixels = int((budget_bytes - fixed_bytes) / bytes_per_pixel)
    if short * long <= pixels:
        return None
    least = smallest_tile(multiple, radius)
    smallest = ceil(sqrt(min(least, short) * min(least, long)))
    if pixels < smallest**2:
        needed = fixed_bytes + bytes_per_pixel * smallest**2
        raise DeviceError(
            f"Expected a memory budget of at least {ceil(needed / (1 << 20))}M for this model, "
            f"got {budget_bytes // (1 << 20)}M: raise --memory to that or more, or choose a smaller model."
        )
    return max(smallest, isqrt(pixels) // multiple * multiple)
