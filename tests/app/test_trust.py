"""Maps of trust beside results, and results blended with their originals."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from pellucid.app.blend import blend
from pellucid.app.receipt import receipt_path
from pellucid.app.restore import restore
from pellucid.app.trust import MAPS, SUMMARY, trust_folder
from pellucid.errors import ConfigurationError, ImageError, MethodError
from pellucid.images.files import read_image, write_image
from pellucid.methods.load import Model, load, with_trust
from pellucid.methods.trusted import TrustedRestorer
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
    assert told["prior"] == pytest.approx(maps["prior"].mean().item(), rel=1e-2)
    assert told["error"] == pytest.approx(maps["error"].mean().item(), rel=1e-2)
    assert f"{100 * told['belief']:.1f} % of this picture rests on the prior" in told["says"]
    assert "9 of 10 values" in told["says"]
    receipt = json.loads(receipt_path(target).read_text())
    assert receipt["trust"] == {name: told[name] for name in ("level", "belief", "prior", "error", "may_be_off")}
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
    (trust_folder(target) / SUMMARY).unlink()
    for name in (*MAPS, "overlay"):
        (trust_folder(target) / f"{name}.png").unlink()
    assert not restore(source, target, model=trusting, trust=True).files[0].was_finished


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
    assert float(stored(trust_folder(target) / "effect.png").max()) == 0


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
