import numpy as np
import pytest

from pellucid.data.cache import PixelCache
from pellucid.data.pairs import match_pairs, open_pairs
from pellucid.data.selection import subfolder
from pellucid.data.sources import open_source
from pellucid.errors import DataError


def as_array(pixels):
    return pixels.permute(1, 2, 0).numpy()


@pytest.fixture
def paired_files(encode, noise_picture):
    """A function that makes the files of pairs named by single letters."""

    def make(clean: str = "ab", degraded: str = "ab") -> dict[str, bytes]:
        files = {f"set/gt/{name}.bmp": encode(noise_picture(ord(name)), ".bmp") for name in clean}
        return files | {f"set/input/{name}.png": encode(noise_picture(ord(name) + 1)) for name in degraded}

    return make


def test_partners_share_a_base_name_whatever_their_suffix(tmp_path, pack_files, noise_picture, paired_files):
    pairs = open_pairs(pack_files(tmp_path / "set.tar", paired_files()))
    assert [pair.name for pair in pairs] == ["a", "b"]
    degraded, clean = pairs[1].load()
    assert np.array_equal(as_array(clean), noise_picture(ord("b")))
    assert np.array_equal(as_array(degraded), noise_picture(ord("b") + 1))


def test_two_folders_can_be_given(tmp_path, write_files, paired_files):
    folder = write_files(tmp_path, paired_files()) / "set"
    assert [pair.name for pair in open_pairs(folder / "gt", folder / "input")] == ["a", "b"]


def test_nothing_is_decoded_before_it_is_loaded_and_a_cache_keeps_it(tmp_path, write_files, paired_files):
    folder = write_files(tmp_path, paired_files()) / "set"
    cache = PixelCache(10**6)
    pair = open_pairs(folder)[0]
    assert cache.held_bytes == 0
    first = pair.load(cache)
    assert cache.held_bytes == 2 * 3 * 12 * 16
    assert all(again is kept for again, kept in zip(pair.load(cache), first, strict=True))


@pytest.mark.parametrize(("clean", "degraded"), [("ab", "abcdef"), ("abcdef", "ab")])
def test_pictures_without_a_partner_are_named(tmp_path, write_files, clean, degraded, paired_files):
    folder = write_files(tmp_path, paired_files(clean, degraded)) / "set"
    with pytest.raises(DataError, match=r"got none for c\.\w+, d\.\w+, e\.\w+ and 1 more"):
        open_pairs(folder)


def test_a_folder_without_pairs_and_a_base_name_twice_are_refused(tmp_path, write_files):
    with pytest.raises(DataError, match="gt/ and input/"):
        open_pairs(write_files(tmp_path / "x", {"a.png": b""}))
    with pytest.raises(DataError, match=r"a\.jpg and a\.png"):
        open_pairs(write_files(tmp_path / "y", {"gt/a.jpg": b"", "gt/a.png": b"", "input/a.png": b""}))


def test_a_pair_of_two_sizes_is_refused_when_loaded(tmp_path, write_files, encode, noise_picture):
    files = {"gt/a.png": encode(noise_picture(1)), "input/a.png": encode(noise_picture(1, 12, 15))}
    with pytest.raises(DataError, match="clean 16x12 and degraded 15x12"):
        open_pairs(write_files(tmp_path / "x", files))[0].load()


def test_one_clean_picture_may_have_several_degraded_ones(tmp_path, write_files):
    files = {f"gt/{name}.png": b"" for name in ("1401", "1401_b", "im1")}
    files |= {f"input/{name}.png": b"" for name in ("1401_2", "1401_7", "1401_b_3", "im1_kernel1_img")}
    source = open_source(write_files(tmp_path / "x", files))
    clean, degraded = subfolder(source, "gt"), subfolder(source, "input")
    found = {pair.name: pair.clean.name for pair in match_pairs(clean, degraded, is_several=True)}
    assert found == {
        "1401_2": "1401.png",
        "1401_7": "1401.png",
        "1401_b_3": "1401_b.png",
        "im1_kernel1_img": "im1.png",
    }
    with pytest.raises(DataError, match=r"1401_2\.png"):
        match_pairs(clean, degraded)


def test_rain_is_added_as_numpy_would_and_spare_layers_may_stay_out(tmp_path, write_files, encode, noise_picture):
    layers = {number: noise_picture(number, 10, 14)[..., 0] for number in (1, 2)}
    files = {"gt/1.png": encode(noise_picture(9))}
    files |= {f"streak/{number}.png": encode(layer) for number, layer in layers.items()}
    source = open_source(write_files(tmp_path / "x", files))
    clean, streak = subfolder(source, "gt"), subfolder(source, "streak")
    with pytest.raises(DataError, match=r"2\.png"):
        match_pairs(clean, streak, form="rain layer")
    (pair,) = match_pairs(clean, streak, form="rain layer", may_spare_degraded=True)
    degraded, cropped = pair.load()
    expected = np.minimum(255, noise_picture(9)[:10, :14].astype(int) + layers[1][..., None])
    assert np.array_equal(as_array(degraded), expected)
    assert np.array_equal(as_array(cropped), noise_picture(9)[:10, :14])


def test_side_by_side_halves(tmp_path, write_files, encode, noise_picture):
    both = noise_picture(4, 6, 11)
    source = open_source(write_files(tmp_path / "x", {"7.png": encode(both)}))
    (pair,) = match_pairs(source, source, form="side by side")
    degraded, clean = pair.load()
    assert np.array_equal(as_array(clean), both[:, :5])
    assert np.array_equal(as_array(degraded), both[:, 5:10])
