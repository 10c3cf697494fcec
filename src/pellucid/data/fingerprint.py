"""What a data set was, in one short line: enough to tell later whether two runs saw the same pictures."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from torch import Tensor

from pellucid.data.sources import Source
from pellucid.images.decode import picture_size


@dataclass(frozen=True)
class Fingerprint:
    """Names and content of a data set as one hash.

    Attributes:
        sha256: over the sorted lines `name <tab> sha256 of its content`, as 64 hexadecimal digits.
        num_pictures: how many.
        num_pixels: of all pictures together.
        content: what was hashed, `"files"` (the encoded bytes) or `"pixels"` (decoded, whatever file held them).
    """

    sha256: str
    num_pictures: int
    num_pixels: int
    content: str

    def to_json(self) -> dict[str, str | int]:
        """As a plain dictionary, for a run folder or a model card."""
        return asdict(self)


def fingerprint_source(source: Source) -> Fingerprint:
    """The fingerprint of the encoded files of a source. A folder and an archive made of it have the same.

    Raises:
        ImageError: when a picture's header is broken.
    """
    lines, num_pixels = [], 0
    for name in source.names:
        data = source.read(name)
        height, width = picture_size(data, f"{name} of {source.label}")
        lines.append((name, hashlib.sha256(data).hexdigest()))
        num_pixels += height * width
    return Fingerprint(_hash_of(lines), len(lines), num_pixels, "files")


def fingerprint_pixels(pictures: Iterable[tuple[str, Tensor]]) -> Fingerprint:
    """The fingerprint of decoded pictures, name and uint8 `(3, H, W)`. The same for any lossless file format."""
    lines, num_pixels = [], 0
    for name, pixels in pictures:
        content = hashlib.sha256(f"{tuple(pixels.shape)}".encode())
        content.update(pixels.contiguous().cpu().numpy().tobytes())
        lines.append((name, content.hexdigest()))
        num_pixels += pixels.shape[-2] * pixels.shape[-1]
    return Fingerprint(_hash_of(lines), len(lines), num_pixels, "pixels")


def _hash_of(lines: list[tuple[str, str]]) -> str:
    text = "".join(f"{name}\t{content}\n" for name, content in sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest()
