"""The quality of a picture's last JPEG compression, read from its pixels.

A codec leaves the cosine coefficients of every block of 8 x 8 at multiples of its table's steps, and so they stay, but
for rounding, until somebody resizes or works on the picture. The file need not be a JPEG any more.
"""

import math
from functools import cache

import torch
from torch import Tensor

from pellucid.degradations.jpeg import LUMINANCE_TABLE, YCBCR_FROM_RGB

QUALITIES = tuple(range(5, 98))
"""Those that are tried; above 95 the steps are no larger than what rounding to 8 bits does, and little is found."""

LEAST_FIT, AS_GOOD = 0.2, 0.05
"""How well the coefficients must lie on multiples, of 1; and how near another quality's fit must be to count as well:
steps of half the size fit as well, so that the lowest such quality is the one."""

SHIFTED = 0.4
"""Share of the fit that may be left on blocks that begin 4 pixels further on."""

LEAST_COEFFICIENTS = 300
"""That are not zero, all together, to say anything; `_LEAST_OF_A_QUALITY` of them to compare qualities at all."""

_LEAST_OF_A_QUALITY = 30
_CLEAR_STEP = 4
"""From which on rounding to 8 bits leaves a frequency's own multiples to be seen."""

_MOST_BLOCKS = 1536
_HIGHEST = 4
"""Of the sums of a coefficient's two frequencies, among those that are looked at: higher ones are mostly zero."""


def jpeg_quality_read(parts: Tensor) -> int | None:
    """The quality of the Independent JPEG Group's scale at which the pixels were last compressed.

        fit(q) = mean of cos(2 pi c / step(q)) over low-frequency luma coefficients c that are not zero at q

    which is 1 where all lie on multiples and 0 where they lie anywhere.

    Args:
        parts: of one picture, `(N, 3, h, w)`, RGB, in `[0, 1]`; each begins at a multiple of 8 pixels of the picture.

    Returns:
        The quality, 5 to 95, or one or two less where their steps hardly differ; `None` where there was no compression,
        a finer or a coarser one, one whose grid does not begin in the picture's corner, or one that other work has
        covered; and where not every frequency for itself lies on its multiples, as with most tables of another make.
        The picture may have been turned or mirrored since, if its sides are multiples of 8. One whose contrast was
        changed reads as a finer or coarser compression, by as much; patterns that repeat after 8 pixels can be taken
        for one.

    Source:
        The comb of quantised coefficients: Fan and de Queiroz, "Identification of Bitmap Compression History", IEEE
        Trans. Image Processing 12 (2003). Differs: a mean cosine in place of a likelihood.

    Example:
        >>> from pellucid.degradations.jpeg import jpeg
        >>> generator = torch.Generator().manual_seed(0)
        >>> picture = torch.rand(1, 3, 24, 24, generator=generator)
        >>> smooth = torch.nn.functional.interpolate(picture, scale_factor=8, mode="bicubic").clamp(0, 1)
        >>> jpeg_quality_read(jpeg(smooth, 30))
        30
    """
    if min(parts.shape[-2:]) < 8:
        return None
    coefficients = _low_frequencies(_blocks(parts))
    if coefficients.shape[1] == 0:
        return None
    found = [(*_best(coefficients, steps), steps) for steps in (_steps(), _steps(lying=True))]
    fit, row, steps = max(found, key=lambda its: its[0])
    if row is None:
        return None
    # In a gradient blocks are alike, and some steps fit them: off a JPEG's grid nothing fits, there as well as on it.
    sums, numbers = _fits(_low_frequencies(_blocks(parts[..., 4:, 4:])), steps[row : row + 1])
    if sums.sum() / numbers.sum().clamp_min(1) > SHIFTED * fit:
        return None
    return QUALITIES[row]


def _fits(coefficients: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the cosines, and numbers of the coefficients that they are of, both `(Q, U)`."""
    cycles = coefficients / steps[:, :, None]  # (Q, U, N)
    counts = (cycles > 0.5) & (cycles < 20) & (coefficients > 2)
    return (cycles.mul_(2 * math.pi).cos_() * counts).sum(dim=2), counts.sum(dim=2)


def _best(coefficients: Tensor, steps: Tensor) -> tuple[float, int | None]:
    """How well the best quality fits, and which row of the table it is, if any is to be believed."""
    sums, numbers = _fits(coefficients, steps)
    number = numbers.sum(dim=1)
    fits = sums.sum(dim=1) / number.clamp_min(1)
    fits[number < _LEAST_OF_A_QUALITY] = 0
    best = fits.max().item()
    lowest = int((fits >= best - AS_GOOD).nonzero()[0])
    if best < LEAST_FIT or number[lowest] < LEAST_COEFFICIENTS:
        return best, None
    told = (numbers[lowest] >= _LEAST_OF_A_QUALITY) & (steps[lowest] >= _CLEAR_STEP)
    if bool((sums[lowest] / numbers[lowest].clamp_min(1) < LEAST_FIT)[told].any()):
        return best, None
    return best, lowest


def _blocks(parts: Tensor) -> Tensor:
    """Luma of blocks, `(N, 8, 8)`, about zero; some of them, where there are many, and none that is clipped."""
    weights = parts.new_tensor(YCBCR_FROM_RGB[0], dtype=torch.float32)
    luma = 255 * torch.einsum("c,nchw->nhw", weights, parts.float()) - 128
    height, width = (side // 8 * 8 for side in luma.shape[-2:])
    blocks = luma[:, :height, :width].unfold(1, 8, 8).unfold(2, 8, 8).reshape(-1, 8, 8)
    blocks = blocks[blocks.abs().amax(dim=(1, 2)) < 126]
    return blocks[:: max(1, -(-len(blocks) // _MOST_BLOCKS))]


def _low_frequencies(blocks: Tensor) -> Tensor:
    """Magnitudes of the coefficients that are looked at, `(U, N)`."""
    index = torch.arange(8, dtype=torch.float32)
    basis = torch.cos((2 * index + 1) * index.view(-1, 1) * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    low = basis[: _HIGHEST + 1]
    found = low @ blocks.cpu() @ low.T
    return torch.stack([found[:, row, column] for row, column in _frequencies()]).abs()


def _frequencies() -> list[tuple[int, int]]:
    sides = range(_HIGHEST + 1)
    return [(row, column) for row in sides for column in sides if 0 < row + column <= _HIGHEST]


@cache
def _steps(*, lying: bool = False) -> Tensor:
    """Of every quality and frequency, `(Q, U)`; of a picture that lay on its side when it was compressed."""
    base = torch.tensor([LUMINANCE_TABLE[c][r] if lying else LUMINANCE_TABLE[r][c] for r, c in _frequencies()])
    scales = torch.tensor([5000 // quality if quality < 50 else 200 - 2 * quality for quality in QUALITIES])
    return ((base * scales[:, None] + 50) // 100).clamp(1, 255).float()
