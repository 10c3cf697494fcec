"""What travels from one file to the next besides pixels, and what cannot, by name.

Into the same format every piece goes as it was. Into another format go EXIF, XMP, IPTC, the ICC profile and the
resolution, as far as that format has a place for them; the picture is then stored upright and EXIF and XMP say so,
because not every viewer of every format honours the tag.
"""

import dataclasses
from dataclasses import dataclass

from pellucid.images.containers.exif import exif_entries, resolution_of, upright_exif
from pellucid.images.containers.xmp import upright_xmp
from pellucid.images.formats import FORMATS
from pellucid.images.header import Metadata, Piece

_USELESS_ELSEWHERE = {"storage", "orientation", "PNG colour chunk sRGB", "AVIF property pasp", "time of change"}
_NAMES = {
    "exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "profile": "the ICC profile", "resolution": "the resolution",
}  # fmt: skip
_EXTRA_SAMPLES = 338
_ALWAYS_RGB = {"webp", "avif"}


@dataclass(frozen=True)
class Carried:
    """What a new file gets.

    Attributes:
        pieces: for `embed` of the target's format.
        lost: names of what it cannot hold.
    """

    pieces: tuple[Piece, ...]
    lost: tuple[str, ...]


def carry(metadata: Metadata, source: str, target: str, *, extras: int = 0, becomes_rgb: bool = False) -> Carried:
    """What of `metadata`, read from a file of format `source`, goes into one of format `target`.

    Args:
        metadata: of the input.
        source: its format.
        target: format of the output.
        extras: how many channels beyond colour the output has.
        becomes_rgb: whether grey pixels become RGB, whatever the format.
    """
    lost = metadata.lost
    becomes_rgb = becomes_rgb or (target in _ALWAYS_RGB and source != "webp")
    if becomes_rgb and metadata.profile_colours == b"GRAY":
        metadata = _without_profile(metadata)
        lost = (*lost, "the ICC profile (it is for grey pixels, and these become RGB)")
    if source == target:
        kept = [
            piece
            for piece in metadata.pieces
            if piece.kind != _EXTRA_SAMPLES or source != "tiff" or piece.data.count == extras
        ]
        return Carried(tuple(kept), lost)
    exif = None if metadata.exif is None else upright_exif(metadata.exif)
    xmp = None if metadata.xmp is None else upright_xmp(metadata.xmp)
    made = FORMATS[target].module.pieces(dataclasses.replace(metadata, exif=exif, xmp=xmp, orientation=1))
    roles = {piece.role for piece in made}
    if exif is not None and "exif" in roles and resolution_of(exif_entries(exif)) is not None:
        roles.add("resolution")
    wanted = {piece.role for piece in metadata.pieces} - set(_NAMES)
    wanted |= {role for role in _NAMES if getattr(metadata, role) is not None}
    missing = sorted(wanted - roles - _USELESS_ELSEWHERE)
    return Carried(made, (*lost, *(_NAMES.get(role, role) for role in missing)))


def without_profile(metadata: Metadata) -> Metadata:
    """`metadata` of a picture whose colours have been converted to sRGB."""
    changes = (*metadata.changes, "CMYK becomes sRGB, and its ICC profile goes with it")
    return dataclasses.replace(_without_profile(metadata), changes=changes)


def _without_profile(metadata: Metadata) -> Metadata:
    pieces = tuple(piece for piece in metadata.pieces if piece.role != "profile")
    return dataclasses.replace(metadata, profile=None, pieces=pieces)
