"""The generator of house numbers: against torch's layers and batch normalisation, its split, and what ships."""

import runpy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import ConfigurationError
from pellucid.networks.dcgan import DCGAN, LAYERS, folded, house_numbers
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into

SCRIPT = Path(__file__).parents[2] / "scripts" / "convert_dcgan.py"


def codes(count: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(count, DCGAN.latent_size, generator=torch.Generator().manual_seed(seed))


def unfolded() -> tuple[nn.Sequential, dict[str, Tensor]]:
    """The layers as the original has them, with normalisation, and their arrays by the names that are converted."""
    random = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(100, 4096, bias=False), nn.BatchNorm1d(4096), nn.ReLU()]
    layers.append(nn.Unflatten(1, (256, 4, 4)))
    for inputs, outputs in ((256, 128), (128, 64), (64, 3)):
        layers.append(nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if outputs != 3 else [nn.Tanh()]
    arrays: dict[str, Tensor] = {}
    weights = iter(("fc", "deconv1", "deconv2", "deconv3"))
    norms = iter(range(3))
    for layer in layers:
        if isinstance(layer, (nn.Linear, nn.ConvTranspose2d)):
            arrays[f"{next(weights)}.weight"] = layer.weight.data
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.eps = 1e-8
            number = next(norms)
            for name, part in zip(
                ("weight", "bias", "mean", "var"),
                (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var),
                strict=True,
            ):
                assert part is not None
                part.copy_(torch.rand(part.shape, generator=random) + 0.1)
                arrays[f"bn{number}.{name}"] = part
    return nn.Sequential(*layers).eval(), arrays


@pytest.mark.skipif(not SCRIPT.is_file(), reason="the script is in the repository, not in the installed package")
@torch.random.fork_rng(devices=[])
def test_the_converted_network_is_the_original_s_sequence_of_layers() -> None:
    torch.manual_seed(0)
    original, arrays = unfolded()
    ours = DCGAN()
    load_into(ours, runpy.run_path(str(SCRIPT))["converted"](arrays), "arrays")
    with torch.no_grad():
        torch.testing.assert_close(ours(codes()), (original(codes()) + 1) / 2, atol=1e-5, rtol=1e-4)


@torch.random.fork_rng(devices=[])
def test_folding_is_batch_normalisation_on_whichever_axis_counts_outputs() -> None:
    torch.manual_seed(0)
    layer, norm = nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5)
    parts = (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var)
    for part in parts:
        assert part is not None
        part.copy_(torch.rand(5) + 0.1)
    image = torch.rand(2, 3, 8, 8)
    weight, bias = folded(layer.weight, *parts, outputs=0, epsilon=norm.eps)  # type: ignore[arg-type]
    torch.testing.assert_close(nn.functional.conv2d(image, weight, bias), norm.eval()(layer(image)))


def test_what_ships_is_frozen_small_and_makes_pictures_that_differ() -> None:
    generator = house_numbers()
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    assert bundled_file("svhn-dcgan.safetensors").stat().st_size < 3_000_000
    assert "MIT" in bundled_file("svhn-dcgan.md").read_text(encoding="utf-8")
    images = generator(codes(64))
    assert images.shape == (64, 3, 32, 32)
    assert images.min() >= 0 and images.max() <= 1
    assert images.std(dim=0).mean() > 0.1, "not all one picture"
    # Neighbours are alike, as in photographs; of independent pixels the ratio is 2.
    steps = (images[..., 1:] - images[..., :-1]).square().mean()
    assert steps < 0.25 * images.var(dim=(2, 3)).mean()


@pytest.mark.parametrize("layer", range(3))
def test_both_halves_are_the_whole(layer: int) -> None:
    generator = house_numbers()
    features = generator.before(codes(), layer)
    assert tuple(features.shape) == (4, LAYERS[layer][0], LAYERS[layer][1], LAYERS[layer][1])
    torch.testing.assert_close(generator.after(features, layer), generator(codes()))


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 to 2, got 3"):
        DCGAN().before(codes(), 3)
    with pytest.raises(ConfigurationError, match="got -1"):
        DCGAN().after(torch.zeros(1, 256, 4, 4), -1)
