"""Picture files of every kind, written by other libraries than the one under test, or by hand where none can."""

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyvips
import tifffile
from PIL import Image

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="somebody"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
IPTC = b"\x1c\x02\x00\x00\x02\x00\x04\x1c\x02\x69\x00\x08Headline"
MAKER_NOTE = bytes(range(64))


def exif_block(orientation: int) -> bytes:
    """A big-endian block with a maker note, as a camera writes it; libvips would rewrite it in another order."""
    exif = Image.Exif()
    exif.endian = ">"
    exif[271], exif[272] = "Maker", "Model"
    if orientation != 1:
        exif[274] = orientation
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2
    details = exif.get_ifd(34665)
    details[33434], details[36867], details[37500] = 0.01, "2024:05:06 07:08:09", MAKER_NOTE
    exif.get_ifd(34853)[1] = "N"
    return exif.tobytes().removeprefix(b"Exif\0\0")


def wide_gamut_profile() -> bytes:
    """Display P3."""
    return bytes(pyvips.Operation.call("profile_load", "p3"))


@dataclass(frozen=True)
class Extras:
    """What a file carries besides pixels."""

    orientation: int = 1
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    profile: bytes | None = None
    dpi: tuple[int, int] | None = None

    @classmethod
    def full(cls, orientation: int) -> "Extras":
        return cls(orientation, exif_block(orientation), XMP, IPTC, wide_gamut_profile(), (300, 300))

    @classmethod
    def little(cls, orientation: int) -> "Extras":
        """Nothing but the orientation."""
        return cls(orientation, None if orientation == 1 else exif_block(orientation))


@dataclass(frozen=True)
class Kind:
    """What pixels a file has."""

    format: str
    channels: int = 3
    depth: int = 8
    options: dict = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.format, f"{self.channels}x{self.depth}", *map(str, self.options.values())])


def pixels(kind: Kind, height: int = 21, width: int = 34, seed: int = 0) -> np.ndarray:
    """Smooth colours with a little noise, (H, W, C); opacity with fully transparent and fully opaque parts."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        0.5 + 0.4 * np.sin(x / (5 + k) + k) * np.cos(y / (4 + k)) + 0.02 * generator.standard_normal((height, width))
        for k in range(kind.channels)
    ]
    if kind.channels in (2, 4):
        planes[-1] = (x / (width - 1) * 1.6 - 0.3 + 0 * y).clip(0, 1)
    image = np.stack(planes, -1).clip(0, 1)
    if kind.depth == 32:
        return (image * 1.7 - 0.2).astype(np.float32) if kind.channels in (1, 3) else image.astype(np.float32)
    peak = (1 << kind.depth) - 1
    values = np.rint(image * peak)
    return values.astype(np.uint8 if kind.depth == 8 else np.uint16)


def encoded(kind: Kind, image: np.ndarray, extras: Extras) -> bytes:
    """The bytes of a file of `kind` with the pixels `image`."""
    return {"jpeg": _jpeg, "png": _png, "tiff": _tiff, "webp": _webp, "avif": _avif}[kind.format](kind, image, extras)


def png_bytes(image: np.ndarray, *, colour: int, bits: int, chunks: list[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG written by hand: no filter, one IDAT. `image` is (H, W, C), or (H, W) of packed indices."""
    height, width = image.shape[:2]
    if bits == 16:
        rows = [b"\0" + row.astype(">u2").tobytes() for row in image]
    elif bits == 8:
        rows = [b"\0" + row.tobytes() for row in image]
    else:
        per_byte = 8 // bits
        padded = np.pad(image.reshape(height, width), ((0, 0), (0, -width % per_byte)))
        weights = 1 << (bits * np.arange(per_byte)[::-1])
        rows = [b"\0" + (row.reshape(-1, per_byte) * weights).sum(1).astype(np.uint8).tobytes() for row in padded]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG, in order."""
    chunks, at = [], 8
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return chunks


def jpeg_segments(data: bytes) -> list[tuple[int, bytes]]:
    """Markers and payloads before the first scan."""
    segments, at = [], 2
    while data[at + 1] != 0xDA:
        size = struct.unpack(">H", data[at + 2 : at + 4])[0]
        segments.append((data[at + 1], data[at + 4 : at + 2 + size]))
        at += 2 + size
    return segments


def names(folder: Path) -> list[str]:
    """What lies in `folder`, sorted."""
    return sorted(path.name for path in folder.iterdir())


def photoshop(iptc: bytes) -> bytes:
    """The payload of an APP13 segment: IPTC in an image resource, and another resource beside it."""
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    return b"Photoshop 3.0\0" + b"8BIM\x04\x25\0\0\0\0\0\x02ab" + resource


def _pil(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def _jpeg(kind: Kind, image: np.ndarray, extras: Extras) -> bytes:
    options = {"quality": 93, "subsampling": 0} | kind.options
    if extras.exif:
        options["exif"] = b"Exif\0\0" + extras.exif
    if extras.dpi:
        options["dpi"] = extras.dpi
    file = io.BytesIO()
    _pil(image).save(file, "JPEG", icc_profile=extras.profile, xmp=extras.xmp, **options)
    data = file.getvalue()
    if extras.iptc:
        payload = photoshop(extras.iptc)
        data = data[:2] + b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload + data[2:]
    return data


def _png(kind: Kind, image: np.ndarray, extras: Extras) -> bytes:
    chunks = []
    if extras.profile:
        chunks.append((b"iCCP", b"wide\0\0" + zlib.compress(extras.profile)))
    if extras.dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in extras.dpi), 1)))
    if extras.exif:
        chunks.append((b"eXIf", extras.exif))
    if extras.xmp:
        chunks += [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + extras.xmp), (b"tEXt", b"Title\0A picture")]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[image.shape[2]]
    return png_bytes(image, colour=colour, bits=kind.depth, chunks=chunks)


def _tiff(kind: Kind, image: np.ndarray, extras: Extras) -> bytes:
    tags = [(274, "H", 1, extras.orientation, True)]
    if extras.exif:
        tags += [(271, "s", 0, "Maker", True), (33432, "s", 0, "Somebody", True)]
    if extras.xmp:
        tags.append((700, "B", len(extras.xmp), extras.xmp, True))
    if extras.iptc:
        tags.append((33723, "B", len(extras.iptc), extras.iptc, True))
    if extras.profile:
        tags.append((34675, "B", len(extras.profile), extras.profile, True))
    options = {"photometric": "minisblack" if kind.channels < 3 else "rgb"} | kind.options
    if kind.channels in (2, 4):
        options.setdefault("extrasamples", ["unassalpha"])
    file = io.BytesIO()
    array = image[..., 0] if kind.channels == 1 else image
    resolution = extras.dpi or (1, 1)
    unit = "INCH" if extras.dpi else None
    tifffile.imwrite(
        file, array, extratags=tags, resolution=resolution, resolutionunit=unit, metadata=None,
        description="A picture", software="a camera", **options,
    )  # fmt: skip
    return file.getvalue()


def _webp(kind: Kind, image: np.ndarray, extras: Extras) -> bytes:
    file = io.BytesIO()
    options = {"lossless": True, "exact": True} | kind.options
    exif = extras.exif or b""
    _pil(image).save(file, "WEBP", exif=exif, icc_profile=extras.profile, xmp=extras.xmp or b"", **options)
    return file.getvalue()


def _avif(kind: Kind, image: np.ndarray, extras: Extras) -> bytes:
    if kind.depth == 8:
        file = io.BytesIO()
        options = {"quality": 95, "subsampling": "4:4:4", "speed": 10} | kind.options
        exif = extras.exif or b""
        _pil(image).save(file, "AVIF", exif=exif, icc_profile=extras.profile, xmp=extras.xmp or b"", **options)
        return file.getvalue()
    shifted = image << (16 - kind.depth)
    names = ("grey16", "rgb16")
    raw = pyvips.Image.new_from_array(shifted).copy(interpretation=names[kind.channels > 2])
    return raw.heifsave_buffer(compression="av1", bitdepth=kind.depth, effort=0, **({"lossless": True} | kind.options))
