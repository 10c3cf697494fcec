"""The known training and test sets as one literal table: where each lies, how it is stored, and on what terms."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pellucid.errors import DataError

Kind = Literal["train", "test"]
Storage = Literal["pictures", "pairs", "rain layers", "loose rain layers", "side by side"]
Licence = Literal["free-to-use", "research-only"]

ROOT_VARIABLE = "PELLUCID_DATA"
"""Environment variable with the folder that holds `train/` and `test/`."""


@dataclass(frozen=True)
class SharedSet:
    """One known set.

    Attributes:
        name: how recipes and protocols call it.
        kind: the folder it lies in, and what it may be used for.
        storage: `"pictures"` (each stands alone), `"pairs"` (`gt/` and `input/`), `"rain layers"` (`streak/`, to be
            added to `gt/`), `"loose rain layers"` (`streak/`, for any clean picture), `"side by side"` (`pairs/`, the
            clean picture left).
        licence: `"free-to-use"` pictures may train a model that is given away for any use, the others may not.
        note: terms as stated by the source, and what a user of the set should know.
        archive: file name without `.tar`, when it is not the set's name.
        include: patterns of the pictures that belong to the set, when not all do.
        clean_set: the set whose clean pictures belong to these rain layers, when they are not in the same archive.
        is_several: one clean picture has several degraded ones, named `CLEAN_...`.
        has_spare_layers: some rain layers have no clean picture of their own.
    """

    name: str
    kind: Kind
    storage: Storage
    licence: Licence
    note: str
    archive: str | None = None
    include: tuple[str, ...] = ()
    clean_set: str | None = None
    is_several: bool = False
    has_spare_layers: bool = False


PAIRED_DEGRADATIONS: dict[str, str] = {
    "RainTrainL": "rain",
    "Rain800_110": "rain",
    "LowLight_SICE122": "low-light",
    "SOTS_train15": "haze",
}
"""What the known sets of training pairs show."""

SHARED_SETS: tuple[SharedSet, ...] = (
    SharedSet(
        "HQPhotos400-free",
        "train",
        "pictures",
        "free-to-use",
        "budgie CC0; mei free to use however you wish; lomiri CC0, CC BY or CC BY-SA, with credit; pop public domain. "
        "elementary_* is left out: its licence is stated per file, and that statement is not at hand.",
        archive="HQPhotos400",
        include=("budgie_*", "mei_*", "lomiri_*", "pop_*"),
    ),
    SharedSet(
        "HQPhotos400",
        "train",
        "pictures",
        "research-only",
        "The free ones, and elementary (per file), mate and plasma (GPL-2+), sunhays (none stated, SUN, research).",
    ),
    SharedSet("BSDS_rest", "train", "pictures", "research-only", "BSDS: non-commercial research and education."),
    SharedSet(
        "RainTrainL",
        "train",
        "rain layers",
        "research-only",
        "Rain100L train: none stated; gt is BSDS. 36 of the 200 layers have no clean picture and serve on others.",
        has_spare_layers=True,
    ),
    SharedSet("RainStreaksH", "train", "loose rain layers", "research-only", "12 layers of Rain100H train."),
    SharedSet("Rain800_110", "train", "side by side", "research-only", "Rain800: academic use. JPEG."),
    SharedSet("LowLight_SICE122", "train", "pairs", "research-only", "SICE: CC BY-NC 4.0, academic research."),
    SharedSet(
        "SOTS_train15",
        "train",
        "pairs",
        "research-only",
        "RESIDE: academic use. Test pictures of the official benchmark: full SOTS figures are spoilt by it.",
        is_several=True,
    ),
    SharedSet("ImageNet250_256", "train", "pictures", "research-only", "ImageNet: non-commercial research."),
    SharedSet(
        "Flowers64",
        "train",
        "pictures",
        "research-only",
        "Five sheets of 32 x 32 photographs, 64 x 64 pixels each; Flickr photographs under single licences.",
    ),
    SharedSet("Set5", "test", "pictures", "research-only", "None stated; educational and research use."),
    SharedSet("Set12", "test", "pictures", "research-only", "None stated. Grey."),
    SharedSet("Set14", "test", "pictures", "research-only", "None stated. Two pictures are grey."),
    SharedSet("Classic5", "test", "pictures", "research-only", "None stated. Grey."),
    SharedSet(
        "CBSD68",
        "test",
        "pictures",
        "research-only",
        "BSDS: non-commercial research and education. 24 of the 68 are also clean pictures of Rain100L.",
    ),
    SharedSet("Kodak24", "test", "pictures", "research-only", "None stated by the mirror. 768 x 512, uncropped."),
    SharedSet("Rain100L", "test", "pairs", "research-only", "None stated; gt is BSDS. 481 x 321, uncropped."),
    SharedSet(
        "Rain100H",
        "test",
        "rain layers",
        "research-only",
        "None stated. 480 x 320: the clean pictures are those of Rain100L, cropped.",
        clean_set="Rain100L",
    ),
    SharedSet("PolyU", "test", "pairs", "research-only", "Non-commercial research and education. Real camera noise."),
    SharedSet("LowLight_SICE24", "test", "pairs", "research-only", "SICE: CC BY-NC 4.0. Not a standard split."),
    SharedSet("SOTS_indoor10", "test", "pairs", "research-only", "RESIDE: academic use. 10 of the 500 of SOTS indoor."),
    SharedSet("GoPro2", "test", "pairs", "research-only", "GoPro: CC BY 4.0; none stated by the mirror. One clip."),
    SharedSet(
        "Levin32",
        "test",
        "pairs",
        "research-only",
        "None stated. Grey; the true blur kernels lie beside the pictures in kernel/.",
        is_several=True,
    ),
    SharedSet("RealPhotos", "test", "pictures", "research-only", "From the web, terms mostly unstated; no clean ones."),
)
"""All known sets."""

TEST_SETS: tuple[str, ...] = tuple(known.name for known in SHARED_SETS if known.kind == "test")
"""Names of the sets that nothing may be trained on."""


def shared_set(name: str) -> SharedSet:
    """The known set of that name, in upper or lower case.

    Raises:
        DataError: when there is none.

    Example:
        >>> shared_set("rain100h").clean_set
        'Rain100L'
    """
    for known in SHARED_SETS:
        if known.name.lower() == name.lower():
            return known
    raise DataError(
        f"Expected a known data set, got {name!r}: choose {', '.join(known.name for known in SHARED_SETS)}."
    )


def data_root(root: str | Path | None = None) -> Path:
    """The folder that holds `train/` and `test/`: the argument, else what the environment says.

    Raises:
        DataError: when neither names a folder.
    """
    chosen = root if root is not None else os.environ.get(ROOT_VARIABLE)
    if not chosen:
        raise DataError(f"Expected the folder of the data sets, got none: pass it or set {ROOT_VARIABLE}.")
    if not Path(chosen).is_dir():
        raise DataError(f"Expected the folder of the data sets, got {chosen} which is none: check {ROOT_VARIABLE}.")
    return Path(chosen)
