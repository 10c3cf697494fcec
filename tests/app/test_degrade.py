"""The verb `degrade`: what is typed, what is written, and what is written down about it."""

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image, ImageCms
from torch import Generator, Tensor

from pellucid.app import degrade as degrade_module
from pellucid.app.degradation_record import RECORD, DegradationRecord
from pellucid.app.degradation_text import parse_chain, split_words
from pellucid.app.degrade import degrade
from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.contract import apply
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.noise import GaussianNoise
from pellucid.degradations.presets import PRESETS
from pellucid.degradations.text import QUANTITIES
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.files import read_image, read_picture, write_image
from pellucid.version import __version__


def picture(seed: int, height: int = 24, width: int = 31) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 216, (4, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    Image.fromarray(picture(0)).save(folder / "a.png")
    Image.fromarray(picture(1)).save(folder / "trip" / "b.png")
    Image.fromarray(picture(2)).save(folder / "trip" / "c.jpg", quality=95)
    return folder


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        assert opened.mode == "RGB"
        return np.asarray(opened).astype(int)


def record_of(folder: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (folder / RECORD).read_text().splitlines()]
    return {line["file"]: line for line in lines}


def as_image(array: np.ndarray) -> Tensor:
    return torch.tensor(array).permute(2, 0, 1)[None].float() / 255


def test_a_folder_is_mirrored_and_every_picture_is_written_down(photos: Path, tmp_path: Path) -> None:
    told = []
    outcome = degrade(
        [photos],
        tmp_path / "out",
        what=["gaussian-noise:sigma=25", "jpeg:quality=30,subsampled=false"],
        progress=lambda *news: told.append(news),
    )
    names = ["a.png", "trip/b.png", "trip/c.png"]
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")) == sorted(
        [*names, RECORD]
    )
    assert outcome.failed == () and [news[:2] for news in told] == [(1, 3), (2, 3), (3, 3)]
    lines = record_of(tmp_path / "out")
    assert list(lines) == names
    for line in lines.values():
        noise, compression = line["chain"]
        assert noise["name"] == "gaussian-noise" and noise["parameters"]["sigma"] == pytest.approx(25 / 255)
        assert compression == {"name": "jpeg", "parameters": {"quality": 30.0, "subsampled": False}}
        assert line["seed"] == 0 and line["version"] == __version__
        assert line["what"] == ["gaussian-noise:sigma=25", "jpeg:quality=30,subsampled=false"]


def test_the_record_is_enough_to_do_it_again(photos: Path, tmp_path: Path) -> None:
    degrade([photos / "a.png"], tmp_path / "out", what=["rain", "sensor-noise", "mask:share=0.1"], seed=4)
    line = record_of(tmp_path / "out")["a.png"]
    generator = Generator().manual_seed(line["picture_seed"])
    image = as_image(picture(0))
    for step in line["chain"]:
        image = apply(image, [DEGRADATIONS[step["name"]](**step["parameters"])], generator)
    again = (image.clamp(0, 1) * 255).round()[0].permute(1, 2, 0).int().numpy()
    assert np.array_equal(again, pixels(tmp_path / "out" / "a.png"))


def test_typed_noise_is_in_8_bit_levels(photos: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat.png"
    Image.fromarray(np.full((150, 150, 3), 128, np.uint8)).save(flat)
    degrade([flat], tmp_path / "noisy.png", what=["gaussian-noise:sigma=20"])
    # Three thousandths is one standard deviation of this estimate; rounding adds a twelfth of a squared level.
    assert pixels(tmp_path / "noisy.png").std() == pytest.approx(math.sqrt(400 + 1 / 12), rel=0.012)


def test_a_picture_depends_on_its_name_and_the_seed_alone(photos: Path, tmp_path: Path) -> None:
    def run(name: str, inputs: list[Path], seed: int = 0) -> Path:
        degrade(inputs, tmp_path / name, what=["several"], seed=seed)
        return tmp_path / name

    whole = run("one", [photos])
    again = run("two", [photos])
    other = run("three", [photos], seed=1)
    (photos / "trip" / "c.jpg").unlink()
    fewer = run("four", [photos])
    for name in ("a.png", "trip/b.png"):
        assert (whole / name).read_bytes() == (again / name).read_bytes() == (fewer / name).read_bytes()
        assert (whole / name).read_bytes() != (other / name).read_bytes()
    chains = [line["chain"] for line in record_of(whole).values()]
    assert chains[0] != chains[1] != chains[2]


def test_the_format_of_the_input_may_be_kept(photos: Path, tmp_path: Path) -> None:
    degrade([photos], tmp_path / "out", what=["grayscale"], keep_format=True)
    with Image.open(tmp_path / "out" / "trip" / "c.jpg") as opened:
        assert opened.format == "JPEG"
    with Image.open(tmp_path / "out" / "trip" / "b.png") as opened:
        assert opened.format == "PNG"


def test_a_file_goes_to_the_file_named(photos: Path, tmp_path: Path) -> None:
    outcome = degrade([photos / "a.png"], tmp_path / "new" / "x.webp", what=["jpeg:quality=50"])
    assert [written.target for written in outcome.written] == [tmp_path / "new" / "x.webp"]
    assert outcome.record == tmp_path / "new" / RECORD
    assert list(record_of(tmp_path / "new")) == ["x.webp"]


def test_broken_pictures_are_set_aside_and_the_rest_is_done(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.png").write_bytes((photos / "a.png").read_bytes()[:200])
    outcome = degrade([photos], tmp_path / "out", what=["jpeg"])
    assert [path.name for path, _ in outcome.failed] == ["broken.png"]
    assert len(outcome.written) == 3 and "broken.png" not in record_of(tmp_path / "out")
    with pytest.raises(ImageError):
        degrade([photos / "broken.png"], tmp_path / "out", what=["jpeg"])


def test_a_second_call_keeps_the_lines_of_the_first(photos: Path, tmp_path: Path) -> None:
    degrade([photos], tmp_path / "out", what=["jpeg:quality=20"])
    degrade([photos / "a.png"], tmp_path / "out", what=["haze:beta=1"])
    lines = record_of(tmp_path / "out")
    assert [line["chain"][0]["name"] for line in lines.values()] == ["haze", "jpeg", "jpeg"]
    (tmp_path / "out" / RECORD).write_text("notes of mine\n")
    with pytest.raises(ConfigurationError, match="as `pellucid degrade` wrote it"):
        degrade([photos], tmp_path / "out", what=["jpeg"])


def test_originals_are_never_replaced(photos: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*.*")}
    for inputs, output in (([photos], photos), ([photos / "a.png"], photos / "a.png"), ([photos / "a.png"], photos)):
        with pytest.raises(ConfigurationError):
            degrade(inputs, output, what=["jpeg"])
    assert {path: path.read_bytes() for path in before} == before


def test_pictures_of_one_stem_do_not_stop_the_others(photos: Path, tmp_path: Path) -> None:
    degrade([photos], tmp_path / "alone", what=["several"])
    Image.fromarray(picture(0)).save(photos / "a.bmp")
    degrade([photos], tmp_path / "out", what=["several"])
    assert list(record_of(tmp_path / "out")) == ["a.bmp.png", "a.png", "trip/b.png", "trip/c.png"]
    assert (tmp_path / "out" / "a.png").read_bytes() == (tmp_path / "alone" / "a.png").read_bytes()
    # Its name without suffix decides what is drawn, wherever the result goes.
    assert (tmp_path / "out" / "a.bmp.png").read_bytes() == (tmp_path / "out" / "a.png").read_bytes()


def test_files_of_somebody_else_are_not_replaced(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "trip").mkdir(parents=True)
    (out / "trip" / "b.png").write_bytes(b"precious")
    for _ in range(2):  # that it was refused once must not make it ours
        outcome = degrade([photos], out, what=["jpeg"])
        assert [(path.name, "did not write" in reason) for path, reason in outcome.failed] == [("b.png", True)]
        assert (out / "trip" / "b.png").read_bytes() == b"precious"
    with pytest.raises(ImageError, match="did not write"):
        degrade([photos / "a.png"], out / "trip" / "b.png", what=["jpeg"])
    assert (out / "trip" / "b.png").read_bytes() == b"precious"
    degrade([photos], out, what=["jpeg"], overwrite=True)
    assert pixels(out / "trip" / "b.png").shape == (24, 31, 3)


def test_every_picture_has_its_line_before_it_is_there(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, image: Tensor, profile: bytes | None) -> None:
        write_image(path, image, profile=profile)
        if path.name == "b.png":
            raise SystemExit  # as near to kill -9 as one process gets: nothing is tidied up

    monkeypatch.setattr(degrade_module, "write_image", killed)
    monkeypatch.setattr(DegradationRecord, "tidy", lambda _: None)
    out = tmp_path / "out"
    for _ in range(2):
        with pytest.raises(SystemExit):
            degrade([photos], out, what=["jpeg:quality=20"])
    assert list(record_of(out)) == ["a.png", "trip/b.png"]
    with (out / RECORD).open("a") as file:
        file.write('{"file": "trip/c.pn')
    monkeypatch.undo()
    degrade([photos], out, what=["jpeg:quality=20"])
    degrade([photos], tmp_path / "through", what=["jpeg:quality=20"])
    assert (out / RECORD).read_text() == (tmp_path / "through" / RECORD).read_text()


def test_a_picture_that_could_not_be_written_keeps_its_earlier_line(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    degrade([photos / "a.png"], tmp_path / "out", what=["jpeg:quality=20"])
    before = (tmp_path / "out" / RECORD).read_text()

    def full(path: Path, image: Tensor, profile: bytes | None) -> None:
        raise ImageError("Expected room.")

    monkeypatch.setattr(degrade_module, "write_image", full)
    outcome = degrade([photos], tmp_path / "out", what=["haze"])
    assert len(outcome.failed) == 3
    assert (tmp_path / "out" / RECORD).read_text() == before


def test_what_a_plain_picture_cannot_hold_is_named(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGBA", (16, 16), (200, 100, 50, 128)).save(photos / "d.png")
    exif = Image.Exif()
    exif[0x010F] = "camera"
    Image.fromarray(picture(5)).save(photos / "e.png", exif=exif)
    degrade([photos], tmp_path / "out", what=["jpeg"])
    assert caplog.messages == ["Not kept, and of how many pictures: EXIF (1), opacity (1)."]


def test_a_little_light_above_white_does_not_halve_a_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond white means above 1 in floats: the rest of the picture must stay as bright as it is."""
    image = torch.rand(1, 3, 40, 50, generator=Generator().manual_seed(0))
    image[0, 0, 0, 0] = 1.004
    samples = image[0].permute(1, 2, 0).contiguous().numpy()
    pyvips.Image.new_from_array(samples, interpretation="scrgb").write_to_file(str(tmp_path / "over.tif"))
    degrade([tmp_path / "over.tif"], tmp_path / "out.png", what=["jpeg:quality=95"])
    assert read_image(tmp_path / "out.png").mean() == pytest.approx(image.mean().item(), abs=0.01)
    assert "light above white (1)" in caplog.text


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_the_profile_of_the_colours_is_kept(
    photos: Path, tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture(5)).save(photos / "e.png", icc_profile=profile)
    degrade([photos / "e.png"], tmp_path / f"with{suffix}", what=["grayscale"])
    Image.fromarray(picture(5)).save(photos / "e.png")
    degrade([photos / "e.png"], tmp_path / f"without{suffix}", what=["grayscale"])
    assert read_picture(tmp_path / f"with{suffix}").profile == profile
    assert torch.equal(read_image(tmp_path / f"with{suffix}"), read_image(tmp_path / f"without{suffix}"))
    assert caplog.messages == []


def test_parameters_that_are_not_typed_are_defaults_or_drawn() -> None:
    draw = parse_chain(["haze:beta=1.5"])
    chains = [draw(Generator().manual_seed(seed)) for seed in range(5)]
    assert {chain[0].beta for chain in chains} == {1.5}
    assert {chain[0].tint for chain in chains} == {0.0}
    assert len({chain[0].airlight for chain in chains}) == 5


def test_severity_rules_what_is_drawn() -> None:
    (noise,) = parse_chain(["gaussian-noise"], 1.0)(Generator())
    assert noise.sigma == 55 / 255
    (rain,) = parse_chain(["rain-heavy"])(Generator())
    assert rain.layers >= 2


def test_angles_are_typed_in_degrees_and_shapes_by_name() -> None:
    motion, mask = parse_chain(["motion-blur:length=9,angle=90", "mask:share=0.2,shape=free-form"])(Generator())
    assert motion.angle == pytest.approx(math.pi / 2)
    assert mask.shape == "free-form"
    (sensor,) = parse_chain(["sensor-noise:gain=0.01,read-noise=5.1"])(Generator())
    assert sensor.read_noise == pytest.approx(0.02)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_field_that_is_a_number_has_its_quantity(name: str) -> None:
    types = get_type_hints(DEGRADATIONS[name])
    numbers = {field.name for field in fields(DEGRADATIONS[name]) if types[field.name] in (int, float)}  # pyright: ignore[reportArgumentType] - a protocol, but a dataclass
    assert set(QUANTITIES[name]) == numbers


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_number_of_every_degradation_can_be_typed(name: str) -> None:
    assert set(QUANTITIES) == set(DEGRADATIONS)
    for severity in (0.0, 1.0):
        drawn = DEGRADATIONS[name].draw(severity, Generator().manual_seed(1))
        typed = []
        for key, value in vars(drawn).items():
            if isinstance(value, (bool, str)):
                typed.append(f"{key}={str(value).lower()}")
            else:
                quantity = QUANTITIES[name][key]
                assert quantity.low <= value / quantity.scale <= quantity.high
                typed.append(f"{key}={value if isinstance(value, int) else value / quantity.scale!r}")
        (parsed,) = parse_chain([f"{name}:{','.join(typed)}"])(Generator())
        for key, value in vars(drawn).items():
            assert getattr(parsed, key) == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    ("what", "severity", "words"),
    [
        ([], None, "at least one degradation"),
        (["fog"], None, "got 'fog': choose from gaussian-noise"),
        (["jpeg:speed=3"], None, "keys are quality, subsampled"),
        (["jpeg:quality"], None, "KEY=VALUE"),
        (["jpeg:quality=20,quality=30"], None, "each key once"),
        (["jpeg:quality=0"], None, "from 1 to 100"),
        (["jpeg:quality=nan"], None, "from 1 to 100"),
        (["jpeg:quality=high"], None, "a number"),
        (["jpeg:quality=20,subsampled=maybe"], None, "true, false"),
        (["rain:layers=1.5"], None, "a whole number"),
        (["gaussian-blur:sigma=2,kernel_size=20"], None, "an odd number of pixels"),
        (["gaussian-blur:sigma=2,kernel_size=203"], None, "a whole number from 0 to 201 pixels"),
        (["gaussian-noise:sigma=-1"], None, "8-bit levels"),
        (["mask:share=0.1,shape=star"], None, "centre, rectangles, free-form"),
        (["jpeg"], 1.5, "severity from 0 to 1"),
        (["severe"], 0.5, "its strengths are its own"),
        (["five-task:sigma=3"], None, "its strengths are its own"),
    ],
)
def test_what_is_typed_wrongly_is_named(what: list[str], severity: float | None, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parse_chain(what, severity)


def test_words_are_told_apart() -> None:
    inputs, what = split_words(["photos", "gaussian-noise:sigma=25", "./rain", "severe", "a.png"])
    assert inputs == ("photos", "./rain", "a.png")
    assert what == ("gaussian-noise:sigma=25", "severe")


def test_names_of_presets_and_degradations_do_not_collide() -> None:
    assert not set(PRESETS) & set(DEGRADATIONS)


def test_parsed_chain_is_the_one_typed() -> None:
    chain = parse_chain(["jpeg:quality=30", "gaussian-noise:sigma=51"])(Generator())
    assert chain == (Jpeg(30.0), GaussianNoise(0.2))
