import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pellucid.errors import ConfigurationError
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.images.tiling import plan_tiles, restore_streamed, restore_tiled, smallest_tile


@st.composite
def plans(draw: st.DrawFn, coarsest: int = 1) -> tuple[int, ...]:
    """Height, width, tile, multiple, radius, grid."""
    multiple = draw(st.sampled_from([1, 2, 3, 4, 8, 16]))
    grid = multiple * draw(st.integers(1, coarsest))
    radius = draw(st.integers(0, 40))
    tile = smallest_tile(grid, radius) + draw(st.integers(0, 100))
    return draw(st.integers(1, 300)), draw(st.integers(1, 300)), tile, multiple, radius, grid


@settings(max_examples=200, deadline=None)
@given(plans(coarsest=4))
def test_targets_cover_once_and_sources_reach_far_enough(plan):
    height, width, tile, multiple, radius, grid = plan
    tiles = plan_tiles(height, width, tile=tile, multiple=multiple, radius=radius, grid=grid)
    padded_height, padded_width = height + -height % multiple, width + -width % multiple
    covered = np.zeros((height, width), int)
    for part in tiles:
        source, target = part.source, part.target
        covered[target.top : target.bottom, target.left : target.right] += 1
        assert min(target.height, target.width) >= 1
        assert target.bottom <= height
        assert target.right <= width
        assert all(v % multiple == 0 for v in (source.height, source.width))
        assert all(v % grid == 0 for v in (source.top, source.left))
        assert source.bottom <= padded_height
        assert source.right <= padded_width
        assert source.height * source.width <= tile * tile
        assert source.top == 0 or source.top <= target.top - radius
        assert source.left == 0 or source.left <= target.left - radius
        assert source.bottom == padded_height or source.bottom >= target.bottom + radius
        assert source.right == padded_width or source.right >= target.right + radius
    assert (covered == 1).all()
    inner = [part.source for part in tiles if part.source.bottom < padded_height and part.source.right < padded_width]
    assert (
        len({(its.height, its.width) for its in (inner if grid > multiple else [part.source for part in tiles])}) <= 1
    )
    assert tiles == sorted(tiles, key=lambda part: (part.target.top, part.target.left))


@settings(deadline=None)
@given(plans())
def test_no_more_work_than_in_square_tiles(plan):
    height, width, tile, multiple, radius, _ = plan
    overlap, largest = radius + -radius % multiple, tile - tile % multiple

    def of_squares(length: int) -> tuple[int, int]:
        """How many, and how long, so that they just cover the axis."""
        padded = length + -length % multiple
        count = 1 if padded <= tile else -(-(padded - 2 * overlap) // (largest - 2 * overlap))
        return count, -(-(padded + 2 * overlap * (count - 1)) // (count * multiple)) * multiple

    (rows, tall), (columns, wide) = of_squares(height), of_squares(width)
    tiles = plan_tiles(height, width, tile=tile, multiple=multiple, radius=radius)
    source = tiles[0].source
    rounding = len(tiles) * multiple * (source.height + source.width)  # sides are multiples
    assert len(tiles) * source.height * source.width <= rows * tall * columns * wide + rounding


def test_tiles_are_long_where_that_takes_less_work():
    tiles = plan_tiles(3000, 4000, tile=2144, multiple=8, radius=109)  # squares: two rows of three
    assert [(part.source.height, part.source.width) for part in tiles] == [(3000, 1488)] * 3


class StridedNetwork(nn.Module):
    """Zero-padded convolutions at two scales: out(in) + up(deep(down(in))), radius 2 + (2 + 4) + 2 and some."""

    radius = 16
    multiple = 4

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv2d(3, 4, 5, padding=2)
        self.down = nn.Conv2d(4, 6, 2, stride=2)
        self.deep = nn.Conv2d(6, 6, 3, padding=1)
        self.deeper = nn.Conv2d(6, 24, 3, padding=1)
        self.halve = nn.Conv2d(6, 6, 2, stride=2)
        self.back = nn.ConvTranspose2d(6, 6, 2, stride=2)
        self.last = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        full = torch.relu(self.first(image))
        low = torch.relu(self.down(full))
        low = low + self.back(torch.relu(self.halve(low)))
        low = self.deeper(torch.relu(self.deep(low)))
        return self.last(full + nn.functional.pixel_shuffle(low, 2)[:, :4])


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 150), width=st.integers(1, 150), extra=st.integers(0, 60), seed=st.integers(0, 1000)
)  # fmt: skip
def test_tiled_equals_whole(height, width, extra, seed):
    network = StridedNetwork(seed).eval()
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    tile = smallest_tile(network.multiple, network.radius) + extra
    tiles = plan_tiles(height, width, tile=tile, multiple=network.multiple, radius=network.radius)
    with torch.no_grad():
        whole = crop_to(network(pad_to_multiple(image, network.multiple)[0]), (height, width))
        tiled = restore_tiled(image, lambda part, box: network(part), tiles)
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)


def test_a_radius_that_is_too_small_shows():
    """The test above can fail: with less overlap than the network sees, tiles differ from the whole."""
    network = StridedNetwork(0).eval()
    image = torch.rand(1, 3, 120, 120)
    with torch.no_grad():
        whole = network(image)
        tiles = plan_tiles(120, 120, tile=40, multiple=4, radius=4)
        tiled = restore_tiled(image, lambda part, box: network(part), tiles)
    assert (tiled - whole).abs().max() > 1e-3


def test_whole_picture_is_one_tile():
    (tile,) = plan_tiles(30, 45, tile=None, multiple=8, radius=100)
    assert (tile.source.height, tile.source.width) == (32, 48)
    assert (tile.target.height, tile.target.width) == (30, 45)


def test_streaming_goes_row_by_row_and_reports_progress():
    image = torch.rand(1, 3, 70, 50)
    result = torch.zeros_like(image)
    steps, order = [], []

    def read(top, left, height, width):
        assert top + height <= 70
        assert left + width <= 50
        return image[..., top : top + height, left : left + width]

    def write(top, left, restored):
        order.append((top, left))
        result[..., top : top + restored.shape[-2], left : left + restored.shape[-1]] = restored

    tiles = plan_tiles(70, 50, tile=32, multiple=8, radius=7)
    restore_streamed(
        read,
        write,
        lambda part, box: part * 2,
        tiles,
        (70, 50),
        progress=lambda done, total: steps.append((done, total)),
    )
    assert torch.equal(result, image * 2)
    assert order == sorted(order)
    assert steps == [(k + 1, len(tiles)) for k in range(len(tiles))]


def test_maps_may_come_beside_the_picture():
    image = torch.rand(1, 3, 40, 40)
    tiles = plan_tiles(40, 40, tile=24, multiple=8, radius=3)
    restored = restore_tiled(image, lambda part, box: torch.cat([part, part[:, :1]], 1), tiles)
    assert torch.equal(restored, torch.cat([image, image[:, :1]], 1))


def test_a_tile_that_keeps_nothing_is_refused():
    with pytest.raises(ConfigurationError, match="at least 72 pixels"):
        plan_tiles(500, 500, tile=64, multiple=8, radius=30)
