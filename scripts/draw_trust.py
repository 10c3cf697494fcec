"""Draw maps of trust beside photographs and their results, for people.

    python scripts/draw_trust.py                                          # examples, into docs/pictures/
    PELLUCID_DATA=... python scripts/draw_trust.py --real -o sheets/trust # every photograph of RealPhotos

The second is not free to be shown, so that it goes where git does not look. Each picture shows the original, the
result, and the result in grey with colours where it may be off; below them what the summary says. The default model
restores all of them, in doubt, too: this is about what it does, not about when it had better not.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pyvips
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pellucid.app.colorize import colorize
from pellucid.app.trust import MAPS, TrustMaps, trust_folder
from pellucid.app.trust_overlay import drawn_legend, drawn_text
from pellucid.data.shared_pictures import open_set
from pellucid.data.sources import read_pixels
from pellucid.degradations.grayscale import grayscale
from pellucid.images.files import read_image, write_image
from pellucid.images.overview import views
from pellucid.methods.load import Model, load, with_trust
from pellucid.methods.trusted import TrustedRestorer
from pellucid.trust.drawing import overlay

EXAMPLES = ("noisy.png", "grainy.jpg", "rainy.jpg", "blurred.jpg", "compressed.jpg", "dark.jpg")
COLOURED = "hazy.jpg"
ROOT = Path(__file__).resolve().parents[1]
COLUMN, MARGIN, QUALITY = 400, 8, 88


def pictures(*, is_real: bool) -> Iterator[tuple[str, Tensor]]:
    """Name and pixels, `(1, 3, H, W)`."""
    if not is_real:
        for name in EXAMPLES:
            yield name, read_image(ROOT / "examples" / name)
        return
    source = open_set("RealPhotos")
    for name in source.names:
        yield name, read_pixels(source, name)[None].float() / 255


def drawn(model: Model, name: str, picture: Tensor) -> tuple[NDArray[np.uint8], str]:
    """The sheet of one picture, and what is said of it."""
    restorer = model.restorer
    assert isinstance(restorer, TrustedRestorer)
    restoration = model.restore(picture)
    size = (picture.shape[-2], picture.shape[-1])
    maps = TrustMaps(size, restorer.bound.level, Path(), in_memory_bytes=1 << 40)
    maps.write(0, 0, restoration.image, torch.cat([restoration.maps[one] for one in MAPS], dim=1))
    taken_for = restorer.taken_for(restorer.context(views(picture)))
    said = f"{name}, taken for {taken_for}: {maps.summary()}."
    maps.close()
    parts = [picture, restoration.image, overlay(restoration.image, restoration.maps["error"])]
    return sheet(parts, said, restorer.bound.level), said


def colorized(name: str) -> tuple[NDArray[np.uint8], str]:
    """The sheet of an example that has lost its colours and gets others, and what is said of it."""
    with tempfile.TemporaryDirectory() as folder:
        grey = grayscale(read_image(ROOT / "examples" / name))
        path = Path(folder) / f"{Path(name).stem}.png"
        write_image(path, grey)
        outcome = colorize(path, trust=True, device="cpu")
        assert outcome.trust is not None
        coloured = read_image(outcome.path)
        error = read_image(trust_folder(outcome.path) / "error.png")[:, :1]
    said = f"{name} in grey, colorized: {outcome.trust}."
    return sheet([grey, coloured, overlay(coloured, error)], said, outcome.trust.level), said


def sheet(parts: Sequence[Tensor], said: str, level: float) -> NDArray[np.uint8]:
    """Pictures of one size beside each other, what is said below, and what the colours of the last one mean."""
    small = [_small(part) for part in parts]
    height, width = small[0].shape[:2]
    whole = len(small) * (width + MARGIN) + MARGIN
    words = [drawn_text(said, whole), drawn_legend(whole - 2 * MARGIN, level)]
    page = np.full((height + 2 * MARGIN + sum(part.shape[0] + MARGIN for part in words), whole, 3), 255, np.uint8)
    for number, part in enumerate(small):
        left = MARGIN + number * (width + MARGIN)
        page[MARGIN : MARGIN + height, left : left + width] = part
    top = 2 * MARGIN + height
    for part in words:
        page[top : top + part.shape[0], MARGIN : MARGIN + part.shape[1]] = part[:, : whole - MARGIN]
        top += part.shape[0] + MARGIN
    return page


def _small(image: Tensor) -> NDArray[np.uint8]:
    factor = max(1.0, image.shape[-1] / COLUMN)
    size = [max(1, round(side / factor)) for side in image.shape[-2:]]
    scaled = F.interpolate(image.clamp(0, 1), size, mode="area")
    return (scaled[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def _stem(name: str) -> str:
    return name.replace("/", "-").rpartition(".")[0]


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true", help="the photographs of RealPhotos")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--trust", default="default", help="weights of another map")
    arguments = parser.parse_args()
    model = with_trust(load(device="cpu"), arguments.trust)
    arguments.output.mkdir(parents=True, exist_ok=True)
    sheets = ((f"trust-{_stem(name)}", drawn(model, name, its)) for name, its in pictures(is_real=arguments.real))
    coloured = () if arguments.real else ((f"colorized-{_stem(name)}", colorized(name)) for name in (COLOURED,))
    for name, (page, said) in chain(sheets, coloured):
        target = arguments.output / f"{name}.jpg"
        image = pyvips.Image.new_from_array(page, interpretation="srgb")
        pyvips.Operation.call("jpegsave", image, str(target), Q=QUALITY)
        print(said, flush=True)


if __name__ == "__main__":
    main()
