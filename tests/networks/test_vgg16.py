"""VGG-16's features: the layers, against torch's own modules, and what pictures they tell apart."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import WeightsError
from pellucid.networks.vgg16 import VGG16
from pellucid.weights.bundled import bundled_file


def picture() -> Tensor:
    return torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))


def test_it_is_torchvision_s_sequence_of_layers() -> None:
    """Configuration D written down once more; activations after places 3, 8, 11 and 15."""
    layers: list[nn.Module] = []
    channels = 3
    for block in ((64, 64), (128, 128), (256, 256, 256)):
        for width in block:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    features = nn.Sequential(*layers)
    stored = load_file(bundled_file("vgg16-blocks.safetensors"))
    features.load_state_dict({key.removeprefix("features."): value.float() for key, value in stored.items()})
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    x, expected = (picture() - mean) / deviation, []
    for place, layer in enumerate(features):
        x = layer(x)
        if place in (3, 8, 11, 15):
            expected.append(x)
    for ours, theirs in zip(VGG16()(picture()), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_pictures_that_look_more_alike_are_nearer() -> None:
    network = VGG16()
    smooth = F.interpolate(picture(), (64, 64), mode="bicubic").clamp(0, 1)
    noise = torch.randn(smooth.shape, generator=torch.Generator().manual_seed(1))
    near = [network(smooth + amount * noise) for amount in (0.0, 0.02, 0.1, 0.3)]
    distances = [F.l1_loss(one[3], near[0][3]).item() for one in near]
    assert all(one < other for one, other in pairwise(distances))
    assert F.l1_loss(near[1][3], near[0][3]) < F.l1_loss(network(smooth.flip(-1))[3], near[0][3])


def test_gradients_flow_to_the_picture_alone_and_in_float32() -> None:
    network = VGG16()
    image = picture().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = network(image)
    assert {one.dtype for one in found} == {torch.float32}
    found[-1].mean().backward()
    assert image.grad is not None and image.grad.any()
    assert not list(network.parameters()) and not network.state_dict()


def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="found none"):
        VGG16(tmp_path / "nothing.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"features.0.weight of shape \(64, 3, 3, 3\)"):
        VGG16(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(WeightsError, match="something else"):
        VGG16(tmp_path / "text.pth")
