"""The verb: batches, what is passed over, what is set aside, and that no original is touched."""

import errno
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pellucid
from pellucid.app import restore_jobs
from pellucid.app.journal import JOURNAL_NAME
from pellucid.app.receipt import Receipt
from pellucid.app.restore import restore
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.files import read_image
from pellucid.methods.load import Model

MakePhoto = Callable[..., Path]


@pytest.fixture
def photos(tmp_path: Path, make_photo: MakePhoto) -> Path:
    """Two good pictures and two broken ones."""
    folder = tmp_path / "photos"
    make_photo(folder / "a.png", seed=1)
    make_photo(folder / "trip" / "Фото 写真.jpg", seed=2)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "empty.tif").touch()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_the_public_function() -> None:
    assert pellucid.restore is restore


def test_one_file_gives_its_path(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "photo.png")
    before = source.read_bytes()
    restored = restore(source, model=tiny)
    assert restored.path == tmp_path / "photo.restored.png"
    assert (read_image(restored.path) - tiny.restore(read_image(source)).image).abs().max() <= 0.5001 / 255
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png", "photo.restored.png"]
    assert restore(source, model=tiny).path == restored.path, "our own name may be taken again"


def test_one_broken_file_raises(photos: Path, tiny: Model) -> None:
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        restore(photos / "broken.jpg", model=tiny)


def test_a_folder_is_mirrored_and_broken_files_are_set_aside(photos: Path, tmp_path: Path, tiny: Model) -> None:
    before = contents(photos)
    restored = restore(photos, tmp_path / "out", model=tiny)
    assert [picture.target.relative_to(tmp_path / "out").as_posix() for picture in restored.files] == [
        "a.png",
        "trip/Фото 写真.jpg",
    ]
    assert [picture.source.name for picture in restored.failed] == ["broken.jpg", "empty.tif"]
    assert all(picture.reason.startswith("Expected") for picture in restored.failed)
    assert contents(photos) == before
    assert set(contents(tmp_path / "out")) == {"a.png", "trip/Фото 写真.jpg", JOURNAL_NAME}
    with pytest.raises(ConfigurationError, match="use files"):
        _ = restored.path


def test_a_batch_does_what_a_single_call_does(photos: Path, tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    make_photo(photos / "a.png", size=(40, 300))
    restore(photos, tmp_path / "out", model=tiny, tile=120)
    restore(photos / "a.png", tmp_path / "single.png", model=tiny, tile=120)
    assert (tmp_path / "single.png").read_bytes() == (tmp_path / "out" / "a.png").read_bytes()


def test_several_files_without_output_lie_beside(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    for name in ("a.png", "b.png"):
        make_photo(tmp_path / name)
    restored = restore(str(tmp_path / "*.png"), model=tiny)
    assert [picture.target.name for picture in restored.files] == ["a.restored.png", "b.restored.png"]
    again = restore(str(tmp_path / "*.png"), model=tiny)
    assert [picture.source.name for picture in again.files] == ["a.png", "b.png"]
    assert all(picture.was_finished for picture in again.files)


def test_finished_pictures_are_passed_over(photos: Path, tmp_path: Path, tiny: Model) -> None:
    out = tmp_path / "out"
    first = restore(photos, out, model=tiny)
    before = {picture.target: picture.target.stat().st_mtime_ns for picture in first.files}
    again = restore(photos, out, model=tiny)
    assert [picture.receipt for picture in again.files] == [picture.receipt for picture in first.files]
    assert all(picture.was_finished for picture in again.files)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(again.failed) == 2, "what failed is tried again"


def test_a_picture_that_was_only_touched_is_passed_over(photos: Path, tmp_path: Path, tiny: Model) -> None:
    restore(photos, tmp_path / "out", model=tiny)
    os.utime(photos / "a.png", (1, 1))
    assert all(picture.was_finished for picture in restore(photos, tmp_path / "out", model=tiny).files)


@pytest.mark.parametrize("change", ["source", "target", "target is gone", "model", "overwrite"])
def test_what_changed_is_done_again(
    change: str, photos: Path, tmp_path: Path, weights: Path, other_weights: Path, make_photo: MakePhoto
) -> None:
    out = tmp_path / "out"
    restore(photos, out, model=weights)
    if change == "source":
        make_photo(photos / "a.png", seed=7)
    elif change == "target":
        (out / "a.png").write_bytes(b"something else")
    elif change == "target is gone":
        (out / "a.png").unlink()
    model = other_weights if change == "model" else weights
    again = restore(photos, out, model=model, overwrite=change == "overwrite")
    new = [picture.source.name for picture in again.files if not picture.was_finished]
    assert new == (["a.png", "Фото 写真.jpg"] if change in ("model", "overwrite") else ["a.png"])
    fresh = restore(photos, tmp_path / "fresh", model=model)
    assert [picture.target.read_bytes() for picture in again.files] == [
        picture.target.read_bytes() for picture in fresh.files
    ]


def test_a_file_of_somebody_else_is_not_replaced(photos: Path, tmp_path: Path, tiny: Model) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"precious")
    for _ in range(2):  # that it was refused once must not make it ours
        restored = restore(photos, out, model=tiny)
        assert "did not write" in {picture.source.name: picture.reason for picture in restored.failed}["a.png"]
        assert (out / "a.png").read_bytes() == b"precious"
    with pytest.raises(ImageError, match="did not write"):
        restore(photos / "a.png", out / "a.png", model=tiny)
    restore(photos / "a.png", out / "a.png", model=tiny, overwrite=True)
    assert read_image(out / "a.png").shape == read_image(photos / "a.png").shape


def test_an_original_is_replaced_only_when_it_is_named(photos: Path, tiny: Model) -> None:
    original = read_image(photos / "a.png")
    restore(photos / "a.png", photos / "a.png", model=tiny)
    assert (read_image(photos / "a.png") - tiny.restore(original).image).abs().max() <= 0.5001 / 255
    (photos / "link.png").symlink_to(photos / "a.png")
    now = (photos / "a.png").read_bytes()
    with pytest.raises(ImageError):
        restore(photos / "a.png", photos / "link.png", model=tiny, overwrite=True)
    assert (photos / "a.png").read_bytes() == now


def test_receipts_lie_beside_results(photos: Path, tmp_path: Path, tiny: Model) -> None:
    out = tmp_path / "out"
    restored = restore(photos, out, model=tiny)
    restore(photos, out, model=tiny, receipts=True)  # asked for later, they are written without restoring again
    for picture in restored.files:
        written = json.loads(picture.target.with_name(picture.target.name + ".receipt.json").read_text("utf-8"))
        assert Receipt.from_json(written) == picture.receipt


def test_an_unexpected_error_does_not_stop_the_others(
    photos: Path, tmp_path: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = restore_jobs.restore_file

    def breaks_on_a(source: Path, *others: object, **settings: object) -> Receipt:
        if source.name == "a.png":
            raise torch.OutOfMemoryError("as much as 3 GiB")
        return honest(source, *others, **settings)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(restore_jobs, "restore_file", breaks_on_a)
    restored = restore(photos, tmp_path / "out", model=tiny)
    assert len(restored.files) == 1
    assert "OutOfMemoryError" in restored.failed[0].reason


def test_a_full_disc_stops_everything(
    photos: Path, tmp_path: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*others: object, **settings: object) -> Receipt:
        raise ImageError("Expected room.") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(restore_jobs, "restore_file", full)
    with pytest.raises(ImageError, match="Expected room"):
        restore(photos, tmp_path / "out", model=tiny)


def test_a_wrong_setting_stops_everything(photos: Path, tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    make_photo(photos / "large.png", size=(200, 200))
    with pytest.raises(ConfigurationError, match="--tile"):
        restore(photos, tmp_path / "out", model=tiny, tile=8)
    with pytest.raises(ConfigurationError, match="size of memory"):
        restore(photos, tmp_path / "out", model=tiny, memory="much")


def test_leftovers_of_a_killed_run_are_removed(photos: Path, tmp_path: Path, tiny: Model) -> None:
    out = tmp_path / "out"
    (out / "trip").mkdir(parents=True)
    for name in (".pellucid-00ff.partial", "trip/.pellucid-12ab.partial"):
        (out / name).touch()
    (out / "mine.partial").touch()
    restore(photos, out, model=tiny)
    assert [path.name for path in out.rglob("*.partial")] == ["mine.partial"]


def test_another_run_at_work_keeps_its_temporary_files(photos: Path, tmp_path: Path, tiny: Model) -> None:
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    out.mkdir()
    with (out / JOURNAL_NAME).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        (out / ".pellucid-00ff.partial").touch()
        (out / ".pellucid-old.partial").touch()
        os.utime(out / ".pellucid-old.partial", (time.time() - 90_000,) * 2)
        restore(photos, out, model=tiny)
    assert [path.name for path in out.glob("*.partial")] == [".pellucid-00ff.partial"]


def test_progress_counts_bytes_up_to_all(photos: Path, tmp_path: Path, tiny: Model) -> None:
    told: list[tuple[int, int, str]] = []
    restore(photos, tmp_path / "out", model=tiny, progress=lambda *state: told.append(state))
    total = sum(path.stat().st_size for path in photos.rglob("*") if path.is_file())
    assert {state[1] for state in told} == {total}
    assert [state[0] for state in told] == sorted(state[0] for state in told)
    assert told[0][2] == "1/4 a.png"


def test_what_is_ahead_and_what_came_of_it_is_logged(
    photos: Path, tmp_path: Path, tiny: Model, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pellucid"):
        restore(photos, tmp_path / "out", model=tiny)
    assert caplog.messages[0].startswith("4 pictures to restore; about ")
    assert any(message.startswith(f"Set aside {photos / 'broken.jpg'}: Expected") for message in caplog.messages)
    assert caplog.messages[-1].startswith("2 restored, 0 finished before, 2 set aside; ")
