"""Training pictures that also occur in a test set, found by what they show and not by their names.

Two steps. First every training picture is correlated with every test picture on thumbnails of 12 x 12 grey cells, whose
mean and contrast are taken out, in the eight ways to turn and mirror a picture, and with one of the two cropped to each
of a few windows. Smooth pictures (a sky, a horizon) look alike at that size, so every candidate is looked at again at
64 x 64 cells, without its smooth part and without what runs straight from edge to edge: nine blocks are each moved a
little to where they fit best, and their mean correlation decides. Moving each on its own makes up for crops that no
window matches exactly.

Found are copies that were encoded again, scaled, turned, mirrored, darkened, blurred, made noisy, cropped to the square
at the middle or at either end of the longer side, or cropped by up to a tenth of each side (nearly all of these).
Limits: a small crop out of a large picture is *not* found, nor another shot of the same scene, nor a negative; a
picture with hardly any detail may be missed, and its leak would teach little.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.errors import DataError

COARSE_THRESHOLD = 0.80
"""Candidates lie above; among unrelated photographs that is one comparison in a hundred."""

FINE_THRESHOLD = 0.60
"""Copies lie above. Of 586,500 comparisons between unrelated photographs of the known sets the highest was 0.45; of 360
copies the lowest was 0.85 after JPEG of quality 20 and 0.71 under noise of 25 / 255."""

_STORED, _COARSE, _FINE = 96, 12, 64
_NUM_WINDOWS = 9
_HIGH_PASS = 9
_BLOCK, _REACH, _NUM_BLOCKS = 19, 3, 3
_NUM_NAMED = 3
_BATCH = 256


@dataclass(frozen=True)
class Thumbnails:
    """What the leak check keeps of a set of pictures.

    Attributes:
        names: of the pictures.
        grey: `(N, 96, 96)`, every picture squeezed to a square.
        aspects: `(N,)`, width by height of the pictures.
    """

    names: tuple[str, ...]
    grey: Tensor
    aspects: Tensor


@dataclass(frozen=True)
class Leak:
    """A training picture that shows what a test picture shows.

    Attributes:
        train: name of the training picture.
        test: name of the test picture.
        similarity: of their details, 1 for a true copy.
    """

    train: str
    test: str
    similarity: float


def thumbnails(pictures: Iterable[tuple[str, Tensor]]) -> Thumbnails:
    """Thumbnails of pictures, of which only one is held at a time: name and pixels `(3, H, W)` of any type and range.

    Raises:
        DataError: when there are no pictures.
    """
    names, grey, aspects = [], [], []
    for name, pixels in pictures:
        names.append(name)
        square = F.adaptive_avg_pool2d(pixels.float().mean(0, keepdim=True), _STORED)[0]
        grey.append((square - square.mean()) / square.std().clamp(min=1e-6))
        aspects.append(pixels.shape[-1] / pixels.shape[-2])
    if not names:
        raise DataError("Expected pictures to compare, got none: choose a set that holds some.")
    return Thumbnails(tuple(names), torch.stack(grey), torch.tensor(aspects))


def find_leaks(train: Thumbnails, test: Thumbnails) -> list[Leak]:
    """The training pictures that occur in the test set, each with the test picture that it is most like."""
    coarse, how = _coarse_similarity(train, test)
    rows, columns = (coarse > COARSE_THRESHOLD).nonzero(as_tuple=True)
    fine = torch.zeros_like(coarse)
    fine[rows, columns] = _fine_similarity(train, test, rows, columns, how[rows, columns])
    similarity, best = fine.max(1)
    return [
        Leak(train.names[row], test.names[best[row]], round(similarity[row].item(), 3))
        for row in (similarity > FINE_THRESHOLD).nonzero().flatten().tolist()
    ]


def refuse_leaks(train: Thumbnails, tests: Mapping[str, Thumbnails]) -> None:
    """Nothing, when no training picture occurs in any of the test sets.

    Raises:
        DataError: naming the test set, how many pictures of it were found, and the first few.
    """
    for name, test in tests.items():
        leaks = find_leaks(train, test)
        if leaks:
            shown = ", ".join(f"{leak.train} (there {leak.test})" for leak in leaks[:_NUM_NAMED])
            more = f" and {len(leaks) - _NUM_NAMED} more" if len(leaks) > _NUM_NAMED else ""
            raise DataError(
                f"Expected no training picture that also occurs in the test set {name}, got {shown}{more}: "
                "exclude them from training, or do not measure on that set."
            )


_COMPARISONS = tuple(
    (train_window, test_window, turn)
    for turn in range(8)
    for train_window, test_window in itertools.product(range(_NUM_WINDOWS), repeat=2)
    if train_window == 0 or test_window == 0  # one of the two is always the whole picture
)


def _coarse_similarity(train: Thumbnails, test: Thumbnails) -> tuple[Tensor, Tensor]:
    """The highest correlation over all comparisons `(N, M)`, and the number of the comparison that gives it."""
    train_vectors = [_normalised(_window(train, number, _COARSE)).flatten(1) for number in range(_NUM_WINDOWS)]
    test_windows = [_normalised(_window(test, number, _COARSE)) for number in range(_NUM_WINDOWS)]
    highest = torch.full((len(train.names), len(test.names)), -1.0)
    how = torch.zeros_like(highest, dtype=torch.int16)
    for number, (train_window, test_window, turn) in enumerate(_COMPARISONS):
        found = train_vectors[train_window] @ _turned(test_windows[test_window], turn).flatten(1).T
        how = torch.where(found > highest, number, how)
        highest = torch.maximum(highest, found)
    return highest, how


def _fine_similarity(train: Thumbnails, test: Thumbnails, rows: Tensor, columns: Tensor, how: Tensor) -> Tensor:
    """Mean over nine blocks of the best correlation of details within reach, for P candidates, `(P,)`."""
    result = torch.zeros(len(rows))
    for number in how.unique().tolist():
        train_window, test_window, turn = _COMPARISONS[number]
        for part in (how == number).nonzero().flatten().split(_BATCH):
            fixed = _window(_rows(train, rows[part]), train_window, _FINE)
            moving = _turned(_window(_rows(test, columns[part]), test_window, _FINE), turn)
            result[part] = _block_correlation(_details(fixed), _details(moving))
    return result


def _block_correlation(fixed: Tensor, moving: Tensor) -> Tensor:
    """Both `(P, 64, 64)`; `(P,)`."""
    inner, reached, places = slice(_REACH, _REACH + _NUM_BLOCKS * _BLOCK), _BLOCK + 2 * _REACH, 2 * _REACH + 1
    blocks = fixed[:, inner, inner].unfold(1, _BLOCK, _BLOCK).unfold(2, _BLOCK, _BLOCK)  # (P, 3, 3, 18, 18)
    fields = moving.unfold(1, reached, _BLOCK).unfold(2, reached, _BLOCK)  # (P, 3, 3, 28, 28)
    blocks, fields = _normalised(blocks.flatten(0, 2)), fields.flatten(0, 2)
    spectrum = torch.fft.rfft2(fields) * torch.fft.rfft2(blocks, s=(reached, reached)).conj()
    product = torch.fft.irfft2(spectrum, s=(reached, reached))[:, :places, :places]  # (9P, 11, 11)
    mean, square = F.avg_pool2d(fields[None], _BLOCK, 1)[0], F.avg_pool2d(fields[None].square(), _BLOCK, 1)[0]
    energy = ((square - mean.square()) * _BLOCK**2).clamp(min=1e-4).sqrt()
    return (product / energy).amax((1, 2)).view(-1, _NUM_BLOCKS**2).mean(1)


def _window(pictures: Thumbnails, number: int, size: int) -> Tensor:
    """One window of every picture, `(N, size, size)`.

    0 is the whole picture; 1 to 5 keep nine tenths of each side, at the corners and the middle; 6 to 8 are the squares
    at the start, the middle and the end of the longer side.
    """
    wide, high = pictures.aspects.clamp(min=1), (1 / pictures.aspects).clamp(min=1)
    if number == 0:
        width, height, x, y = torch.ones_like(wide), torch.ones_like(high), 0.0, 0.0
    elif number <= 5:
        x, y = ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0), (0.0, 0.0))[number - 1]
        width = height = torch.full_like(wide, 0.9)
    else:
        x = y = float(number - 7)
        width, height = 1 / wide, 1 / high
    zero = torch.zeros_like(wide)
    transform = torch.stack(  # (N, 2, 3): where the cells of the window lie in the picture, both from -1 to 1
        [torch.stack([width, zero, x * (1 - width)], 1), torch.stack([zero, height, y * (1 - height)], 1)], 1
    )
    inner = size * (_STORED // size)  # sampled finer, then averaged, so that no detail folds over
    grid = F.affine_grid(transform, [len(wide), 1, inner, inner], align_corners=False)
    sampled = F.grid_sample(pictures.grey[:, None], grid, padding_mode="border", align_corners=False)
    return F.avg_pool2d(sampled, inner // size)[:, 0]


def _turned(pictures: Tensor, turn: int) -> Tensor:
    """One of the eight ways to turn and mirror square pictures."""
    return torch.rot90(pictures.flip(-1) if turn >= 4 else pictures, turn % 4, (-2, -1))


def _details(pictures: Tensor) -> Tensor:
    """What is left of `(N, S, S)` without its smooth part, and without stripes that run from edge to edge."""
    smooth = F.avg_pool2d(F.pad(pictures[:, None], [_HIGH_PASS // 2] * 4, mode="replicate"), _HIGH_PASS, 1)
    rough = pictures - smooth[:, 0]
    return rough - rough.mean(1, keepdim=True) - rough.mean(2, keepdim=True)


def _normalised(pictures: Tensor) -> Tensor:
    """`(N, S, S)`, each of mean zero and length one, so that the product of two is their correlation."""
    centred = pictures - pictures.mean((1, 2), keepdim=True)
    return centred / centred.norm(dim=(1, 2), keepdim=True).clamp(min=1e-3)


def _rows(pictures: Thumbnails, rows: Tensor) -> Thumbnails:
    return Thumbnails(tuple(pictures.names[row] for row in rows.tolist()), pictures.grey[rows], pictures.aspects[rows])
