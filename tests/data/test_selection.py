import pytest

from pellucid.data.selection import select, subfolder
from pellucid.data.sources import open_source
from pellucid.errors import DataError

FILES = {f"{name}.png": name.encode() for name in ("budgie_0", "budgie_1", "mei_0", "elementary_0", "gt/a", "gt/b/c")}


@pytest.fixture
def source(tmp_path, write_files):
    return open_source(write_files(tmp_path / "photos", FILES))


def test_globs_include_and_exclude(source):
    chosen = select(source, ["budgie_*", "mei_*"], ["*_0.png"])
    assert chosen.names == ("budgie_1.png",)
    assert chosen.read("budgie_1.png") == b"budgie_1"
    assert chosen.locate("budgie_1.png") == source.locate("budgie_1.png")


def test_everything_is_chosen_by_default(source):
    assert select(source).names == source.names


def test_a_star_also_runs_over_folders(source):
    assert select(source, ["gt/*"]).names == ("gt/a.png", "gt/b/c.png")


def test_what_was_not_chosen_cannot_be_read(source):
    with pytest.raises(DataError, match="elementary_0"):
        select(source, ["mei_*"]).read("elementary_0.png")


def test_a_pattern_that_chooses_nothing_is_refused(source):
    with pytest.raises(DataError, match="bugdie"):
        select(source, ["mei_*", "bugdie_*"])
    with pytest.raises(DataError, match="cover them all"):
        select(source, exclude=["*"])


def test_a_subfolder_is_named_from_there_on(source):
    inner = subfolder(source, "gt")
    assert inner.names == ("a.png", "b/c.png")
    assert inner.label == "photos/gt"
    assert inner.read("b/c.png") == b"gt/b/c"
    with pytest.raises(DataError, match="input/"):
        subfolder(source, "input")
