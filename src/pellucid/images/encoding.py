"""Raw pixels to an encoded file without metadata: libvips encodes, the way the input was encoded.

What is decided here, and why:

- JPEG: at the quality of the input or 90, whichever is more. 90, because a picture restored from a coarse JPEG would
  get the same blocks again. 4:2:0 stays 4:2:0; every other sampling becomes 4:4:4, which loses no colour.
- WebP: likewise. Lossless stays lossless, hidden colours included; alpha is always lossless.
- AVIF: the quantiser is not read, so lossy files get 90, which is higher than what encoders use by default; with alpha
  100, because libvips has no other way to keep alpha without loss.
- TIFF: the input's compression, predictor, tiles and offsets, deflate where libvips has no encoder for it.
- PNG and progressive JPEG: interlaced like the input, unless that would take too much memory.
"""

from pathlib import Path
from typing import Any

import pyvips

from pellucid.images.colour import Samples
from pellucid.images.decoding import file_name
from pellucid.images.header import Encoding

LEAST_QUALITY = 90
_FOREIGN_QUALITY = 95
_WRITTEN_COMPRESSIONS = {"none", "lzw", "deflate", "packbits", "jpeg"}
_LARGEST_CLASSIC_TIFF = 3_900_000_000
_LARGEST_INTERLACED = 40_000_000
_AVIF_EFFORT = 2


def fitted(image: pyvips.Image, samples: Samples, target: str) -> tuple[pyvips.Image, list[str]]:
    """`image` in samples that the format `target` can hold, and the names of what that loses."""
    lost = []
    extras = samples.extras
    if samples.premultiplied and target != "tiff":
        divided = image.cast("float").unpremultiply(max_alpha=samples.opaque)
        image = divided if samples.is_float else divided.rint().cast(image.format)
    if extras and not samples.opacity and target != "tiff":
        image, extras = image[: samples.colours], 0
        lost.append("the channel of unknown meaning beside the colours")
    elif extras > 1 and target != "tiff":
        image, extras = image[: samples.colours + 1], 1
        lost.append("the channels beyond opacity")
    deepest = 8 if target in ("jpeg", "webp") else 32 if target == "tiff" else 16
    peak = 255.0 if samples.dtype == "uint8" or deepest == 8 else 65535.0
    must_scale = deepest < 32 if samples.is_float else samples.white != peak
    if must_scale:
        scale = [peak / samples.white] * samples.colours + [peak / samples.opaque] * extras
        image = image.linear(scale, [0] * len(scale)).rint().cast("uchar" if peak == 255.0 else "ushort")
        if samples.is_float or (deepest == 8 and samples.white > 255):
            lost.append(f"the depth of its samples ({'floating point' if samples.is_float else '16-bit'})")
        if samples.brightest > samples.white:
            lost.append(f"highlights brighter than white (samples from {samples.white:g} to {samples.brightest:g})")
    if extras and target == "jpeg":
        image = image.flatten(background=[255])
        lost.append("opacity (put on white)")
    return _interpreted(image, samples.colours), lost


def _interpreted(image: pyvips.Image, colours: int) -> pyvips.Image:
    names = {"uchar": ("b-w", "srgb"), "ushort": ("grey16", "rgb16"), "float": ("b-w", "scrgb")}
    return image.copy(interpretation=names[str(image.format)][colours == 3])


def encode(
    image: pyvips.Image, path: Path, target: str, encoding: Encoding, *, is_same_format: bool, quality: int | None
) -> list[str]:
    """Write `image` to `path` in the format `target`, without metadata, and name what changes.

    Args:
        image: as `fitted` gives it.
        path: an existing file; its suffix does not matter.
        target: the format.
        encoding: how the input was encoded.
        is_same_format: whether the input has the format `target`, so that `encoding` says how to encode.
        quality: 1 to 100 for lossy formats; from the input when absent.

    Raises:
        pyvips.Error: when it cannot be encoded or written.
    """
    if not is_same_format:
        encoding = Encoding(_FOREIGN_QUALITY, lossless=False, compression="deflate", predictor="horizontal")
    build = {"jpeg": _jpeg, "png": _png, "tiff": _tiff, "webp": _webp, "avif": _avif}[target]
    if quality is None:
        needs_all = target == "avif" and image.bands in (2, 4)
        quality = 100 if needs_all else max(LEAST_QUALITY, encoding.quality or 0)
    options, changes = build(image, encoding, quality)
    saver = "heifsave" if target == "avif" else f"{target}save"
    pyvips.Operation.call(saver, image, file_name(path), keep="none", **options)
    return changes


def _jpeg(image: pyvips.Image, encoding: Encoding, quality: int) -> tuple[dict[str, Any], list[str]]:
    interlaced, changes = _interlaced(image, encoding)
    sampling = "on" if encoding.subsampled else "off"
    return {"Q": quality, "subsample_mode": sampling, "interlace": interlaced}, changes


def _png(image: pyvips.Image, encoding: Encoding, quality: int) -> tuple[dict[str, Any], list[str]]:
    interlaced, changes = _interlaced(image, encoding)
    return {"compression": 4, "filter": "all", "interlace": interlaced}, changes


def _interlaced(image: pyvips.Image, encoding: Encoding) -> tuple[bool, list[str]]:
    if encoding.progressive and image.width * image.height > _LARGEST_INTERLACED:
        return False, ["a progressive or interlaced file this large is written from top to bottom"]
    return encoding.progressive, []


def _tiff(image: pyvips.Image, encoding: Encoding, quality: int) -> tuple[dict[str, Any], list[str]]:
    changes = []
    compression = encoding.compression
    fits = compression in _WRITTEN_COMPRESSIONS and (compression != "jpeg" or image.format == "uchar")
    if not fits:
        changes.append(f"compression {compression} is written as deflate")
        compression = "deflate"
    size = image.width * image.height * image.bands * {"uchar": 1, "ushort": 2, "float": 4}[str(image.format)]
    options: dict[str, Any] = {
        "compression": compression,
        "predictor": encoding.predictor if compression in ("lzw", "deflate") else "none",
        "bigtiff": encoding.big or size > _LARGEST_CLASSIC_TIFF,
    }
    if compression == "jpeg":
        options["Q"] = quality
    if encoding.tile is not None and max(encoding.tile) <= 32768 and not any(side % 16 for side in encoding.tile):
        options |= {"tile": True, "tile_width": encoding.tile[0], "tile_height": encoding.tile[1]}
    return options, changes


def _webp(image: pyvips.Image, encoding: Encoding, quality: int) -> tuple[dict[str, Any], list[str]]:
    if encoding.lossless:
        return {"lossless": True, "exact": True}, []
    return {"Q": quality, "alpha_q": 100, "exact": True}, []


def _avif(image: pyvips.Image, encoding: Encoding, quality: int) -> tuple[dict[str, Any], list[str]]:
    changes = []
    bits = 8 if image.format == "uchar" else encoding.bits if encoding.bits in (10, 12) else 12
    if image.format == "ushort" and encoding.bits not in (10, 12):
        changes.append("16-bit samples are written as 12-bit samples")
    options: dict[str, Any] = {"compression": "av1", "bitdepth": bits, "effort": _AVIF_EFFORT}
    if encoding.lossless:
        return options | {"lossless": True}, changes
    if encoding.grey:
        changes.append("a grey AVIF gets neutral colour planes")
    return options | {"Q": quality, "subsample_mode": "on" if encoding.subsampled else "off"}, changes
