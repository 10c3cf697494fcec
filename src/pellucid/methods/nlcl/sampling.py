"""Which places of a picture are compared: those that look alike, those that look least alike, or any."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from pellucid.errors import ConfigurationError

Order = Literal["nearest", "farthest", "random"]

AT_ONCE = 8
"""Channels that are compared at once, for the sake of memory."""


@dataclass(frozen=True)
class Search:
    """Where places are looked for.

    Attributes:
        patch: side of the square that is compared, pixels.
        reach: how far a candidate's centre is from the query's, pixels: from `-reach` to `reach - 1`.
    """

    patch: int = 16
    reach: int = 20

    @property
    def half(self) -> int:
        """Of a patch: its rows run from `centre - half` to `centre + half - 1`."""
        return self.patch // 2

    def room(self, side: int) -> int:
        """How many candidates there are along a side of so many pixels, about a centre that is nearest to the border.

        Nowhere are there fewer, as long as the side is two patches long.
        """
        first, behind = candidates(self.patch, side, self)
        return behind - first


def draw_centres(count: int, height: int, width: int, search: Search, generator: Generator) -> Tensor:
    """`count` places, `(count, 2)`, rows and columns, drawn evenly at least a patch away from the border.

    Raises:
        ConfigurationError: when there is no such place.
    """
    least = search.patch
    if min(height, width) < 2 * least:
        raise ConfigurationError(
            f"Expected patches of at least {2 * least} pixels to look for alike places in, got {min(height, width)}: "
            "raise data.patch_size."
        )
    rows = torch.randint(least, height - least + 1, (count,), generator=generator)
    return torch.stack([rows, torch.randint(least, width - least + 1, (count,), generator=generator)], dim=1)


def candidates(centre: int, side: int, search: Search) -> tuple[int, int]:
    """First and behind the last of the candidates' centres along one side, clipped so that patches fit.

    Source:
        NLCL, as released: the last place where a patch would fit is not among them.
    """
    half = search.half
    return max(centre - search.reach, half), min(centre + search.reach, side - half)


def distances(pictures: Tensor, centres: Tensor, search: Search) -> tuple[Tensor, Tensor]:
    """How unlike the patch about every candidate is to the one about the centre, over all channels.

        d(p) = sqrt(sum over a patch of (I(p + o) - I(c + o))^2)

    Args:
        pictures: `(B, C, H, W)`: pictures, or features of any kind.
        centres: one of each, `(B, 2)`, on the CPU.
        search: where.

    Returns:
        Distances, `(B, 2 reach, 2 reach)`, float32, infinite where there is no candidate; and where the first of them
        lies, `(B, 2)`. A candidate's row is the first one's and its place's.
    """
    height, width = pictures.shape[-2:]
    span, patch, half = 2 * search.reach, search.patch, search.half
    found = pictures.new_full((len(pictures), span, span), torch.inf, dtype=torch.float32)
    firsts = torch.zeros_like(centres)
    for number, (row, column) in enumerate(centres.tolist()):
        (top, below), (left, right) = candidates(row, height, search), candidates(column, width, search)
        picture = pictures[number].float()
        query = picture[:, None, None, row - half : row + half, column - half : column + half]
        region = picture[:, top - half : below + half - 1, left - half : right + half - 1]
        total = picture.new_zeros(below - top, right - left)
        for part, its in zip(region.split(AT_ONCE), query.split(AT_ONCE), strict=True):
            patches = part.unfold(1, patch, 1).unfold(2, patch, 1)
            total += (patches - its).square_().sum(dim=(0, 3, 4))
        found[number, : below - top, : right - left] = total.sqrt_()
        firsts[number, 0], firsts[number, 1] = top, left
    return found, firsts


@torch.no_grad()
def sample_places(
    pictures: Tensor, count: int, order: Order, generator: Generator, search: Search | None = None
) -> Tensor:
    """`count` places of each picture, `(B, count, 2)`, rows and columns, on the CPU.

    Args:
        pictures: `(B, C, H, W)` whose patches are compared.
        count: places.
        order: `nearest`: those about which the picture looks most like about a centre that is drawn, itself the first;
            `farthest`: the centre, then those that look least like it; `random`: any pixels, the same for all pictures
            of a batch, as CUT draws them.
        generator: on the CPU.
        search: of patch and reach; as published when absent.

    Raises:
        ConfigurationError: when pictures are too small for so many candidates.

    Source:
        NLCL (CVPR 2022): non-local sampling, and its figure's reverse one. As released, but for any batch and size.
    """
    height, width = pictures.shape[-2:]
    if order == "random":
        places = torch.randperm(height * width, generator=generator)[:count]
        both = torch.stack([places // width, places % width], dim=1)
        return both.expand(len(pictures), -1, -1)
    search = search or Search()
    centres = draw_centres(len(pictures), height, width, search, generator)
    if search.room(height) * search.room(width) < count:
        raise ConfigurationError(
            f"Expected room for {count} places within {search.reach} pixels, got patches of {height} x {width}: raise "
            "data.patch_size, or ask for fewer."
        )
    found, firsts = distances(pictures, centres, search)
    flat = found.flatten(1)
    if order == "nearest":
        own = (centres - firsts).to(flat.device)
        flat = flat.scatter(1, (own[:, :1] * found.shape[2] + own[:, 1:]), -1.0)  # the first, in a plain sky, too
        chosen = flat.topk(count, dim=1, largest=False).indices
    else:
        chosen = flat.masked_fill(flat.isinf(), -1).topk(count - 1, dim=1).indices
    chosen, span = chosen.cpu(), found.shape[2]
    places = firsts[:, None] + torch.stack([chosen // span, chosen % span], dim=2)
    return places if order == "nearest" else torch.cat([centres[:, None], places], dim=1)


def gathered(features: Tensor, places: Tensor, height: int, width: int) -> Tensor:
    """Features at places of a picture of `height` x `width`, `(B, C, h, w)` to `(B, N, C)`.

        row of the features = floor(row of the place * h / height)

    Differs: the released code has 256 for both sides.
    """
    own_height, own_width = features.shape[-2:]
    rows, columns = places[..., 0] * own_height // height, places[..., 1] * own_width // width
    index = (rows * own_width + columns).to(features.device)
    flat = features.flatten(2).transpose(1, 2)
    return flat.gather(1, index[..., None].expand(-1, -1, flat.shape[2]))
