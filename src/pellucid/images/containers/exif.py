"""EXIF blocks: the few facts a picture's handling depends on, read from the bytes and changed in place."""

from pellucid.errors import ImageError
from pellucid.images.containers.directory import Entry, read_directory, read_start, write_directory
from pellucid.images.containers.reading import ByteReader

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296


def exif_entries(exif: bytes) -> tuple[Entry, ...]:
    """The first directory of an EXIF block; empty when the block cannot be read."""
    reader = ByteReader.of_bytes(exif, "EXIF")
    try:
        order, big, offset = read_start(reader)
        entries, _ = read_directory(reader, offset, order, big=big)
    except ImageError:
        return ()
    return entries


def exif_block(entries: tuple[Entry, ...]) -> bytes:
    """An EXIF block that holds `entries`."""
    return b"II*\0\x08\0\0\0" + write_directory(entries, 8)


def orientation_of(entries: tuple[Entry, ...]) -> int:
    """EXIF's orientation, 1 to 8; 1 (upright) when there is none or it is not valid."""
    for entry in entries:
        if entry.tag == ORIENTATION and entry.kind in (1, 3, 4) and 1 <= entry.first() <= 8:
            return entry.first()
    return 1


def resolution_of(entries: tuple[Entry, ...]) -> tuple[float, float] | None:
    """Horizontal and vertical resolution in pixels per inch, `None` when not given."""
    values = {entry.tag: entry.numbers() for entry in entries if entry.tag in (X_RESOLUTION, Y_RESOLUTION)}
    unit = next((entry.first() for entry in entries if entry.tag == RESOLUTION_UNIT), 2)
    if len(values) < 2 or unit not in (2, 3) or any(len(v) < 2 or v[1] <= 0 or v[0] <= 0 for v in values.values()):
        return None
    per_inch = 2.54 if unit == 3 else 1.0
    x, y = values[X_RESOLUTION], values[Y_RESOLUTION]
    return x[0] / x[1] * per_inch, y[0] / y[1] * per_inch


def upright_exif(exif: bytes) -> bytes:
    """`exif` with its orientation set to 1 in place; no other byte changes."""
    order = "little" if exif[:2] == b"II" else "big"
    changed = bytearray(exif)
    for entry in exif_entries(exif):
        if entry.tag == ORIENTATION and entry.kind in (1, 3, 4):
            size = {1: 1, 3: 2, 4: 4}[entry.kind]
            changed[entry.at : entry.at + size] = (1).to_bytes(size, order)
    return bytes(changed)
