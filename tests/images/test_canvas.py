"""Saving: whole or not at all, never over the original by accident; large pictures on disc."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sample_pictures import Extras, Kind, encoded, names, pixels

from pellucid.errors import DeviceError, ImageError
from pellucid.images.canvas import Canvas
from pellucid.images.files import read_picture, write_image, write_picture


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Kind("png", 4), pixels(Kind("png", 4)), Extras.full(6)))
    return path


def test_every_pixel_must_have_been_written(photo, tmp_path):
    picture = read_picture(photo)
    canvas = Canvas(picture)
    canvas.write(0, 0, picture.read()[..., :-1])
    with pytest.raises(ImageError, match="write every box once"):
        canvas.save(tmp_path / "result.png")
    assert names(tmp_path) == ["photo.png"]
    with pytest.raises(ImageError, match="restore the whole picture"):
        write_picture(tmp_path / "result.png", picture, picture.read()[..., :-1])


def test_the_original_is_replaced_only_by_its_own_name(photo, tmp_path):
    picture = read_picture(photo)
    before = photo.read_bytes()
    (tmp_path / "link.png").symlink_to(photo)
    os.link(photo, tmp_path / "hard.png")
    for other in ("link.png", "hard.png"):
        with pytest.raises(ImageError, match="choose another target"):
            write_picture(tmp_path / other, picture, picture.read())
    assert photo.read_bytes() == before
    write_picture(photo, picture, 1 - picture.read())
    assert photo.read_bytes() != before
    assert (tmp_path / "hard.png").read_bytes() == before
    assert names(tmp_path) == ["hard.png", "link.png", "photo.png"]


@pytest.mark.parametrize("step", ["canvas.encode", "containers.png.embed"])
def test_a_failure_leaves_the_target_as_it_was(photo, tmp_path, monkeypatch, step):
    target = tmp_path / "result.png"
    target.write_bytes(b"an older result")
    picture = read_picture(photo, in_memory_bytes=0, scratch=tmp_path)

    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"pellucid.images.{step}", fail)
    with pytest.raises(ImageError, match="no space left"):
        write_picture(target, picture, picture.read())
    picture.close()
    assert target.read_bytes() == b"an older result"
    assert names(tmp_path) == ["photo.png", "result.png"]


def test_what_the_encoder_refuses_is_one_sentence(tmp_path):
    write_image(tmp_path / "a.png", torch.zeros(1, 3, 1, 20000))
    picture = read_picture(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"Expected to write .*: try another format\.$"):
        write_picture(tmp_path / "b.webp", picture, picture.read())
    assert names(tmp_path) == ["a.png"]


def test_large_pictures_live_on_disc_and_are_the_same(photo, tmp_path):
    results = []
    for number, size in enumerate((0, 1 << 30)):
        picture = read_picture(photo, scratch=tmp_path, in_memory_bytes=size)
        assert (picture.pixels.array is None) == (size == 0)
        canvas = Canvas(picture, tmp_path)
        if os.name == "posix":  # unpacked pixels have no name there, so that not even a killed process leaves any
            assert names(tmp_path) == ["0.png", "photo.png"][1 - number :]
        canvas.close()
        target = tmp_path / f"{number}.png"
        write_picture(target, picture, picture.read())
        results.append(target.read_bytes())
        picture.close()
    assert results[0] == results[1]
    assert names(tmp_path) == ["0.png", "1.png", "photo.png"]


def test_new_files_get_the_permissions_that_new_files_get(tmp_path):
    old = os.umask(0o022)
    try:
        write_image(tmp_path / "a.png", torch.zeros(1, 3, 4, 4))
    finally:
        os.umask(old)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_permissions(photo, tmp_path, mode):
    photo.chmod(mode)
    picture = read_picture(photo)
    write_picture(photo, picture, 1 - picture.read())
    assert photo.stat().st_mode & 0o777 == mode
    assert names(tmp_path) == ["photo.png"]


def test_a_result_is_on_the_disc_before_it_takes_the_place_of_the_original(photo, monkeypatch):
    steps = []
    sync, replace = os.fsync, Path.replace

    def watched_sync(number):
        steps.append(os.fstat(number).st_ino)
        sync(number)

    def watched_replace(path, target):
        steps.append((path.stat().st_ino, Path(target).name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    picture = read_picture(photo)
    write_picture(photo, picture, picture.read())
    written = photo.stat().st_ino
    assert steps == [written, (written, "photo.png")]


@pytest.mark.parametrize("kind", [Kind("png"), Kind("tiff", 3, 32)], ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_pixels_that_are_no_numbers_are_not_written(tmp_path, kind, value):
    path = tmp_path / f"photo.{kind.format}"
    path.write_bytes(encoded(kind, pixels(kind), Extras()))
    before = path.read_bytes()
    picture = read_picture(path)
    restored = picture.read()
    restored[0, 1, 3, 4] = value
    with pytest.raises(DeviceError, match=r"^Expected finite pixels.* not written: .*\.$"):
        write_picture(path, picture, restored)
    with pytest.raises(DeviceError, match="finite"):
        write_image(path, restored)
    assert path.read_bytes() == before
    assert names(tmp_path) == [path.name]


def test_boxes_outside_the_picture_are_refused(photo):
    picture = read_picture(photo)
    for box in [(-1, 0, 5, 5), (0, 0, 35, 5), (0, 20, 1, 2), (0, 0, 0, 5)]:
        with pytest.raises(ImageError, match="Expected a box inside"):
            picture.read(*box)


def test_opacity_is_untouched_and_hidden_colours_do_not_bleed(tmp_path):
    """Black hidden under full transparency must not darken the visible edge: no dark fringe."""
    image = np.zeros((40, 60, 4), np.uint8)
    image[:, 30:] = (200, 150, 100, 255)
    image[:, 28:30] = (200, 150, 100, 90)
    image[:, :28, :3] = np.random.default_rng(0).integers(0, 60, (40, 28, 3))
    (tmp_path / "a.png").write_bytes(encoded(Kind("png", 4), image, Extras()))
    picture = read_picture(tmp_path / "a.png")
    seen = picture.read()
    # Near the edge the network sees the visible colour on both sides of it.
    expected = torch.tensor([200, 150, 100.0]).view(3, 1) / 255
    torch.testing.assert_close(seen[0, :, 20, 14:], expected.expand(3, 46), atol=1e-6, rtol=0)
    blurred = torch.nn.functional.avg_pool2d(seen, 9, 1, 4, count_include_pad=False)
    write_picture(tmp_path / "b.png", picture, blurred)
    result = np.asarray(Image.open(tmp_path / "b.png"))
    np.testing.assert_array_equal(result[..., 3], image[..., 3])
    np.testing.assert_array_equal(result[:, :28], image[:, :28])
    np.testing.assert_allclose(result[:, 28:, :3].astype(int), np.broadcast_to([200, 150, 100], (40, 32, 3)), atol=1)


def test_hidden_colours_are_filled_alike_in_tiles_and_in_the_whole(tmp_path):
    generator = np.random.default_rng(1)
    image = generator.integers(0, 256, (70, 90, 4), np.uint8)
    image[..., 3] *= generator.random((70, 90)) > 0.97
    image[20:60, 10:70, 3] = 0
    (tmp_path / "a.png").write_bytes(encoded(Kind("png", 4), image, Extras.little(5)))
    picture = read_picture(tmp_path / "a.png")
    whole = picture.read()
    for top in range(0, picture.height, 13):
        for left in range(0, picture.width, 17):
            height, width = min(13, picture.height - top), min(17, picture.width - left)
            part = picture.read(top, left, height, width)
            torch.testing.assert_close(part, whole[..., top : top + height, left : left + width], atol=1e-6, rtol=0)
