"""Coarse maps at the pixels of a picture, against torch's own interpolation."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from pellucid.images.overview import CollectedViews, spread, views
from pellucid.images.tiling import Box


@pytest.mark.parametrize("size", [(64, 80), (37, 1001), (3, 5)])
def test_a_map_is_interpolated_as_torch_does(size: tuple[int, int]) -> None:
    coarse = torch.randn(2, 5, 16, 12, generator=torch.Generator().manual_seed(0))
    # Where a picture has fewer pixels than the map has cells, torch's formula is the same one.
    wanted = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(spread(coarse, size), wanted, atol=1e-5, rtol=0)


def test_a_part_is_that_of_the_whole_in_full_precision() -> None:
    coarse = torch.randn(1, 5, 16, 16, generator=torch.Generator().manual_seed(0))
    whole = spread(coarse, (300, 401))
    with torch.autocast("cpu", torch.bfloat16):
        part = spread(coarse, (300, 401), Box(96, 200, 77, 190))
    torch.testing.assert_close(part, whole[..., 96:173, 200:390], atol=1e-6, rtol=0)


def test_over_the_border_the_last_cell_goes_on() -> None:
    coarse = torch.tensor([[[[1.0, 2.0]]]])
    assert torch.equal(spread(coarse, (1, 4), Box(0, 3, 1, 3)), torch.full((1, 1, 1, 3), 2.0))


@given(st.integers(1, 1800), st.integers(1, 900), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_views_of_what_comes_in_as_boxes_are_those_of_the_whole(height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 3, height, width, generator=generator)
    boxes = [
        (top, left)
        for top in range(0, height, 1 + int(torch.randint(200, 800, (), generator=generator)))
        for left in range(0, width, 1 + int(torch.randint(200, 800, (), generator=generator)))
    ]
    rows = [*sorted({top for top, _ in boxes}), height]
    collected, expected = CollectedViews((height, width)), views(image)
    for upper, lower in pairwise(rows):
        columns = [*sorted(left for top, left in boxes if top == upper), width]
        for near, far in pairwise(columns):
            collected.write(upper, near, image[..., upper:lower, near:far])
    found = collected.views()
    assert torch.equal(found.overview, expected.overview) and torch.equal(found.details, expected.details)
    assert found.size == expected.size
