"""XMP packets: the orientation that they repeat from EXIF, changed in place."""

import re

# As an attribute, which most programs write, or as an element.
_ORIENTATION = re.compile(
    rb"""(\btiff:Orientation\s*=\s*["']\s*|<tiff:Orientation\s*>\s*)[2-8](?=\s*(?:["']|</tiff:Orientation\s*>))"""
)


def upright_xmp(xmp: bytes) -> bytes:
    """`xmp` with its orientation set to 1 in place; no other byte changes.

    Example:
        >>> upright_xmp(b'<rdf:Description tiff:Orientation="6"/>')
        b'<rdf:Description tiff:Orientation="1"/>'
    """
    return _ORIENTATION.sub(rb"\g<1>1", xmp)
