"""Networks through their weights files, and what the catalog and the files refuse."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from pellucid.errors import MethodError, WeightsError
from pellucid.methods.load import load
from pellucid.networks.catalog import NETWORKS, build_network
from pellucid.weights.files import load_into, load_weights, save_weights, sha256

JUDGES = {"degradation-classifier", "degradation-perceiver", "error-scales"}
"""Networks that restore nothing."""

SMALL = {
    "residual-unet": {"widths": [4, 6], "blocks": [1, 1]},
    "ffdnet": {"width": 6, "depth": 3},
    "nafnet": {"width": 4, "encoder_blocks": [1], "middle_blocks": 1, "decoder_blocks": [1]},
    "tone-map": {"width": 4},
    "identity": {},
    "colorizer": {"width": 4},
    "deraining-generator": {"width": 4, "blocks": 1, "normalised": False, "skip": True},
    "rrdb": {"width": 4, "growth": 2, "blocks": 1},
    "perceive-ir": {"width": 8, "blocks": [1, 1, 1, 1], "refinement": 1, "code_width": 8},
    "residual-stack": {"width": 4, "blocks": 2, "coarse_width": 4, "coarse_blocks": 1},
    "degradation-classifier": {"domains": ["clean", "rain"], "width": 4},
    "degradation-perceiver": {"kinds": ["noise", "rain"], "width": 4},
    "error-scales": {"width": 4, "blocks": 1, "coarse_width": 4},
    "all-in-one": {
        "tone": {"width": 4},
        "generalist": {"name": "residual-unet", "arguments": {"widths": [4, 6], "blocks": [1, 1]}},
        "specialists": {"rain": {"name": "residual-stack", "arguments": {"width": 4, "blocks": 1}}},
        "chooser": {"domains": ["clean", "rain"], "width": 4},
        "serves": {"rain": "rain"},
    },
}


def built(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(name, SMALL[name])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_come_back_as_they_were_and_build_their_network(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    network = built(name)
    description = {"method": "supervised", "network": {"name": name, "arguments": SMALL[name]}, "note": "Größe"}
    save_weights(tmp_path / "w.safetensors", network.state_dict(), description, dtype)
    tensors, read = load_weights(tmp_path / "w.safetensors")
    assert read == description
    again = build_network(read["network"]["name"], read["network"]["arguments"])
    load_into(again, tensors, "w.safetensors")
    for key, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], value.to(dtype).float())
    images = [torch.rand(1, 3, 16, 16) for _ in range(2 if name == "error-scales" else 1)]
    with torch.no_grad():
        # float16 keeps 11 bits of each weight.
        assert torch.allclose(again(*images), network(*images), atol=0 if dtype == torch.float32 else 2e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]  # nothing half-written is left


def test_another_width_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    network = built("ffdnet")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    wider = build_network("ffdnet", {"width": 8, "depth": 3})
    with pytest.raises(WeightsError, match=r"fit FFDNet, but w differs in 3 tensors, first 'layers.0.weight'"):
        load_into(network, wider.state_dict(), "w")
    deeper = build_network("ffdnet", {"width": 6, "depth": 4})
    with pytest.raises(WeightsError, match="fit FFDNet"):
        load_into(network, deeper.state_dict(), "w")
    fewer = dict(list(network.state_dict().items())[1:])
    with pytest.raises(WeightsError, match="1 tensors"):
        load_into(network, fewer, "w")
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="found none"):
        load_weights(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "pickle.safetensors")  # runs code when it is loaded as it asks
    save_file({"weight": torch.zeros(2)}, tmp_path / "bare.safetensors")
    for name in ("text", "pickle", "bare"):
        with pytest.raises(WeightsError, match="written by Pellucid"):
            load_weights(tmp_path / f"{name}.safetensors")
    save_weights(tmp_path / "cut.safetensors", built("ffdnet").state_dict(), {"method": "supervised"})
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-100])
    with pytest.raises(WeightsError, match="written by Pellucid"):
        load_weights(tmp_path / "cut.safetensors")


def test_the_file_is_plain_safetensors_and_the_same_each_time(tmp_path: Path) -> None:
    network, description = built("ffdnet"), {"b": 1, "a": [1, 2]}
    for name in ("one", "two"):
        save_weights(tmp_path / name, network.state_dict(), description)
    assert sha256(tmp_path / "one") == sha256(tmp_path / "two")
    with safe_open(tmp_path / "one", framework="pt") as file:
        assert set(file.keys()) == set(network.state_dict())
        assert json.loads(file.metadata()["pellucid"]) == description
        assert file.get_tensor("layers.0.weight").dtype == torch.float16


def test_unknown_networks_and_arguments_are_refused() -> None:
    with pytest.raises(MethodError, match=r"residual-unet, residual-stack, .*, got 'unet'"):
        build_network("unet", {})
    with pytest.raises(MethodError, match="arguments that ffdnet knows"):
        build_network("ffdnet", {"widths": (3,)})


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - JUDGES - {"rrdb", "colorizer"}))
def test_half_precision_weights_keep_the_picture_in_its_own(name: str) -> None:
    network = built(name).bfloat16()
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        restored = network(image)
        residual = restored - image
    assert restored.dtype == torch.float32
    # Were the picture itself rounded to bf16, bright pixels would move by 1/512 where the network does nothing.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        assert torch.equal(network(image), image)
    assert residual.abs().max() > 0 or name in ("tone-map", "identity")  # the former starts as the latter


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - JUDGES))
def test_every_weights_file_is_a_model(name: str, tmp_path: Path) -> None:
    network = built(name)
    description = {"method": "supervised", "network": {"name": name, "arguments": SMALL[name]}}
    save_weights(tmp_path / "w.safetensors", network.state_dict(), description)
    model, image = load(tmp_path / "w.safetensors", "cpu"), torch.rand(2, 3, 150, 70)
    assert model.restore(image).image.shape == model.restore(image, tile=120).image.shape == image.shape


def test_what_does_not_restore_is_refused_as_a_model(tmp_path: Path) -> None:
    name = "degradation-classifier"
    description = {"method": "supervised", "network": {"name": name, "arguments": SMALL[name]}}
    save_weights(tmp_path / "w.safetensors", built(name).state_dict(), description)
    with pytest.raises(MethodError, match="a network that restores, got those of degradation-classifier"):
        load(tmp_path / "w.safetensors", "cpu")
