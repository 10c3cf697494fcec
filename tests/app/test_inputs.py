import errno
import logging
import os
from pathlib import Path

import pytest

from pellucid.app.inputs import plan_jobs
from pellucid.errors import ConfigurationError, ImageError


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree; planning looks at names only, so the files are empty."""
    for name in ("a.jpg", "b.PNG", "trip/a.jpg", "trip/Фото 写真.jpg", ".hidden/c.jpg", "notes.txt", ".d.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def planned(inputs: list[str], output: str | None = None) -> dict[str, str]:
    return {job.source.as_posix(): job.target.as_posix() for job in plan_jobs(inputs, output)}


def test_one_file_goes_to_the_file_named(photos: Path) -> None:
    assert planned(["photos/a.jpg"], "better.png") == {"photos/a.jpg": "better.png"}
    assert plan_jobs(["photos/a.jpg"], "better.png")[0].home == Path()


def test_one_file_without_output_goes_beside_it(photos: Path) -> None:
    assert planned(["photos/a.jpg"]) == {"photos/a.jpg": "photos/a.restored.jpg"}


@pytest.mark.parametrize("output", ["out/", "out", "photos/trip"])
def test_one_file_goes_into_a_folder(photos: Path, output: str) -> None:
    (job,) = plan_jobs(["photos/b.PNG"], output)
    assert (job.target, job.home) == (Path(output) / "b.PNG", Path(output))


def test_a_folder_is_mirrored_without_what_is_hidden(photos: Path) -> None:
    assert planned(["photos"], "out") == {
        "photos/a.jpg": "out/a.jpg",
        "photos/b.PNG": "out/b.PNG",
        "photos/trip/a.jpg": "out/trip/a.jpg",
        "photos/trip/Фото 写真.jpg": "out/trip/Фото 写真.jpg",
    }


def test_a_folder_without_output_gets_a_folder_beside(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert planned(["photos"])["photos/trip/a.jpg"] == "photos.restored/trip/a.jpg"
    monkeypatch.chdir(photos)
    assert planned(["."])["a.jpg"] == f"{photos}.restored/a.jpg"


def test_a_pattern_is_mirrored_below_its_first_wildcard(photos: Path) -> None:
    assert planned(["photos/**/*.jpg"], "out") == {
        "photos/a.jpg": "out/a.jpg",
        "photos/trip/a.jpg": "out/trip/a.jpg",
        "photos/trip/Фото 写真.jpg": "out/trip/Фото 写真.jpg",
    }


def test_a_pattern_can_match_folders_and_leaves_out_what_is_no_picture(photos: Path) -> None:
    assert planned(["phot*"], "out")["photos/trip/a.jpg"] == "out/photos/trip/a.jpg"
    assert "photos/notes.txt" not in planned(["photos/*"], "out")


def test_brackets_in_a_real_name_are_no_pattern(photos: Path) -> None:
    (photos / "x[1].jpg").touch()
    assert planned(["photos/x[1].jpg"], "o.jpg") == {"photos/x[1].jpg": "o.jpg"}


def test_results_of_an_earlier_run_are_no_inputs(photos: Path) -> None:
    (photos / "a.restored.jpg").touch()
    assert set(planned(["photos/a*.jpg"])) == {"photos/a.jpg"}
    assert set(planned(["photos/a.jpg", "photos/a.restored.jpg"])) == {"photos/a.jpg"}


@pytest.mark.parametrize("output", ["photos/out", "photos/../photos/out", "photos/trip/../out/", "link/out"])
@pytest.mark.parametrize("typed", ["photos", "photos/*", "photos/**/*.jpg"])
def test_the_output_folder_inside_the_input_is_left_out(photos: Path, typed: str, output: str) -> None:
    Path("link").symlink_to(photos, target_is_directory=True)
    (photos / "out").mkdir()
    (photos / "out" / "z.jpg").touch()
    sources = planned([typed], output)
    assert "photos/a.jpg" in sources and "photos/out/z.jpg" not in sources


def test_results_of_an_earlier_run_are_known_however_they_are_spelled(photos: Path) -> None:
    (photos / "a.restored.jpg").touch()
    assert set(planned(["photos/a.jpg", "photos/trip/../a.restored.jpg"])) == {"photos/a.jpg"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_no_picture_of_a_folder(photos: Path) -> None:
    before = len(plan_jobs([str(photos)], photos.parent / "out"))
    os.mkfifo(photos / "pipe.jpg")
    (photos / "nowhere.jpg").symlink_to("nothing.jpg")
    names = [job.source.name for job in plan_jobs([str(photos)], photos.parent / "out")]
    assert len(names) == before + 1 and "nowhere.jpg" in names, "a link to nothing is told when it is read"


def test_the_same_picture_twice_is_one_job(photos: Path) -> None:
    assert len(plan_jobs(["photos", "photos/../photos/a.jpg", "photos/*.jpg"], "out")) == 4


@pytest.mark.parametrize("suffix", [".gif", ".bmp", ".pgm"])
def test_what_cannot_be_written_becomes_png(photos: Path, suffix: str) -> None:
    (photos / f"z{suffix}").touch()
    assert planned(["photos"], "out")[f"photos/z{suffix}"] == "out/z.png"
    assert planned([f"photos/z{suffix}"]) == {f"photos/z{suffix}": "photos/z.restored.png"}


def test_pictures_that_cannot_be_read_are_named_once(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("1.heic", "2.HEIC", "3.nef"):
        (photos / name).touch()
    with caplog.at_level(logging.WARNING):
        assert len(plan_jobs(["photos"], "out")) == 4
    assert caplog.messages == ["Left out of photos, as they cannot be read: 2 .heic, 1 .nef."]


def test_two_pictures_with_one_target_are_refused(photos: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"photos/a\.jpg and photos/trip/a\.jpg would both become out/a\.jpg"):
        plan_jobs(["photos/a.jpg", "photos/trip/a.jpg"], "out")


def test_what_becomes_png_leaves_a_png_of_its_name_alone(photos: Path) -> None:
    for name in ("c.gif", "c.png", "d.bmp", "d.gif"):
        (photos / name).touch()
    targets = planned(["photos"], "out")
    assert [targets[f"photos/{name}"] for name in ("c.gif", "c.png")] == ["out/c.gif.png", "out/c.png"]
    assert [targets[f"photos/{name}"] for name in ("d.bmp", "d.gif")] == ["out/d.bmp.png", "out/d.gif.png"]
    beside = planned(["photos/*.gif", "photos/*.png"])
    assert beside["photos/c.gif"] == "photos/c.gif.restored.png" and beside["photos/c.png"] == "photos/c.restored.png"


def test_links_to_folders_are_named(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    (photos / "link").symlink_to(photos / "trip", target_is_directory=True)
    assert len(plan_jobs(["photos"], "out")) == 4
    assert caplog.messages == ["Left out of photos, as links to folders are not followed: photos/link."]


def test_a_folder_that_cannot_be_read_is_a_job_that_fails(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os.scandir

    def forbidden(path: str) -> object:  # not by permissions: whoever tests may be root
        if Path(path).name == "trip":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return honest(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    jobs = plan_jobs(["photos"], "out")
    assert [job.source.as_posix() for job in jobs] == ["photos/a.jpg", "photos/b.PNG", "photos/trip"]
    assert "Expected to read the folder photos/trip" in (jobs[-1].problem or "")
    with pytest.raises(ImageError, match="permission denied"):
        plan_jobs(["photos/trip"], "out")


def test_a_format_that_cannot_be_written_is_refused_before_any_work(photos: Path) -> None:
    with pytest.raises(ImageError, match=r"Expected a target ending in .*, got 'x\.gif'"):
        plan_jobs(["photos/a.jpg"], "x.gif")


@pytest.mark.parametrize(("inputs", "output"), [(["photos"], "photos"), (["photos/a.jpg", "photos/b.PNG"], "photos")])
def test_a_folder_of_originals_is_no_output(photos: Path, inputs: list[str], output: str) -> None:
    with pytest.raises(ConfigurationError, match="holds no original"):
        plan_jobs(inputs, output)


def test_a_link_to_the_originals_is_no_output(photos: Path) -> None:
    Path("link").symlink_to(photos, target_is_directory=True)
    with pytest.raises(ConfigurationError, match="holds no original"):
        plan_jobs(["photos"], "link")


@pytest.mark.parametrize("output", ["photos/notes.txt", "better.jpg"])
@pytest.mark.parametrize("inputs", [["photos"], ["photos/*.jpg"], ["photos/a.jpg", "photos/b.PNG"]])
def test_several_pictures_do_not_go_into_one_file(photos: Path, inputs: list[str], output: str) -> None:
    with pytest.raises(ConfigurationError, match="Expected a folder"):
        plan_jobs(inputs, output)


@pytest.mark.parametrize("output", ["results.v2", "better.jpg/"])
def test_a_folder_may_have_a_dot_in_its_name(photos: Path, output: str) -> None:
    assert planned(["photos"], output)["photos/a.jpg"] == f"{output.rstrip('/')}/a.jpg"


@pytest.mark.parametrize("inputs", [["nowhere.jpg"], ["photos/*.tif"], ["photos/trip", "nowhere"]])
def test_what_is_not_there_is_named(photos: Path, inputs: list[str]) -> None:
    with pytest.raises(ImageError, match=r"found no"):
        plan_jobs(inputs, "out")


def test_nothing_typed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="got none"):
        plan_jobs([])
