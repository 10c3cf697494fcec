"""The verb: batches, what is passed over, what is set aside, and that no original is touched."""

import errno
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pellucid
from pellucid.app import restore_file, restore_jobs, unused_gpu
from pellucid.app.journal import JOURNAL_NAME, Journal
from pellucid.app.receipt import Receipt, receipt_path, write_receipt
from pellucid.app.restore import restore
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.atomic import replacing
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
    assert sorted(path.name for path in tmp_path.iterdir()) == [JOURNAL_NAME, "photo.png", "photo.restored.png"]


@pytest.mark.parametrize("output", [None, "better.jpg", "photo.png"])
def test_the_same_command_for_one_file_does_nothing_again(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, output: str | None
) -> None:
    source = make_photo(tmp_path / "photo.png")
    target = None if output is None else tmp_path / output
    first = restore(source, target, model=tiny)
    before = contents(tmp_path)
    again = restore(source, target, model=tiny)
    assert again.files[0].was_finished and again.files[0].receipt == first.files[0].receipt
    assert contents(tmp_path) == before


@pytest.mark.parametrize("output", [None, "better.png"])
def test_one_file_replaces_only_its_own_result(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, output: str | None
) -> None:
    source, target = make_photo(tmp_path / "a.png"), tmp_path / (output or "a.restored.png")
    wish = None if output is None else target
    target.write_bytes(b"precious")
    for _ in range(2):
        with pytest.raises(ImageError, match="did not write"):
            restore(source, wish, model=tiny)
    assert target.read_bytes() == b"precious"
    restore(source, wish, model=tiny, overwrite=True)
    make_photo(source, seed=7)
    assert not restore(source, wish, model=tiny).files[0].was_finished, "the original has changed"
    before = target.read_bytes()
    with pytest.raises(ImageError, match=r"restored from .*a\.png"):
        restore(make_photo(tmp_path / "b.png", seed=8), target, model=tiny)
    assert target.read_bytes() == before


def test_a_single_file_that_fails_midway_leaves_a_target_that_is_not_ours(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*given: object, **settings: object) -> None:
        raise ZeroDivisionError

    source = make_photo(tmp_path / "a.png")
    monkeypatch.setattr(restore_file, "restore_streamed", breaks)
    with pytest.raises(ZeroDivisionError):
        restore(source, tmp_path / "b.png", model=tiny)
    monkeypatch.undo()
    (tmp_path / "b.png").write_bytes(b"precious")
    with pytest.raises(ImageError, match="did not write"):
        restore(source, tmp_path / "b.png", model=tiny)


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


def receipt_beside(target: Path) -> Receipt:
    return Receipt.from_json(json.loads(receipt_path(target).read_text("utf-8")))


def test_an_old_receipt_never_tells_of_a_new_result(
    tmp_path: Path, weights: Path, other_weights: Path, make_photo: MakePhoto
) -> None:
    source, out = make_photo(tmp_path / "photos" / "a.png").parent, tmp_path / "out"
    old = restore(source, out, model=weights, receipts=True).files[0].receipt
    new = restore(source, out, model=other_weights).files[0].receipt
    assert receipt_beside(out / "a.png") == new != old
    write_receipt(old, out / "a.png")  # as if it had been killed before the receipt was written
    again = restore(source, out, model=other_weights, receipts=True).files[0]
    assert again.was_finished and receipt_beside(out / "a.png") == new
    before = receipt_path(out / "a.png").stat().st_mtime_ns
    restore(source, out, model=other_weights, receipts=True)
    assert receipt_path(out / "a.png").stat().st_mtime_ns == before, "what is true is left alone"


def test_somebody_elses_file_with_the_name_of_a_receipt_is_left_alone(
    photos: Path, tmp_path: Path, tiny: Model
) -> None:
    (tmp_path / "out").mkdir()
    receipt_path(tmp_path / "out" / "a.png").write_text('{"milk": 2}')
    restore(photos, tmp_path / "out", model=tiny)
    assert receipt_path(tmp_path / "out" / "a.png").read_text() == '{"milk": 2}'


def test_what_another_run_finishes_meanwhile_is_passed_over(
    photos: Path, tmp_path: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = restore_jobs.restore_file

    def overtaken(source: Path, *others: object, **settings: object) -> Receipt:
        monkeypatch.setattr(restore_jobs, "restore_file", honest)
        restore(photos, tmp_path / "out", model=tiny)
        return honest(source, *others, **settings)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(restore_jobs, "restore_file", overtaken)
    restored = restore(photos, tmp_path / "out", model=tiny)
    assert [(picture.source.name, picture.was_finished) for picture in restored.files] == [
        ("a.png", False),
        ("Фото 写真.jpg", True),
    ]
    assert len(restored.failed) == 2, "the broken ones only"


def test_pictures_beyond_the_limit_are_read_when_asked_for(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.png", size=(100, 110))
    with pytest.raises(ImageError, match=r"at most 0\.01 megapixels"):
        restore(source, model=tiny, max_megapixels=0.01)
    with pytest.raises(ConfigurationError, match="above 0 megapixels"):
        restore(source, model=tiny, max_megapixels=0)
    assert restore(source, model=tiny, max_megapixels=0.011).path.is_file()


def test_a_folder_that_cannot_be_read_counts_as_failed(
    photos: Path, tmp_path: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = os.scandir

    def forbidden(path: str) -> object:
        if Path(path).name == "trip":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return honest(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    restored = restore(photos, tmp_path / "out", model=tiny)
    assert [picture.source.name for picture in restored.failed] == ["broken.jpg", "empty.tif", "trip"]
    assert "permission denied" in restored.failed[-1].reason


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


def test_a_folder_that_cannot_be_written_does_not_stop_the_others(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b", "c"):
        make_photo(tmp_path / folder / "photo.png")
    append = Journal._append

    def refused(self: Journal, target: Path, line: dict[str, object]) -> None:
        if target.parent.name == "b":
            raise ImageError("Expected an output folder that can be written: name another folder.")
        append(self, target, line)

    monkeypatch.setattr(Journal, "_append", refused)
    outcome = restore(str(tmp_path / "*" / "*.png"), model=tiny, report=tmp_path / "report.html")
    assert [picture.source.parent.name for picture in outcome.files] == ["a", "c"]
    assert [picture.source.parent.name for picture in outcome.failed] == ["b"]
    assert "can be written" in (tmp_path / "report.html").read_text("utf-8")


def test_long_names_are_no_reason_to_stop(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    make_photo(tmp_path / "photos" / "a.png").rename(tmp_path / "photos" / f"{'x' * 251}.png")
    make_photo(tmp_path / "photos" / "b.png")
    outcome = restore(tmp_path / "photos", tmp_path / "out", model=tiny, receipts=True)
    assert [picture.source.name for picture in outcome.files] == ["b.png"]
    assert "the result itself is whole" in outcome.failed[0].reason
    assert len(list((tmp_path / "out").glob("x*.png"))) == 1


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
    for name in (".pellucid-00ff00ff00ff00ff.partial", "trip/.pellucid-12ab12ab12ab12ab.partial"):
        (out / name).touch()
    (out / "mine.partial").touch()
    restore(photos, out, model=tiny)
    assert [path.name for path in out.rglob("*.partial")] == ["mine.partial"]


def test_another_run_at_work_keeps_its_temporary_files(photos: Path, tmp_path: Path, tiny: Model) -> None:
    pytest.importorskip("fcntl")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".pellucid-unlocked.partial").touch()  # of libraries that write temporary files themselves
    (out / ".pellucid-old.partial").touch()
    os.utime(out / ".pellucid-old.partial", (time.time() - 90_000,) * 2)
    # The other is at work on a single file, or on a folder in this one: it shares no journal with us.
    with replacing(out / "other.png") as partial:
        restore(photos, out, model=tiny)
        assert {path.name for path in out.glob(".*.partial")} == {partial.name, ".pellucid-unlocked.partial"}
        partial.write_bytes(b"whole")
    assert (out / "other.png").read_bytes() == b"whole"


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
    assert caplog.messages[0].startswith("4 pictures to restore on cpu; about ")
    assert any(message.startswith(f"Set aside {photos / 'broken.jpg'}: Expected") for message in caplog.messages)
    assert caplog.messages[-1].startswith("2 restored, 0 finished before, 2 set aside; ")


def test_device_and_tile_are_told(
    photos: Path, tmp_path: Path, tiny: Model, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture
) -> None:
    large = make_photo(tmp_path / "large.png", size=(200, 300))
    with caplog.at_level(logging.INFO, "pellucid"):
        restore(large, model=tiny, tile=120)
        assert caplog.messages[0] == f"{large}: cpu, tile 120 of 300 x 200"
        caplog.clear()
        restore(photos, tmp_path / "out", model=tiny, tile=120)
        assert not any(", tile 120 of" in message for message in caplog.messages), "a line per picture is for details"


def test_a_gpu_that_lies_idle_is_told(
    tmp_path: Path,
    weights: Path,
    make_photo: MakePhoto,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(unused_gpu, "_DRIVER", tmp_path)
    photo = make_photo(tmp_path / "a.png")
    restore(photo, tmp_path / "b.png", model=weights, device="cpu")
    assert "NVIDIA" not in caplog.text, "a choice needs no comment"
    restore(photo, tmp_path / "c.png", model=weights)
    assert "the installed torch is built for CPUs alone" in caplog.text


def test_where_there_are_no_locks_a_temporary_file_must_be_old(
    photos: Path, tmp_path: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    out = tmp_path / "out"
    out.mkdir()
    for name in (".pellucid-00ff00ff00ff00ff.partial", ".pellucid-12ab12ab12ab12ab.partial"):
        (out / name).touch()
    os.utime(out / ".pellucid-12ab12ab12ab12ab.partial", (1, 1))
    assert len(restore(photos, out, model=tiny).files) == 2
    assert [path.name for path in out.glob(".*.partial")] == [".pellucid-00ff00ff00ff00ff.partial"]
