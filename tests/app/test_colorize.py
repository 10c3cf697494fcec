"""A grey photograph gets colours; its brightness is kept in every kind of file, and the maps say what is belief."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from pellucid.app.colorize import colorize
from pellucid.app.trust import SUMMARY, trust_folder
from pellucid.errors import ImageError, WeightsError
from pellucid.images.files import read_image, read_picture

MakePhoto = Callable[..., Path]
GRASS = Path(__file__).parents[2] / "examples" / "noisy.png"


def grey_file(path: Path, *, depth: int = 8, alpha: bool = False) -> Path:
    """An example without its colours, in one channel."""
    image = pyvips.Image.new_from_file(str(GRASS)).extract_band(0, n=3).crop(0, 0, 160, 120)
    grey = (image * [0.299, 0.587, 0.114]).bandmean() * 3
    grey = (grey * 257).rint().cast("ushort") if depth == 16 else grey.rint().cast("uchar")
    grey = grey.copy(interpretation="grey16" if depth == 16 else "b-w")
    if alpha:
        opacity = pyvips.Image.xyz(160, 120)[0] * (257 if depth == 16 else 1)
        grey = grey.bandjoin(opacity.cast(grey.format))
    grey.write_to_file(str(path))
    return path


def luma_of(path: Path) -> np.ndarray:
    return (read_image(path)[0].double().numpy() * np.array([0.299, 0.587, 0.114])[:, None, None]).sum(axis=0)


@pytest.mark.parametrize(("name", "depth"), [("a.png", 8), ("a.png", 16), ("a.tif", 16)])
def test_brightness_is_kept(tmp_path: Path, name: str, depth: int) -> None:
    photo = grey_file(tmp_path / name, depth=depth)
    outcome = colorize(photo, device="cpu")
    assert outcome.path == tmp_path / f"a.colorized{photo.suffix}" and outcome.trust is None
    written = read_picture(outcome.path)
    assert (written.channels, written.depth) == ("rgb", depth)
    assert np.abs(luma_of(outcome.path) - luma_of(photo)).max() <= 0.5001 / (2**depth - 1)
    coloured = read_image(outcome.path)
    assert (coloured.amax(dim=1) - coloured.amin(dim=1)).mean() > 2 / 255, "there are colours"


def test_opacity_goes_through(tmp_path: Path) -> None:
    photo = grey_file(tmp_path / "a.png", alpha=True)
    out = colorize(photo, device="cpu").path
    before, after = (pyvips.Image.new_from_file(str(path)).numpy() for path in (photo, out))
    assert after.shape[2] == 4
    assert np.array_equal(before[..., 1], after[..., 3])


def test_the_maps_say_that_colours_are_belief(tmp_path: Path) -> None:
    photo = grey_file(tmp_path / "a.png")
    outcome = colorize(photo, tmp_path / "b.png", trust=True, device="cpu")
    folder = trust_folder(outcome.path)
    prior, effect, error = (
        np.asarray(pyvips.Image.new_from_file(str(folder / f"{name}.png")).numpy()).squeeze() / 65535
        for name in ("prior", "effect", "error")
    )
    assert np.allclose(prior, 2 / 3, atol=1e-4), "of three numbers two are not observed"
    grey = read_image(photo)
    changed = (read_image(outcome.path) - grey).abs().mean(dim=1)[0].numpy()
    assert np.abs(effect - changed).max() < 0.6 / 255
    assert error.min() > 0
    told = json.loads((folder / SUMMARY).read_text())
    assert told["belief"] == pytest.approx(
        effect.sum() / read_image(outcome.path).mean().item() / effect.size, rel=0.02
    )
    assert outcome.trust is not None and "rests on the prior" in str(outcome.trust)


def test_strips_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = grey_file(tmp_path / "a.png")
    whole = read_image(colorize(photo, tmp_path / "whole.png", device="cpu").path)
    monkeypatch.setattr("pellucid.app.colorize.STRIP_PIXELS", 160 * 7)
    assert (read_image(colorize(photo, tmp_path / "strips.png", device="cpu").path) == whole).all()


def test_a_jpeg_becomes_a_png_and_nothing_is_replaced_unasked(
    tmp_path: Path, make_photo: MakePhoto, caplog: pytest.LogCaptureFixture
) -> None:
    photo = grey_file(tmp_path / "a.jpg")
    outcome = colorize(photo, device="cpu")
    assert outcome.path == tmp_path / "a.colorized.png"
    assert np.abs(luma_of(outcome.path) - luma_of(photo)).max() <= 0.5001 / 255
    assert "name a PNG" not in caplog.text
    with pytest.raises(ImageError, match="found one"):
        colorize(photo, device="cpu")
    with pytest.raises(ImageError, match="than the inputs"):
        colorize(photo, photo, overwrite=True)
    colorize(photo, tmp_path / "b.jpg", device="cpu")
    assert "name a PNG" in caplog.text
    colours = colorize(make_photo(tmp_path / "c.png", size=(40, 50)), device="cpu").path
    assert read_image(colours).shape == (1, 3, 40, 50)


def test_a_profile_for_grey_does_not_go_with_colours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    profile = bytearray(128)
    profile[16:20], profile[36:40], profile[:4] = b"GRAY", b"acsp", (128).to_bytes(4, "big")
    photo = tmp_path / "a.png"
    Image.new("L", (48, 40), 100).save(photo, icc_profile=bytes(profile))
    with Image.open(colorize(photo, device="cpu").path) as shown:
        assert shown.mode == "RGB" and "icc_profile" not in shown.info
    assert "the ICC profile (it is for grey pixels" in caplog.text


def test_a_bound_of_other_colours_is_refused(
    tmp_path: Path, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = make_photo(tmp_path / "a.png")
    monkeypatch.setattr("pellucid.app.colorize.sha256", lambda path: "other")
    with pytest.raises(WeightsError, match=r"calibrate_colorize\.py"):
        colorize(photo)
    assert not (tmp_path / "a.colorized.png").exists()
