"""Maps of trust beside results, and results blended with their originals."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from pellucid.app.blend import blend
from pellucid.app.inputs import find_pictures
from pellucid.app.receipt import receipt_path
from pellucid.app.restore import restore
from pellucid.app.trust import MAPS, SUMMARY, trust_folder
from pellucid.degradations.jpeg import jpeg
from pellucid.errors import ConfigurationError, ImageError, MethodError
from pellucid.images.files import read_image, write_image
from pellucid.images.overview import views
from pellucid.methods.base import Restoration
from pellucid.methods.load import Model, load, with_trust
from pellucid.methods.perceiver import load_perceiver
from pellucid.methods.trusted import READ_KNOTS, SEEN, TrustedRestorer, seen_of
from pellucid.networks.error_scales import ErrorScales
from pellucid.trust.error_bound import EVERYTHING, KNOTS, ErrorBound
from pellucid.weights.files import save_weights

MakePhoto = Callable[..., Path]

BOUND = ErrorBound(0.9, {EVERYTHING: (2.0,) * len(KNOTS), "noise": (3.0,) * len(KNOTS)}, {EVERYTHING: 80, "noise": 40})


@pytest.fixture
def trusting(tiny: Model) -> Model:
    """The tiny model with a map from random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ErrorScales(width=8, blocks=1, coarse_width=8)
    return dataclasses.replace(tiny, restorer=TrustedRestorer(tiny.restorer, network, BOUND))


def stored(path: Path) -> torch.Tensor:
    """A map as it is in its file, `(H, W)`, in `[0, 1]`."""
    image = pyvips.Image.new_from_file(str(path))
    assert (image.bands, image.format) == (1, "ushort")
    return torch.from_numpy(np.asarray(image.numpy()).astype(np.float32)).squeeze() / 65535


def test_the_maps_lie_beside_the_result(tmp_path: Path, trusting: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png", size=(37, 51)), tmp_path / "b.png"
    restore(source, target, model=trusting, trust=True)
    wanted = trusting.restore(read_image(source))
    folder = trust_folder(target)
    assert {path.name for path in folder.iterdir()} == {*(f"{name}.png" for name in MAPS), "overlay.png", SUMMARY}
    for name in MAPS:
        assert (stored(folder / f"{name}.png") - wanted.maps[name][0, 0].clamp(0, 1)).abs().max() < 1e-4
    effect = (wanted.image - read_image(source)).abs().mean(dim=1)
    assert torch.allclose(wanted.maps["effect"][:, 0], effect, atol=1e-5)


def test_the_summary_says_what_the_maps_say(tmp_path: Path, trusting: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png", size=(40, 72)), tmp_path / "b.png"
    outcome = restore(source, target, model=trusting, trust=True, receipts=True, tile=64)
    told = json.loads((trust_folder(target) / SUMMARY).read_text())
    restored, maps = trusting.restore(read_image(source)).image, trusting.restore(read_image(source)).maps
    assert told["belief"] == pytest.approx((maps["effect"].mean() / restored.mean()).item(), rel=1e-3)
    assert told["effect"] == pytest.approx(maps["effect"].mean().item(), rel=1e-3)
    assert told["prior"] == pytest.approx(maps["prior"].mean().item(), rel=1e-2)
    assert told["error"] == pytest.approx(maps["error"].mean().item(), rel=1e-2)
    assert f"{100 * told['belief']:.1f} % of this picture rests on the prior" in told["says"]
    assert "9 of 10 values" in told["says"]
    receipt = json.loads(receipt_path(target).read_text())
    assert receipt["trust"] == {
        name: told[name] for name in ("level", "belief", "effect", "prior", "error", "may_be_off", "is_hole")
    }
    assert outcome.files[0].receipt.trust == receipt["trust"]


def test_tiles_agree_with_the_whole(trusting: Model) -> None:
    picture = torch.rand(1, 3, 96, 1400, generator=torch.Generator().manual_seed(1))
    assert trusting.restorer.receptive_radius < 250, "else the picture is no more than a tile"
    whole, tiled = trusting.restore(picture), trusting.restore(picture, tile=280)
    for name in MAPS:
        assert torch.allclose(whole.maps[name], tiled.maps[name], rtol=0.02, atol=2e-4), name


def test_a_further_run_goes_on_and_makes_missing_maps(tmp_path: Path, trusting: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png"), tmp_path / "b.png"
    plain = dataclasses.replace(trusting, restorer=trusting.restorer.inner)  # pyright: ignore
    restore(source, target, model=plain)
    assert not restore(source, target, model=trusting, trust=True).files[0].was_finished
    assert restore(source, target, model=trusting, trust=True).files[0].was_finished
    (trust_folder(target) / "error.png").unlink()
    assert not restore(source, target, model=trusting, trust=True).files[0].was_finished
    assert restore(source, target, model=trusting, trust=True).files[0].was_finished
    inner = trusting.restorer
    assert isinstance(inner, TrustedRestorer)
    recalibrated = TrustedRestorer(inner.inner, inner.network, BOUND, weights_sha256="another")
    again = dataclasses.replace(trusting, restorer=recalibrated)
    assert not restore(source, target, model=again, trust=True).files[0].was_finished


def test_a_run_that_was_killed_while_it_wrote_maps_goes_on(
    tmp_path: Path, trusting: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make_photo(tmp_path / "a.png"), tmp_path / "b.png"

    def killed(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pellucid.app.trust.overlay_png", killed)
        with pytest.raises(KeyboardInterrupt):
            restore(source, target, model=trusting, trust=True)
    assert not target.exists() and (trust_folder(target) / "error.png").exists()
    restore(source, target, model=trusting, trust=True)
    assert json.loads((trust_folder(target) / SUMMARY).read_text())["is_whole"]


def test_an_original_that_was_replaced_is_not_restored_for_its_maps(
    tmp_path: Path, trusting: Model, make_photo: MakePhoto
) -> None:
    path = make_photo(tmp_path / "a.png")
    plain = dataclasses.replace(trusting, restorer=trusting.restorer.inner)  # pyright: ignore
    restore(path, path, model=plain)
    first = path.read_bytes()
    assert restore(path, path, model=trusting, trust=True).files[0].was_finished
    assert restore(path, path, model=plain, belief=0.5).files[0].was_finished
    assert path.read_bytes() == first


def test_maps_of_another_result_do_not_stay(tmp_path: Path, trusting: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png"), tmp_path / "b.png"
    restore(source, target, model=trusting, trust=True)
    plain = dataclasses.replace(trusting, restorer=trusting.restorer.inner)  # pyright: ignore
    restore(source, target, model=plain, belief=0.5)
    assert not trust_folder(target).exists()


def test_maps_are_no_photographs(tmp_path: Path, trusting: Model, make_photo: MakePhoto) -> None:
    photos = tmp_path / "photos"
    restore(make_photo(photos / "a.png"), photos / "b.png", model=trusting, trust=True)
    assert [path.name for path, _ in find_pictures([photos])] == ["a.png", "b.png"]
    assert {path.name for path, _ in find_pictures([str(photos / "**" / "*.png")])} == {"a.png", "b.png"}


@pytest.mark.parametrize("tile", [None, 368])
def test_maps_do_not_change_the_result(trusting: Model, tile: int | None) -> None:
    inner = trusting.restorer
    assert isinstance(inner, TrustedRestorer) and inner.network.size_multiple > inner.size_multiple
    plain = dataclasses.replace(trusting, restorer=inner.inner)
    picture = torch.rand(1, 3, 8 * 51 - 5, 8 * 59 - 3, generator=torch.Generator().manual_seed(6))
    whole, mapped = plain.restore(picture, tile=480), trusting.restore(picture, tile=tile or 480)
    assert (whole.image - mapped.image).abs().max() < 1e-6
    for name, of_whole in trusting.restore(picture, tile=480).maps.items():
        assert (of_whole - mapped.maps[name]).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "grey.png", "alpha.png", "float.tif", "dot.png"])
def test_files_of_every_kind_have_maps(tmp_path: Path, trusting: Model, name: str) -> None:
    source, generator = tmp_path / name, np.random.default_rng(0)
    size = (1, 1) if name == "dot.png" else (33, 47)
    bands = {"grey.png": 1, "alpha.png": 4}.get(name, 3)
    pixels = generator.integers(0, 256, (*size, bands)).astype(np.uint8)
    values = (pixels / 100).astype(np.float32) if name == "float.tif" else pixels
    space = {1: "b-w"}.get(bands, "scrgb" if name == "float.tif" else "srgb")
    pyvips.Image.new_from_array(values, interpretation=space).write_to_file(str(source))
    target = tmp_path / f"out{source.suffix}"
    trust = restore(source, target, model=trusting, trust=True).files[0].receipt.trust
    assert trust is not None and all(np.isfinite(value) for value in trust.values())
    for one in MAPS:
        assert stored(trust_folder(target) / f"{one}.png").numel() == size[0] * size[1]


def test_every_picture_of_a_batch_has_the_bound_of_what_it_was_taken_for(trusting: Model) -> None:
    class Telling:
        size_multiple, tile_grid, receptive_radius, bytes_per_pixel, needs_context = 8, 8, 0, 1.0, False

        def restore(self, image: torch.Tensor, context: torch.Tensor | None = None) -> Restoration:
            return Restoration(image)

        def taken_for(self, context: torch.Tensor | None) -> str:
            assert context is not None
            return "noise" if context[0, 0, 0, 0] else "rain"

    inner = trusting.restorer
    assert isinstance(inner, TrustedRestorer)
    restorer = TrustedRestorer(Telling(), inner.network, BOUND)  # pyright: ignore
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)).expand(2, -1, -1, -1)
    error = restorer.restore(picture, torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)).maps["error"]
    assert torch.allclose(error[0], 1.5 * error[1])  # factors of 3 and 2


def test_files_of_somebody_else_are_not_touched(tmp_path: Path, trusting: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png"), tmp_path / "b.png"
    folder = trust_folder(target)
    folder.mkdir()
    (folder / "prior.png").write_bytes(b"mine")
    with pytest.raises(ImageError, match="Pellucid did not write"):
        restore(source, target, model=trusting, trust=True)
    assert (folder / "prior.png").read_bytes() == b"mine" and not target.exists()


@pytest.mark.judged
def test_a_picture_that_is_kept_rests_on_nothing(tmp_path: Path, trusting: Model, make_photo: MakePhoto) -> None:
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    write_image(source, torch.full((1, 3, 48, 64), 0.5))  # too plain to tell
    outcome = restore(source, target, model=trusting, trust=True)
    assert outcome.files[0].receipt.kept is not None
    assert outcome.files[0].receipt.trust is not None and outcome.files[0].receipt.trust["belief"] == 0
    for name in ("effect", "prior"):
        assert float(stored(trust_folder(target) / f"{name}.png").max()) == 0


def test_belief_lies_between_the_data_and_the_result(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.png", depth=16)
    half, full = tmp_path / "half.png", tmp_path / "full.png"
    restore(source, half, model=tiny, belief=0.5)
    restore(source, full, model=tiny)
    data, result = read_image(source), tiny.restore(read_image(source)).image
    unclamped = tiny.restorer.restore(data).image
    assert (read_image(half) - data.lerp(unclamped, 0.5).clamp(0, 1)).abs().max() < 1e-3
    assert (read_image(full) - result).abs().max() < 1e-4
    assert not restore(source, half, model=tiny).files[0].was_finished, "another belief is another result"
    blended = blend(source, full, tmp_path / "blended.png", belief=0.25)
    assert (read_image(blended) - data.lerp(result, 0.25)).abs().max() < 1e-4
    for belief, wanted in ((0.0, source), (1.0, full)):
        path = blend(source, full, tmp_path / f"{belief}.png", belief=belief)
        assert torch.equal(read_image(path), read_image(wanted))


def test_floats_are_blended_in_the_unit_of_their_files(tmp_path: Path) -> None:
    """What was read is a share of a power of two above the brightest pixel, of each file its own."""
    pictures = np.full((2, 8, 8, 3), 0.5, np.float32)
    pictures[0, 0, 0] = 1.2
    one, other = tmp_path / "a.tif", tmp_path / "b.tif"
    for path, pixels in zip((one, other), pictures, strict=True):
        pyvips.Image.new_from_array(pixels, interpretation="scrgb").write_to_file(str(path))
    blended = pyvips.Image.new_from_file(str(blend(one, other, tmp_path / "c.tif", belief=1.0))).numpy()
    assert np.allclose(blended[1:], 0.5, atol=1e-3)


def test_belief_of_nothing_is_the_original(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.jpg")
    target = restore(source, tmp_path / "b.jpg", model=tiny, belief=0).path
    assert target.read_bytes() == source.read_bytes()


def test_what_cannot_be_blended_is_told(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    one, other = make_photo(tmp_path / "a.png"), make_photo(tmp_path / "b.png", size=(30, 30))
    with pytest.raises(ImageError, match="as large as its original"):
        blend(one, other, tmp_path / "c.png", belief=0.5)
    assert not (tmp_path / "c.png").exists()
    with pytest.raises(ImageError, match="another file"):
        blend(one, other, one, belief=0.5, overwrite=True)
    with pytest.raises(ImageError, match="found one"):
        blend(one, one, other, belief=0.5)
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(ConfigurationError, match="belief"):
            blend(one, one, tmp_path / "c.png", belief=wrong)
        with pytest.raises(ConfigurationError, match="belief"):
            restore(one, tmp_path / "c.png", model=tiny, belief=wrong)
    with pytest.raises(ConfigurationError, match="full result"):
        restore(one, tmp_path / "c.png", model=tiny, belief=0.5, trust=True)


def test_a_map_holds_for_the_model_it_was_made_for(tmp_path: Path, weights: Path, other_weights: Path) -> None:
    model, path = load(weights, "cpu"), tmp_path / "trust.safetensors"
    arguments = {"width": 8, "blocks": 1, "coarse_width": 0}
    told = {"method": "trust-map", "network": {"name": "error-scales", "arguments": arguments}}
    calibrated = {"restorer_sha256": model.weights_sha256, "bound": BOUND.as_json()}
    save_weights(path, ErrorScales(**arguments).state_dict(), told | calibrated)
    assert set(with_trust(model, path).restore(torch.rand(1, 3, 20, 20)).maps) == set(MAPS)
    with pytest.raises(MethodError, match="one model"):
        with_trust(load(other_weights, "cpu"), path)
    save_weights(path, ErrorScales(**arguments).state_dict(), told)
    with pytest.raises(MethodError, match="calibrated"):
        with_trust(model, path)


def test_what_the_perceiver_sees_widens_the_bound_the_same_in_every_tile(
    tmp_path: Path, trusting: Model, make_photo: MakePhoto
) -> None:
    count = 4 * len(SEEN) + 1 + len(READ_KNOTS)
    inner, weights = trusting.restorer, tuple(0.05 * number for number in range(1, count + 1))
    assert isinstance(inner, TrustedRestorer)
    bound = dataclasses.replace(BOUND, weights={EVERYTHING: weights, "noise": weights})
    perceiver = load_perceiver(device="cpu")
    seeing = TrustedRestorer(inner.inner, inner.network, bound, perceiver=perceiver)
    model = dataclasses.replace(trusting, restorer=seeing)
    picture = read_image(make_photo(tmp_path / "a.png", size=(352, 420)))
    seen = seen_of(views(picture), torch.zeros(1, 0), perceiver)
    found = perceiver.perceive(picture).kinds
    assert seen[0, : len(SEEN)].tolist() == pytest.approx([found[name].presence for name in SEEN])
    wider = torch.exp(seen[0] @ torch.tensor(weights))
    assert wider > 1.01
    whole, plain = model.restore(picture), trusting.restore(picture)
    assert torch.equal(whole.image, plain.image)
    assert torch.allclose(whole.maps["error"], (wider * plain.maps["error"]).clamp(max=1), rtol=1e-4)
    assert torch.allclose(model.restore(picture, tile=336).maps["error"], whole.maps["error"], atol=1e-5)
    batch = model.restore(torch.cat([picture, picture.flip(3)]))
    assert torch.allclose(batch.maps["error"][:1], whole.maps["error"], atol=1e-5)
    write_image(tmp_path / "b.png", picture)
    restore(tmp_path / "b.png", tmp_path / "c.png", model=model, trust=True)
    assert (stored(trust_folder(tmp_path / "c.png") / "error.png") - whole.maps["error"][0, 0]).abs().max() < 1e-4


def test_the_quality_of_a_jpeg_is_read_from_its_pixels_for_the_bound() -> None:
    coarse = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    perceiver = load_perceiver(device="cpu")
    read = seen_of(views(jpeg(picture, 10)), torch.zeros(1, 0), perceiver)[0, -1 - len(READ_KNOTS) :]
    severity = (math.log(500) - math.log(5)) / (math.log(450) - math.log(5))  # of quality 10, whose loss is 500
    assert read.tolist() == pytest.approx([1, *(severity - knot for knot in READ_KNOTS)], abs=1e-5)
    never = seen_of(views(picture), torch.zeros(1, 0), perceiver)[0, -1 - len(READ_KNOTS) :]
    assert not never.any()
