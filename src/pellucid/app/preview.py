"""Small pictures for the report: the whole of a file scaled down, and a part of it as it is."""

from pathlib import Path

import pyvips
import torch
from torch import Tensor
from torch.nn import functional

from pellucid.app.outcome import RestoredPicture
from pellucid.app.report import LARGEST_NUM_SHOWN, Entry, View
from pellucid.errors import ImageError
from pellucid.images.files import MAX_MEGAPIXELS, read_picture
from pellucid.images.picture import Picture

LARGEST_SIDE = 960
DETAIL = (400, 600)  # height and width
_QUALITY = 85
_LARGEST_PROFILE_BYTES = 1 << 15
_BAND_PIXELS = 1 << 22


class PreviewedPictures:
    """Restored pictures with their previews, as they come; later ones come without, so that the page stays light.

    Args:
        max_megapixels: see `files.read_picture`.
    """

    def __init__(self, max_megapixels: float = MAX_MEGAPIXELS) -> None:
        self.entries: list[Entry] = []
        self._max_megapixels = max_megapixels
        self._num_shown = 0

    def before(self, source: Path) -> dict[str, bytes]:
        """Previews of an original, to be taken before it is restored: it may be replaced."""
        return _previews(source, self._max_megapixels) if self._num_shown < LARGEST_NUM_SHOWN else {}

    def add(self, picture: RestoredPicture, before: dict[str, bytes]) -> None:
        """A restored picture, with what `before` gave."""
        after = _previews(picture.target, self._max_megapixels) if before else {}
        views = tuple(View(caption, before[caption], after[caption]) for caption in before if caption in after)
        self._num_shown += bool(views)
        self.entries.append(Entry(picture, views))


def _previews(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> dict[str, bytes]:
    """By caption, JPEG pictures of one file: the whole, and its middle at full size when the whole was scaled down.

    None when the file cannot be read; that is told elsewhere.
    """
    try:
        picture = read_picture(path, max_megapixels=max_megapixels)
    except ImageError:
        return {}
    try:
        factor = -(-max(picture.height, picture.width) // LARGEST_SIDE)
        if factor == 1:
            return {"whole picture": jpeg(picture.read(), picture)}
        height, width = (min(*pair) for pair in zip(DETAIL, (picture.height, picture.width), strict=True))
        middle = picture.read((picture.height - height) // 2, (picture.width - width) // 2, height, width)
        return {
            f"whole picture, 1/{factor} of its size": jpeg(_scaled_down(picture, factor), picture),
            "its middle, full size": jpeg(middle, picture),
        }
    except ImageError:
        return {}
    finally:
        picture.close()


def _scaled_down(picture: Picture, factor: int) -> Tensor:
    """The mean of every `factor` x `factor` pixels, read in bands; what is left at the borders is dropped."""
    rows = max(1, _BAND_PIXELS // picture.width // factor) * factor
    bands = [
        functional.avg_pool2d(picture.read(top, 0, min(rows, picture.height - top)), factor)
        for top in range(0, picture.height // factor * factor, rows)
        if picture.height - top >= factor and picture.width >= factor
    ]
    return torch.cat(bands, dim=2) if bands else picture.read(0, 0, 1, 1)


def jpeg(image: Tensor, picture: Picture | None) -> bytes:
    """`(1, 3, H, W)` as a JPEG that carries the profile of `picture`, so that browsers show its colours."""
    samples = (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    drawn = pyvips.Image.new_from_array(samples, interpretation="srgb")
    profile = None if picture is None else picture.rgb_profile
    if profile is not None and len(profile) <= _LARGEST_PROFILE_BYTES:
        drawn.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)  # pyright: ignore[reportArgumentType] - blobs are bytes
    return pyvips.Operation.call("jpegsave_buffer", drawn, Q=_QUALITY, keep="icc")
