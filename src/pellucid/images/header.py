"""What a file says about itself before a pixel is decoded: size, metadata, and how its pixels were compressed."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Piece:
    """One piece of metadata as the file holds it.

    Attributes:
        kind: the format's own key: a JPEG marker, a PNG or RIFF chunk type, a TIFF tag.
        data: the payload, to the byte; for TIFF an `Entry`.
        role: what it is in every format (`"exif"`, `"xmp"`, `"iptc"`, `"profile"`, `"resolution"`), or else its name
            as the log should call it when another format has no place for it. `"storage"` and `"orientation"` are of no
            use to another format.
    """

    kind: int | str
    data: Any
    role: str


@dataclass(frozen=True)
class Metadata:
    """Everything in a file that is not pixels.

    Attributes:
        orientation: EXIF's 1 to 8: how the stored picture must be turned to stand upright.
        profile: ICC profile.
        exif: EXIF block, from its byte-order mark.
        xmp: XMP packet.
        iptc: IPTC-IIM records.
        resolution: horizontal and vertical, pixels per inch.
        transfer: how brightness is coded, by its number in CICP (ITU-T H.273); `None` when that is not given so.
        pieces: all of it as the format holds it, in order, for a file of the same format.
        lost: names of what a rewritten file cannot hold.
        changes: sentences on what will be written in another way without loss.
    """

    orientation: int = 1
    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution: tuple[float, float] | None = None
    transfer: int | None = None
    pieces: tuple[Piece, ...] = ()
    lost: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def profile_colours(self) -> bytes:
        """What the ICC profile is for, by its own header: `b"RGB "`, `b"GRAY"`, ...; empty without one."""
        return (self.profile or b"")[16:20]


@dataclass(frozen=True)
class Encoding:
    """How the pixels were compressed, so that they can be compressed the same way again.

    Attributes:
        quality: 1 to 100 on the scale of the format's encoder; `None` when lossless or when it cannot be read.
        lossless: whether decoding gives back what was encoded.
        subsampled: whether colour is stored at half the height and half the width (4:2:0).
        progressive: JPEG's progressive scans or PNG's interlacing.
        bits: per sample, as stored (1 to 64).
        compression: TIFF's name of it.
        predictor: TIFF's name of it.
        tile: width and height of a TIFF's tiles; `None` for strips.
        big: whether a TIFF uses 64-bit offsets.
        premultiplied: whether colours are stored multiplied by the opacity (TIFF's associated alpha).
        grey: whether the file holds only brightness, though its decoder hands out RGB (AVIF).
        opacity: whether the first channel beyond colour is opacity, and not a mask of unknown meaning.
    """

    quality: int | None = None
    lossless: bool = True
    subsampled: bool = False
    progressive: bool = False
    bits: int = 8
    compression: str = "none"
    predictor: str = "none"
    tile: tuple[int, int] | None = None
    big: bool = False
    premultiplied: bool = False
    grey: bool = False
    opacity: bool = True


@dataclass(frozen=True)
class Header:
    """What a file says about itself before a pixel is decoded.

    Attributes:
        format: `"jpeg"`, `"png"`, `"tiff"`, `"webp"`, `"avif"`, `"gif"`, `"bmp"`, `"pnm"`.
        height: as stored, before orientation, in pixels.
        width: likewise.
        metadata: everything that is not pixels.
        encoding: how the pixels were compressed.
        patches: places in the file, and the bytes that its decoder is to find there instead. TIFF with premultiplied
            colours: an ExtraSamples value that says that they are not, because libvips divides by opacity with a loss;
            so it leaves them be, and the division is done in floating point, where it can be undone. JPEG: what is odd
            in the header and of no matter for the pixels, see `containers.jpeg`.
    """

    format: str
    height: int
    width: int
    metadata: Metadata = field(default_factory=Metadata)
    encoding: Encoding = field(default_factory=Encoding)
    patches: tuple[tuple[int, bytes], ...] = ()
