from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pellucid.data.sources import is_picture_name, open_source, read_pixels
from pellucid.errors import DataError, ImageError

NAMES = ("a.JPG", "b/one.webp", "b/two.png")


@pytest.fixture(scope="module")
def files(encode, noise_picture):
    return {
        "Set/b/two.png": encode(noise_picture(2)),
        "Set/a.JPG": encode(noise_picture(1), ".jpg"),
        "Set/b/one.webp": encode(noise_picture(3), ".webp", lossless=True),
        "Set/INDEX.tsv": b"not a picture",
        "Set/.hidden.png": b"nor this",
        "Set/.cache/c.png": b"nor this",
    }


def test_a_folder_and_its_archive_have_the_same_names_and_bytes(tmp_path, write_files, pack_files, files):
    folder = open_source(write_files(tmp_path, files) / "Set")
    archive = open_source(pack_files(tmp_path / "Set.tar", files))
    assert folder.names == archive.names == NAMES
    assert folder.label == archive.label == "Set"
    for name in NAMES:
        assert folder.read(name) == archive.read(name) == files[f"Set/{name}"]
    assert len({source.locate(name) for source in (folder, archive) for name in NAMES}) == 6


def test_read_pixels_equals_the_picture(tmp_path, pack_files, files, noise_picture):
    source = open_source(pack_files(tmp_path / "x.tar", files))
    assert np.array_equal(read_pixels(source, "b/two.png").permute(1, 2, 0).numpy(), noise_picture(2))


def test_an_archive_without_one_top_folder_keeps_its_names(tmp_path, pack_files):
    files = {"./gt/a.png": b"1", "./input/a.png": b"2", "./c.png": b"3"}
    source = open_source(pack_files(tmp_path / "x.tar", files))
    assert source.names == ("c.png", "gt/a.png", "input/a.png")
    assert source.read("input/a.png") == b"2"


def test_the_later_of_two_members_of_one_name_counts(tmp_path, pack_files):
    path = pack_files(tmp_path / "x.tar", {"s/a.png": b"old", "s/b.png": b"b"})
    pack_files(path, {"s/a.png": b"newer"}, "a")
    assert open_source(path).read("a.png") == b"newer"


def test_an_archive_is_read_by_many_threads_at_once(tmp_path, pack_files):
    files = {f"s/{number:03}.png": bytes([number]) * (100 + number) for number in range(200)}
    source = open_source(pack_files(tmp_path / "x.tar", files))
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(source.read, source.names * 3))
    assert read == list(files.values()) * 3


def test_opening_an_archive_extracts_nothing(tmp_path, pack_files, files):
    open_source(pack_files(tmp_path / "x.tar", files))
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path, pack, files: path / "nothing", "nothing is"),
        (lambda path, pack, files: pack(path / "x.tar.gz", files, "w:gz"), "plain tar archive"),
        (lambda path, pack, files: pack(path / "x.tar", {"readme.txt": b""}), "got none with a suffix"),
        (lambda path, pack, files: path, "got none with a suffix"),
    ],
)
def test_what_is_no_source_is_refused_in_one_sentence(tmp_path, pack_files, make, words, files):
    with pytest.raises(DataError, match=words):
        open_source(make(tmp_path, pack_files, files))


def test_an_archive_cut_short_is_refused(tmp_path, pack_files):
    path = pack_files(tmp_path / "x.tar", {"s/a.png": b"x" * 5000, "s/b.png": b"y" * 5000})
    source = open_source(path)
    path.write_bytes(path.read_bytes()[:8000])
    with pytest.raises(DataError, match="get the archive anew"):
        source.read("b.png")
    with pytest.raises(DataError, match="plain tar archive"):
        open_source(path)


def test_unknown_names_and_broken_pictures_are_named(tmp_path, write_files, pack_files, files):
    folder = open_source(write_files(tmp_path / "Set", {"a.png": b"broken"}))
    with pytest.raises(ImageError, match=r"a\.png of Set"):
        read_pixels(folder, "a.png")
    with pytest.raises(DataError, match=r"z\.png"):
        folder.read("z.png")
    with pytest.raises(DataError, match=r"z\.png"):
        open_source(pack_files(tmp_path / "x.tar", files)).read("z.png")


def test_only_picture_suffixes_count():
    assert is_picture_name("a/b.TIFF")
    assert not any(is_picture_name(name) for name in ("png", "a.txt", ".png", "a/.b/c.png", "kernel.mat"))
