"""What is missing is filled, what is known is kept to the bit, and the maps say which is which."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image

from pellucid.app.inpaint import holes_of, inpaint
from pellucid.app.trust import SUMMARY, trust_folder
from pellucid.errors import ImageError, MethodError
from pellucid.images.files import read_image, write_image
from pellucid.methods.bigprior.priors.harmonic import harmonic_fill

MakePhoto = Callable[..., Path]


def draw_mask(path: Path, size: tuple[int, int], *boxes: tuple[slice, slice]) -> Path:
    missing = torch.zeros(1, 3, *size)
    for box in boxes:
        missing[(..., *box)] = 1
    write_image(path, missing)
    return path


def test_what_is_transparent_in_a_mask_is_known(tmp_path: Path, make_photo: MakePhoto) -> None:
    photo = make_photo(tmp_path / "a.png", size=(60, 80))
    strokes, cut = np.zeros((60, 80, 4), np.uint8), np.zeros((60, 80, 4), np.uint8)
    strokes[20:30, 40:50] = 255  # white on a layer that is transparent elsewhere
    Image.fromarray(strokes).save(tmp_path / "strokes.png")
    assert inpaint(photo, tmp_path / "strokes.png", tmp_path / "b.png").missing == pytest.approx(100 / 4800)
    cut[..., 3] = 255
    cut[20:30, 40:50, 3] = 0  # a hole in what is black
    Image.fromarray(cut).save(tmp_path / "cut.png")
    with pytest.raises(ImageError, match="got none missing"):
        inpaint(photo, tmp_path / "cut.png", tmp_path / "c.png")


def test_a_tiff_of_jpegs_is_not_kept_to_the_bit_and_that_is_said(
    tmp_path: Path, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture
) -> None:
    with Image.open(make_photo(tmp_path / "a.png", size=(64, 64))) as plain:
        plain.save(tmp_path / "a.tif", compression="jpeg", quality=80)
    inpaint(tmp_path / "a.tif", draw_mask(tmp_path / "mask.png", (64, 64), (slice(3, 9), slice(3, 9))))
    assert "known pixels change a little" in caplog.text


@pytest.mark.parametrize(("name", "depth"), [("a.png", 8), ("a.tif", 16)])
def test_known_pixels_are_kept_to_the_bit(tmp_path: Path, make_photo: MakePhoto, name: str, depth: int) -> None:
    photo = make_photo(tmp_path / name, size=(90, 120), depth=depth)
    box = (slice(60, 80), slice(100, 118))
    mask = draw_mask(tmp_path / "mask.png", (90, 120), box)
    outcome = inpaint(photo, mask, tmp_path / f"out{photo.suffix}")
    before, after = read_image(photo), read_image(outcome.path)
    known = torch.ones(1, 1, 90, 120)
    known[(..., *box)] = 0
    assert torch.equal(before * known, after * known)
    wanted = harmonic_fill(before * known, known)
    assert (after - wanted).abs().max() <= 0.51 / (2**depth - 1)
    assert outcome.missing == pytest.approx(20 * 18 / (90 * 120))
    assert outcome.trust is None


def test_the_maps_say_that_the_hole_is_belief(tmp_path: Path, make_photo: MakePhoto) -> None:
    photo = make_photo(tmp_path / "a.png", size=(80, 80))
    box = (slice(30, 50), slice(20, 60))
    outcome = inpaint(photo, draw_mask(tmp_path / "mask.png", (80, 80), box), trust=True)
    assert outcome.path == tmp_path / "a.inpainted.png"
    folder = trust_folder(outcome.path)
    prior, error = (
        np.asarray(pyvips.Image.new_from_file(str(folder / f"{name}.png")).numpy()).squeeze()
        for name in ("prior", "error")
    )
    expected = np.zeros((80, 80), np.uint16)
    expected[box] = 65535
    assert np.array_equal(prior, expected)
    assert bool((error[box] > 0).all()) and error[expected == 0].max() == 0
    told = json.loads((folder / SUMMARY).read_text())
    assert told["prior"] == told["belief"] == pytest.approx(20 * 40 / 6400)
    assert told["error"] == pytest.approx(error[box].mean() / 65535, rel=1e-3), "of the hole alone"
    assert outcome.trust is not None and "rests on the prior" in str(outcome.trust)


def test_of_a_jpeg_known_pixels_are_kept_in_a_png(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photo = tmp_path / "a.jpg"
    write_image(photo, torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    mask = draw_mask(tmp_path / "mask.png", (64, 64), (slice(10, 20), slice(10, 20)))
    outcome = inpaint(photo, mask)
    assert outcome.path == tmp_path / "a.inpainted.png"
    before, after = read_image(photo), read_image(outcome.path)
    assert (before != after).any(dim=1).sum() <= 100
    assert "name a PNG" not in caplog.text
    inpaint(photo, mask, tmp_path / "b.jpg")
    assert "name a PNG" in caplog.text


def test_what_cannot_be_filled_is_told(tmp_path: Path, make_photo: MakePhoto) -> None:
    photo = make_photo(tmp_path / "a.png", size=(40, 40))
    nothing = draw_mask(tmp_path / "none.png", (40, 40), (slice(0, 0), slice(0, 0)))
    everything = draw_mask(tmp_path / "all.png", (40, 40), (slice(None), slice(None)))
    small = draw_mask(tmp_path / "small.png", (20, 40), (slice(3, 5), slice(3, 5)))
    good = draw_mask(tmp_path / "good.png", (40, 40), (slice(3, 5), slice(3, 5)))
    with pytest.raises(ImageError, match="none missing"):
        inpaint(photo, nothing, tmp_path / "out.png")
    with pytest.raises(ImageError, match="all missing"):
        inpaint(photo, everything, tmp_path / "out.png")
    with pytest.raises(ImageError, match="as large as its photograph"):
        inpaint(photo, small, tmp_path / "out.png")
    with pytest.raises(MethodError, match="harmonic"):
        inpaint(photo, good, tmp_path / "out.png", prior="imagination")
    assert not (tmp_path / "out.png").exists()
    with pytest.raises(ImageError, match="than the inputs"):
        inpaint(photo, good, photo, overwrite=True)
    inpaint(photo, good, tmp_path / "out.png")
    with pytest.raises(ImageError, match="found one"):
        inpaint(photo, good, tmp_path / "out.png")
    inpaint(photo, good, tmp_path / "out.png", overwrite=True)


def test_holes_that_are_far_apart_are_filled_each_on_its_own(tmp_path: Path, make_photo: MakePhoto) -> None:
    """As if they were one, and without what lies between them in memory."""
    photo = make_photo(tmp_path / "a.png", size=(900, 700))
    specks = [(slice(2, 9), slice(0, 5)), (slice(300, 303), slice(350, 420)), (slice(880, 900), slice(690, 700))]
    specks += [(slice(306, 340), slice(352, 355)), (slice(520, 523), slice(10, 14))]
    mask = draw_mask(tmp_path / "mask.png", (900, 700), *specks)
    known = (read_image(mask).mean(dim=1, keepdim=True) < 0.5).float()
    found = holes_of(known)
    assert len(found) == 4
    assert sum(box.height * box.width for box, _ in found) < 0.15 * 900 * 700
    own = torch.zeros(900, 700)
    for box, its in found:
        own[box.top : box.bottom, box.left : box.right] += its
    assert torch.equal(own, 1 - known[0, 0])
    outcome = inpaint(photo, mask, trust=True)
    before, after = read_image(photo), read_image(outcome.path)
    missing = (known == 0).expand_as(before)
    assert torch.equal(after[~missing], before[~missing])
    expected = harmonic_fill(before * known, known)
    assert (after - expected).abs().max() <= 0.51 / 255
    phi = read_image(trust_folder(outcome.path) / "prior.png")
    assert torch.equal(phi[:, :1], 1 - known)
    assert outcome.trust is not None
    assert outcome.trust.prior == pytest.approx(1 - known.mean().item(), abs=1e-6)


def test_a_hole_in_the_rectangle_of_another_is_its_own() -> None:
    """A long thin hole around a corner, and a small one within what it encloses."""
    known = torch.ones(1, 1, 600, 600)
    known[..., 20:580, 30:33] = 0
    known[..., 570:580, 30:580] = 0
    corner = 1 - known[0, 0]
    known[..., 100:110, 500:510] = 0
    (first, its), (second, others) = holes_of(known)
    assert (first.top, first.left, first.bottom, first.right) == (0, 0, 600, 600)
    assert torch.equal(its.float(), corner)
    assert (second.top, second.left, second.bottom, second.right) == (52, 452, 158, 558)
    assert int(others.sum()) == 100


def test_a_result_keeps_its_maps_until_another_takes_its_place(tmp_path: Path, make_photo: MakePhoto) -> None:
    photo, target = make_photo(tmp_path / "a.png", size=(40, 40)), tmp_path / "out.png"
    mask = draw_mask(tmp_path / "mask.png", (40, 40), (slice(3, 5), slice(3, 5)))
    small = draw_mask(tmp_path / "small.png", (20, 40), (slice(3, 5), slice(3, 5)))
    inpaint(photo, mask, target, trust=True)
    with pytest.raises(ImageError, match="as large as its photograph"):
        inpaint(photo, small, target, overwrite=True)
    assert (trust_folder(target) / "summary.json").exists()
    inpaint(photo, mask, target, overwrite=True)
    assert not trust_folder(target).exists()


def test_a_denoiser_fills_too(tmp_path: Path, make_photo: MakePhoto) -> None:
    photo = make_photo(tmp_path / "a.png", size=(96, 96))
    mask = draw_mask(tmp_path / "mask.png", (96, 96), (slice(40, 50), slice(40, 50)))
    outcome = inpaint(photo, mask, prior="plug-and-play", device="cpu")
    before, after = read_image(photo), read_image(outcome.path)
    changed = (before != after).any(dim=1)[0].nonzero()
    assert changed.min() >= 40 and changed.max() < 50
    hole = (..., slice(40, 50), slice(40, 50))
    assert (before - after)[hole].abs().mean() < 0.05 < before[hole].std(), "a smooth picture is filled smoothly"
