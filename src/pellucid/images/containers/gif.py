"""GIF: the size, and whether it is one picture. Read only.

Source:
    CompuServe, "GIF 89a Specification".
"""

from pellucid.errors import ImageError
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata


def read(reader: ByteReader) -> Header:
    """The header of a GIF file.

    Raises:
        ImageError: when its blocks are not whole, or it is an animation.
    """
    reader.seek(6)
    width, height, flags = reader.number(2, "little"), reader.number(2, "little"), reader.number(1)
    reader.read(2 + _table_size(flags))
    frames = 0
    while (block := reader.read(1)) != b"\x3b":
        if block == b"\x2c":
            frames += 1
            if frames > 1:
                name = reader.name
                raise ImageError(f"Expected one picture, {name} is an animated GIF: extract the frame to restore.")
            reader.read(8)
            reader.read(_table_size(reader.number(1)) + 1)
        elif block == b"\x21":
            reader.read(1)
        else:
            raise reader.damaged("its blocks are not those of a GIF")
        while size := reader.number(1):
            reader.read(size)
    if frames == 0:
        raise reader.damaged("it holds no picture data")
    return Header("gif", height, width, Metadata(changes=("the palette becomes full colour",)), Encoding())


def _table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
