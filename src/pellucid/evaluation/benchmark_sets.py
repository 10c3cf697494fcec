"""The test sets by the names people type (`cbsd68`, `rain100l`), opened from a data root or from two folders.

Some names are views of the same files: `bsd68` is the grey version of `cbsd68`, `kodak24-500` the crops that the
denoising tables call Kodak24. Pictures are decoded one at a time, when they are asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from torch import Tensor

from pellucid.data.fingerprint import fingerprint_pixels
from pellucid.data.pairs import open_pairs
from pellucid.data.selection import subfolder
from pellucid.data.shared_pictures import load_pairs, open_set
from pellucid.data.shared_sets import data_root
from pellucid.data.sources import Source, open_source, read_pixels
from pellucid.errors import DataError
from pellucid.evaluation.degrading import weighted_grey

View = Literal["whole", "crop of 500x500", "grey of BSD68", "last 50"]

BSD68_WEIGHTS = (0.298936021293775, 0.587043074451121, 0.114020904255103)
"""MATLAB's `rgb2gray`; with these, the grey BSD68 follows from CBSD68 without one wrong pixel."""


@dataclass(frozen=True)
class BenchmarkSet:
    """One test set as people call it.

    Attributes:
        name: as typed at the command line.
        stored_as: its name among the known data sets, or a path under the root for what is not one.
        protocol: how it is measured when nothing else is asked for.
        about: what it is.
        is_paired: whether it brings its own degraded pictures.
        view: what is done to the files before anything else.
    """

    name: str
    stored_as: str
    protocol: str
    about: str
    is_paired: bool = False
    view: View = "whole"


BENCHMARK_SETS: tuple[BenchmarkSet, ...] = (
    BenchmarkSet("cbsd68", "CBSD68", "awgn", "68 colour photographs, 481x321"),
    BenchmarkSet("kodak24", "Kodak24", "awgn", "24 colour photographs, 768x512, whole"),
    BenchmarkSet(
        "kodak24-500",
        "Kodak24",
        "awgn",
        "the 500x500 crops that FFDNet, SwinIR and Restormer call Kodak24",
        view="crop of 500x500",
    ),
    BenchmarkSet("set5", "Set5", "awgn", "5 small colour pictures"),
    BenchmarkSet("set14", "Set14", "gaussian-blur", "14 small pictures, two of them grey"),
    BenchmarkSet("bsd68", "CBSD68", "awgn-grey", "CBSD68 in grey, as MATLAB turns it", view="grey of BSD68"),
    BenchmarkSet("set12", "Set12", "awgn-grey", "12 grey pictures"),
    BenchmarkSet("classic5", "Classic5", "jpeg-grey", "5 grey pictures, 512x512"),
    BenchmarkSet("rain100l", "Rain100L", "rain-rgb", "100 pairs, light synthetic rain", is_paired=True),
    BenchmarkSet("rain100h", "Rain100H", "rain-rgb", "100 pairs, heavy synthetic rain", is_paired=True),
    BenchmarkSet("polyu", "PolyU", "pairs", "100 pairs of real camera noise, JPEG", is_paired=True),
    BenchmarkSet("sots-indoor10", "SOTS_indoor10", "pairs", "10 of SOTS indoor's 500, synthetic haze", is_paired=True),
    BenchmarkSet("sice24", "LowLight_SICE24", "pairs", "24 pairs, low light, our choice out of SICE", is_paired=True),
    BenchmarkSet("gopro2", "GoPro2", "pairs", "2 pairs of one GoPro clip, a sanity check only", is_paired=True),
    BenchmarkSet("levin32", "Levin32", "pairs-grey", "32 grey pairs, camera shake, true kernels", is_paired=True),
    BenchmarkSet(
        "bedroom50",
        "bigprior/ColorizationBedroom300",
        "bigprior-colorization",
        "the 50 test pictures of BIGPrior's bedroom colorization",
        view="last 50",
    ),
)
"""All of them."""


@dataclass(frozen=True)
class OpenedSet:
    """A test set, ready to be read picture by picture.

    Attributes:
        name: how tables call it.
        pictures: names, in the order that indices and seeds refer to.
        is_paired: whether `read` gives degraded pictures.
        read: index to `(degraded, clean)`, both `(1, 3, H, W)` float32 in `[0, 1]`; degraded is `None` without pairs.
    """

    name: str
    pictures: tuple[str, ...]
    is_paired: bool
    read: Callable[[int], tuple[Tensor | None, Tensor]]

    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of every picture; decodes them all."""
        return [(clean.shape[-2], clean.shape[-1]) for _, clean in map(self.read, range(len(self.pictures)))]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all pictures, by name and content; decodes them all."""

        def pictures() -> Iterator[tuple[str, Tensor]]:
            for index, name in enumerate(self.pictures):
                degraded, clean = self.read(index)
                yield name, clean
                if degraded is not None:
                    yield f"{name} degraded", degraded

        return fingerprint_pixels(pictures()).sha256


def benchmark_set(name: str) -> BenchmarkSet:
    """The test set of that name, in upper or lower case, with `_` for `-` if one likes.

    Raises:
        DataError: when there is none.

    Example:
        >>> benchmark_set("SOTS_indoor10").protocol
        'pairs'
    """
    typed = name.lower().replace("_", "-")
    for known in BENCHMARK_SETS:
        if typed in (known.name, known.stored_as.lower().replace("_", "-")):
            return known
    choices = ", ".join(known.name for known in BENCHMARK_SETS)
    raise DataError(f"Expected a test set, got {name!r}: choose one of {choices}, or give two folders.")


def open_benchmark_set(name: str, root: str | Path | None = None) -> OpenedSet:
    """A test set by name.

    Args:
        name: see `BENCHMARK_SETS`.
        root: the folder that holds `test/`; the environment variable PELLUCID_DATA when absent.

    Raises:
        DataError: when the name is not known or the set is not there.
    """
    known = benchmark_set(name)
    if known.is_paired:
        return _opened_pairs(known.name, load_pairs(known.stored_as, root))
    if known.view == "last 50":
        source: Source = subfolder(_open_aside(known.stored_as, root), "gt")
        names = tuple(sorted(source.names, key=lambda name: int(Path(name).stem)))[-50:]  # 250.webp ... 299.webp
    else:
        source = open_set(known.stored_as, root)
        names = source.names

    def read(index: int) -> tuple[None, Tensor]:
        return None, _seen(_as_image(read_pixels(source, names[index])), known.view)

    return OpenedSet(known.name, names, False, read)


def open_two_folders(degraded: str | Path, clean: str | Path) -> OpenedSet:
    """Pairs of two folders (or tar archives), matched by base name.

    Raises:
        DataError: when a folder is missing or a picture has no partner.
    """
    return _opened_pairs(f"{Path(degraded).name} against {Path(clean).name}", open_pairs(clean, degraded))


def _opened_pairs(name: str, pairs: list) -> OpenedSet:
    def read(index: int) -> tuple[Tensor, Tensor]:
        degraded, clean = pairs[index].load()
        return _as_image(degraded), _as_image(clean)

    return OpenedSet(name, tuple(pair.name for pair in pairs), True, read)


def _open_aside(stored_as: str, root: str | Path | None) -> Source:
    path = data_root(root) / stored_as
    archive = path.with_name(f"{path.name}.tar")
    if not archive.exists() and not path.exists():
        raise DataError(f"Expected {stored_as}.tar or that folder under the data root, got neither: get the set first.")
    return open_source(archive if archive.exists() else path)


def _as_image(pixels: Tensor) -> Tensor:
    return pixels[None].float() / 255


def _seen(image: Tensor, view: View) -> Tensor:
    if view == "crop of 500x500":
        # FFDNet's crops are the central ones.
        top, left = (6, 134) if image.shape[-1] > image.shape[-2] else (134, 6)
        return image[..., top : top + 500, left : left + 500].contiguous()
    if view == "grey of BSD68":
        return weighted_grey(image, BSD68_WEIGHTS, offset=0.5)
    return image
