"""A prior's guesses at many pictures, made once and kept, as `pellucid.data.inversions` reads them.

FOLDER/settings.json        what they were made with; other settings are refused
FOLDER/gt/NAME.png          the clean picture
FOLDER/inversion/NAME.png   the prior's guess at it, from what was observed of it
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Generator, Tensor

from pellucid.data.inversions import CLEAN_FOLDER, INVERSION_FOLDER
from pellucid.errors import DataError
from pellucid.images.atomic import replacing
from pellucid.images.files import write_image
from pellucid.methods.bigprior.priors.contract import Prior
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator

SETTINGS = "settings.json"
"""Name of the file that says what a folder was made with."""


@dataclass(frozen=True)
class Observation:
    """What was observed of a clean picture.

    Attributes:
        observed: y.
        operator: A.
        noise_variance: of y.
    """

    observed: Tensor
    operator: LinearOperator
    noise_variance: Variance = 0.0


@dataclass(frozen=True)
class Written:
    """What `write_inversions` did.

    Attributes:
        made: names of pictures that it inverted.
        passed_over: names that were there already.
    """

    made: tuple[str, ...]
    passed_over: tuple[str, ...]


def write_inversions(
    folder: str | Path,
    pictures: Iterable[tuple[str, Tensor | Callable[[], Tensor]]],
    prior: Prior,
    observe: Callable[[Tensor, Generator], Observation],
    *,
    seed: int,
    settings: Mapping[str, Any],
    finish: Callable[[Tensor, Observation], Tensor] | None = None,
) -> Written:
    """Invert every picture that is not in the folder yet; which were made and which were there.

    A picture's randomness comes from the seed and its name: made in one go or in several, in any order, the files are
    the same. Each file is whole or not there, and the guess is written last: where it is, the clean picture is, too.

    Args:
        folder: made where it is missing.
        pictures: names without suffix, none twice, each with its clean picture, `(1, 3, H, W)` in `[0, 1]`, or a
            function that reads it, which is not called where there is nothing to do. They are stored in 8 bits.
        prior: what guesses.
        observe: what becomes of a clean picture; the generator is for noise and masks.
        seed: of everything random.
        settings: whatever tells this set from another: the prior, its settings, the degradation; JSON-able.
        finish: what becomes of a guess before it is stored, such as `inversion.with_observed_luma` for colours.

    Raises:
        DataError: when the folder was made with other settings, or holds pictures and no settings, or when a name is no
            plain file name or comes twice.
        ImageError: when a file cannot be written.

    Example:
        >>> import tempfile, torch
        >>> from pellucid.methods.bigprior.priors.harmonic import Harmonic
        >>> from pellucid.trust.operators.mask import Mask
        >>> known = torch.ones(1, 1, 8, 8)
        >>> known[..., 3:5, 3:5] = 0
        >>> masked = lambda clean, generator: Observation(clean * known, Mask(known))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for names in ("a", "ab"):
        ...         pictures = [(name, torch.rand(1, 3, 8, 8)) for name in names]
        ...         write_inversions(folder, pictures, Harmonic(), masked, seed=0, settings={"prior": "harmonic"})
        Written(made=('a',), passed_over=())
        Written(made=('b',), passed_over=('a',))
    """
    folder = Path(folder)
    _claim(folder, {"seed": seed, **settings})
    made: list[str] = []
    passed_over: list[str] = []
    for name, picture in pictures:
        if not name or Path(name).name != name or name.startswith(".") or name in (*made, *passed_over):
            raise DataError(f"Expected plain names of pictures, each once, got {name!r}: rename it.")
        clean_path, guess_path = (folder / kind / f"{name}.png" for kind in (CLEAN_FOLDER, INVERSION_FOLDER))
        if clean_path.is_file() and guess_path.is_file():
            passed_over.append(name)
            continue
        clean = picture if isinstance(picture, Tensor) else picture()
        random = Generator(clean.device).manual_seed(_seed_of(seed, name))
        seen = observe(clean, random)
        guess = prior.guess(seen.observed, seen.operator, noise_variance=seen.noise_variance, generator=random).image
        write_image(clean_path, clean.cpu())
        write_image(guess_path, (guess if finish is None else finish(guess, seen)).cpu())
        made.append(name)
    return Written(tuple(made), tuple(passed_over))


def _claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Leave the settings in the folder, or compare them with those that are there."""
    text = json.dumps(settings, sort_keys=True, indent=2) + "\n"
    marker = folder / SETTINGS
    for kind in (CLEAN_FOLDER, INVERSION_FOLDER):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    if marker.is_file():
        found, wanted = _read(marker), json.loads(text)
        if found != wanted:
            odd = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))[0]
            raise DataError(
                f"Expected {folder} to be of these settings, got another {odd} ({found.get(odd)!r} there, "
                f"{wanted.get(odd)!r} here): choose another folder."
            )
        return
    if any((folder / INVERSION_FOLDER).iterdir()):
        raise DataError(f"Expected {SETTINGS} beside the inversions in {folder}, got none: choose another folder.")
    with replacing(marker) as partial:
        partial.write_text(text, encoding="utf-8")


def _read(marker: Path) -> dict[str, Any]:
    try:
        found: Any = json.loads(marker.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataError(f"Expected the settings of a set of inversions in {marker}, got other text: remove the folder.")
    return found


def _seed_of(seed: int, name: str) -> int:
    """A seed of 63 bits; Python's own hash of a string is another in every process."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big") >> 1
