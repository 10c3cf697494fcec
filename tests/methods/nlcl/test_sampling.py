"""Places that are compared, against a search that follows the definition word by word."""

import math

import pytest
import torch
from torch import Tensor

from pellucid.errors import ConfigurationError
from pellucid.methods.nlcl.sampling import Search, candidates, distances, draw_centres, gathered, sample_places


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def brute_force(
    picture: Tensor, row: int, column: int, patch: int = 16, reach: int = 20
) -> list[tuple[float, int, int]]:
    """Every candidate with its distance, nearest first, as section 1.3 of the method's description puts it."""
    _, height, width = picture.shape
    half = patch // 2
    query = picture[:, row - half : row + half, column - half : column + half].double()
    top = half if row - reach - half < 0 else row - reach
    below = height - half if row + reach + half > height else row + reach
    left = half if column - reach - half < 0 else column - reach
    right = width - half if column + reach + half > width else column + reach
    found = []
    for y in range(top, below):
        for x in range(left, right):
            other = picture[:, y - half : y + half, x - half : x + half].double()
            found.append((math.sqrt((other - query).square().sum().item()), y, x))
    return sorted(found)


@pytest.mark.parametrize(("height", "width", "channels"), [(64, 64, 3), (48, 90, 3), (70, 33, 5), (32, 32, 20)])
def test_places_are_those_of_the_definition(height: int, width: int, channels: int) -> None:
    pictures = torch.rand(3, channels, height, width, generator=seeded(height))
    centres = draw_centres(3, height, width, Search(), seeded(7))
    nearest = sample_places(pictures, 8, "nearest", seeded(7))
    farthest = sample_places(pictures, 9, "farthest", seeded(7))
    for number, (row, column) in enumerate(centres.tolist()):
        found = [(y, x) for _, y, x in brute_force(pictures[number], row, column)]
        assert nearest[number].tolist()[0] == [row, column]  # the query is among the candidates, and the first
        assert [tuple(its) for its in nearest[number].tolist()] == found[:8]
        assert [tuple(its) for its in farthest[number].tolist()] == [(row, column), *reversed(found[-8:])]


@pytest.mark.parametrize("centre", [(16, 16), (16, 40), (32, 32), (48, 48), (48, 20)])
def test_distances_and_where_they_lie(centre: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, 64, 64, generator=seeded(3))
    found, first = distances(picture, torch.tensor([centre]), Search())
    expected = brute_force(picture[0], *centre)
    assert int(found.isfinite().sum()) == len(expected)
    for distance, y, x in expected[::37]:
        got = found[0, y - int(first[0, 0]), x - int(first[0, 1])].item()
        assert got == pytest.approx(distance, rel=1e-5, abs=1e-5)


def test_a_texture_that_repeats_is_found_where_it_repeats() -> None:
    tile = torch.rand(3, 8, 8, generator=seeded(1))
    picture = tile.repeat(1, 12, 12)[None]
    places = sample_places(picture, 9, "nearest", seeded(5))[0]
    away = places - places[0]
    assert (away % 8 == 0).all()
    assert len({tuple(its) for its in places.tolist()}) == 9


def test_in_a_plain_picture_the_query_is_still_the_first() -> None:
    centres = draw_centres(2, 64, 64, Search(), seeded(5))
    places = sample_places(torch.ones(2, 3, 64, 64), 8, "nearest", seeded(5))
    assert torch.equal(places[:, 0], centres)
    assert all(len({tuple(its) for its in row.tolist()}) == 8 for row in places)


def test_centres_are_everywhere_a_patch_from_the_border_and_nowhere_else() -> None:
    centres = draw_centres(4000, 36, 40, Search(), seeded())
    assert set(centres[:, 0].tolist()) == set(range(16, 21))
    assert set(centres[:, 1].tolist()) == set(range(16, 25))


@pytest.mark.parametrize("side", [32, 40, 56, 57, 120])
@pytest.mark.parametrize("search", [Search(), Search(8, 20), Search(16, 3)])
def test_room_is_the_least_that_any_centre_has(side: int, search: Search) -> None:
    counts = []
    for centre in range(search.patch, side - search.patch + 1):
        first, behind = candidates(centre, side, search)
        counts.append(behind - first)
    assert search.room(side) == min(counts)


def test_random_places_are_pixels_that_differ_and_are_the_same_for_a_batch() -> None:
    places = sample_places(torch.rand(2, 3, 10, 20), 200, "random", seeded())
    assert places.shape == (2, 200, 2)
    assert sorted(map(tuple, places[0].tolist())) == [(y, x) for y in range(10) for x in range(20)]
    assert torch.equal(places[0], places[1])


def test_too_small_patches_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"at least 32 pixels .* got 31: raise data.patch_size"):
        sample_places(torch.rand(1, 3, 31, 64), 8, "nearest", seeded())
    with pytest.raises(ConfigurationError, match=r"room for 257 places .* 32 x 32"):
        sample_places(torch.rand(1, 3, 32, 32), 257, "nearest", seeded())
    assert sample_places(torch.rand(1, 3, 32, 32), 256, "nearest", seeded()).shape == (1, 256, 2)


@pytest.mark.parametrize("own", [64, 32, 31, 16])
def test_features_are_gathered_at_the_floor_of_scaled_places(own: int) -> None:
    features = torch.rand(2, 5, own, own + 3, generator=seeded())
    places = torch.randint(0, 64, (2, 30, 2), generator=seeded(1))
    found = gathered(features, places, 64, 64)
    for picture in range(2):
        for number, (y, x) in enumerate(places[picture].tolist()):
            expected = features[picture, :, math.floor(y * own / 64), math.floor(x * (own + 3) / 64)]
            assert torch.equal(found[picture, number], expected)
