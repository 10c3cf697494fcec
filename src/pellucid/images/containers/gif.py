"""GIF: the size, whether it is one picture, and the XMP packet. Read only.

Source:
    CompuServe, "GIF 89a Specification"; Adobe, "XMP Specification Part 3", GIF.
"""

from pellucid.errors import ImageError
from pellucid.images.containers.reading import ByteReader
from pellucid.images.header import Encoding, Header, Metadata, Piece

_COMMENT, _TEXT, _APPLICATION = 0xFE, 0x01, 0xFF
_XMP = b"XMP DataXMP"
_XMP_TRAILER = 257  # bytes that lead a reader of blocks, wherever it stands in the packet, to its end
_ANIMATION = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def read(reader: ByteReader) -> Header:
    """The header of a GIF file.

    Raises:
        ImageError: when its blocks are not whole, or it is an animation.
    """
    reader.seek(6)
    width, height, flags = reader.number(2, "little"), reader.number(2, "little"), reader.number(1)
    reader.read(2 + _table_size(flags))
    frames = 0
    lost: list[str] = []
    xmp = None
    while (block := reader.read(1)) != b"\x3b":
        if block == b"\x2c":
            frames += 1
            if frames > 1:
                name = reader.name
                raise ImageError(f"Expected one picture, {name} is an animated GIF: extract the frame to restore.")
            reader.read(8)
            reader.read(_table_size(reader.number(1)) + 1)
        elif block == b"\x21":
            label, start = reader.number(1), reader.tell()
            name = reader.read(reader.number(1)) if label == _APPLICATION else b""
            if name == _XMP:
                xmp = _raw_blocks(reader)[:-_XMP_TRAILER]
                continue
            reader.seek(start)
            lost += _named(label, name)
        else:
            raise reader.damaged("its blocks are not those of a GIF")
        _raw_blocks(reader)
    if frames == 0:
        raise reader.damaged("it holds no picture data")
    pieces = () if xmp is None else (Piece(_APPLICATION, xmp, "xmp"),)
    changes = ("the palette becomes full colour",)
    metadata = Metadata(xmp=xmp, pieces=pieces, lost=tuple(dict.fromkeys(lost)), changes=changes)
    return Header("gif", height, width, metadata, Encoding())


def _raw_blocks(reader: ByteReader) -> bytes:
    """Blocks up to the empty one, with the bytes that say how long they are."""
    data = bytearray()
    while (size := reader.read(1)) != b"\0":
        data += size + reader.read(size[0])
    return bytes(data)


def _named(label: int, application: bytes) -> list[str]:
    """What the log calls an extension that cannot be kept; none for those that are of no use to another format."""
    if label == _APPLICATION and application not in _ANIMATION:
        return [f"GIF extension {application.decode('latin-1')!r}"]
    return {_COMMENT: ["comment"], _TEXT: ["text over the picture"]}.get(label, [])


def _table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
