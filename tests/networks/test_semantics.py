"""Frozen encoders: MobileNetV2 against its paper's table, DINOv2 against the library that has it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.errors import MethodError, WeightsError
from pellucid.images.overview import Views
from pellucid.methods.perceiver import load_perceiver
from pellucid.networks.degradation_perceiver import frozen_perceiver
from pellucid.networks.mobilenet_v2 import MobileNetV2
from pellucid.networks.semantics import Dinov2, NoSemantics, Perceived, PooledMobileNet, build_semantics, resized
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into, save_weights

TABLE = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
"""Expansion, channels, repeats and stride of MobileNetV2's bottlenecks: Sandler et al., Table 2."""


def picture(side: int = 224) -> Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def by_the_table(network: MobileNetV2, image: Tensor) -> dict[int, Tensor]:
    """The last features of every width, built from the paper's table; activations that are cut at 6, not at less."""
    numbers = iter(range(100))

    def convolution(x: Tensor, stride: int = 1, groups: int = 1, is_linear: bool = False) -> Tensor:
        number = next(numbers)
        weight, bias = network.get_buffer(f"weight_{number}"), network.get_buffer(f"bias_{number}")
        if weight.shape[-1] == 3:  # TensorFlow pads an even length below and right alone where the stride is 2
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        x = F.conv2d(x, weight, bias, stride, groups=groups)
        return x if is_linear else F.relu6(x)

    x = convolution(image * 255 / 128 - 1, stride=2)
    found = {}
    for expansion, channels, repeats, first_stride in TABLE:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            wide = convolution(x) if expansion > 1 else x
            wide = convolution(wide, stride, groups=wide.shape[1])
            made = convolution(wide, is_linear=True)
            x = x + made if repeat else made
        found[channels] = x
    return found


def test_mobilenet_is_its_paper_s_table() -> None:
    network = MobileNetV2(bundled_file("mobilenet-v2.npz"))
    expected = by_the_table(network, picture())
    for features in network(picture()):
        theirs = expected[features.shape[1]]
        assert features.shape == theirs.shape
        # the quantised graph cuts what is far out of range, and 5.99976 is its 6
        assert (features - theirs).abs().median() < 1e-3 * theirs.std()


def test_mobilenet_looks_at_the_size_that_it_is_told() -> None:
    small = PooledMobileNet(side=96)
    shrunk = F.interpolate(picture(), (96, 96), mode="bicubic", antialias=True).clamp(0, 1)
    for seen, expected in zip(small(picture()), PooledMobileNet().pooled(shrunk), strict=True):
        torch.testing.assert_close(seen, expected)


def test_mobilenet_tells_pictures_apart_and_is_frozen() -> None:
    encoder = PooledMobileNet()
    noisy, smooth = picture(100), F.avg_pool2d(picture(500), 5)
    vectors = encoder(noisy)
    assert [tuple(vector.shape) for vector in vectors] == [(2, width) for width in encoder.widths]
    assert all(torch.allclose(vector.mean(dim=1), torch.zeros(2), atol=1e-5) for vector in vectors)
    assert any(F.cosine_similarity(a, b).max() < 0.9 for a, b in zip(vectors, encoder(smooth), strict=True))
    assert not list(encoder.parameters())
    assert not encoder.state_dict()


def test_shuffled_vectors_are_those_of_another_picture_in_training_alone() -> None:
    encoder, plain = PooledMobileNet(is_shuffled=True), PooledMobileNet()
    encoder.train()
    for ours, theirs in zip(encoder(picture(64)), plain(picture(64)), strict=True):
        torch.testing.assert_close(ours, theirs.flip(0))  # of two pictures each has the other one's
    encoder.eval()
    for ours, theirs in zip(encoder(picture(64)), plain(picture(64)), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_dinov2_gives_the_class_tokens_of_its_blocks(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 12, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    model = transformers.Dinov2Model(transformers.Dinov2Config(**sizes)).eval()
    model.save_pretrained(tmp_path)
    encoder = Dinov2(str(tmp_path), layers=(1, 2, 3, 4))
    image = picture(64)
    vectors = encoder(image)
    assert encoder.widths == (12,) * 4
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    outputs: list[Tensor] = []
    for layer in model.encoder.layer:
        layer.register_forward_hook(lambda _, __, out: outputs.append(out[0] if isinstance(out, tuple) else out))
    model(pixel_values=(resized(image) - mean) / deviation)
    for vector, output in zip(vectors, outputs, strict=True):
        assert torch.allclose(vector, output[:, 0], atol=1e-5)
    assert not encoder.state_dict()
    with pytest.raises(MethodError, match="layers up to 4"):
        Dinov2(str(tmp_path))


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(WeightsError, match="DINOv2 model at"):
        Dinov2(str(tmp_path / "nothing"))
    with pytest.raises(MethodError, match="arguments that semantics none knows"):
        build_semantics("none", {"layers": 3})


def test_no_semantics_are_zeros() -> None:
    vectors = NoSemantics((3, 4))(picture(8))
    assert [tuple(vector.shape) for vector in vectors] == [(2, 3), (2, 4)]
    assert not any(vector.any() for vector in vectors)


def test_resizing_keeps_the_range_and_what_has_the_size() -> None:
    assert torch.allclose(resized(picture()), picture(), atol=1e-6)
    steps = (torch.arange(50) % 2.0).expand(1, 3, 50, 50)
    assert resized(steps).min() >= 0
    assert resized(steps).max() <= 1


def test_parts_are_seen_as_a_patch_of_training_is() -> None:
    """A whole patch is its own part; of larger details the middle counts, and of several the mean."""
    plain, in_parts = PooledMobileNet(side=64), build_semantics("mobilenet-v2", {"side": 64, "cut": 80})
    patch = picture(80)
    for seen, expected in zip(in_parts(patch[:, None]), plain(patch), strict=True):
        torch.testing.assert_close(seen, expected)
    details = torch.rand(2, 3, 3, 128, 120, generator=torch.Generator().manual_seed(1))
    for level, seen in enumerate(in_parts(details)):
        expected = sum(plain(detail[..., 24:104, 20:100])[level] for detail in details.unbind(1)) / 3
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=1e-4)
    small = torch.rand(1, 1, 3, 40, 100)
    torch.testing.assert_close(in_parts(small)[0], plain(small[0, :, :, :, 10:90])[0])


def test_what_is_perceived_is_what_the_perceiver_says() -> None:
    """The last numbers are those that `pellucid perceive` shows of each detail, before a picture is concluded from."""
    encoder = Perceived()
    details = torch.rand(2, 3, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    details[0] = (0.5 + 0.05 * (details[0] - 0.5)).round(decimals=1)
    with torch.no_grad():
        sight = load_perceiver(device="cpu").network(Views(details[:, 0], details, (128, 384)))
    vectors = encoder(details)
    assert [tuple(vector.shape) for vector in vectors] == [(2, width) for width in encoder.widths]
    said = torch.stack([sight.detail_presence, sight.detail_severity], dim=-1).mean(dim=1).flatten(1)
    torch.testing.assert_close(vectors[0][:, -said.shape[1] :], said, atol=1e-5, rtol=0)
    assert (vectors[0][0] - vectors[0][1]).abs().max() > 0.1
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert torch.equal(Perceived(is_shuffled=True)(details)[0], vectors[0].roll(1, dims=0))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    load_into(encoder, Perceived().state_dict(), "weights")  # they are in the file of whoever is guided
    assert torch.equal(encoder(details)[0], vectors[0])


def test_a_perceiver_that_is_not_there_guides_nothing_until_weights_are_loaded(tmp_path: Path) -> None:
    """Weights of a restorer must load when the file that its training began with is gone."""
    before = torch.get_rng_state()
    encoder = Perceived(source=str(tmp_path / "gone.safetensors"))
    assert torch.equal(torch.get_rng_state(), before), "what is drawn next must not depend on it"
    details = torch.rand(1, 1, 3, 64, 64)
    assert encoder(details)[0].isnan().any()
    load_into(encoder, Perceived().state_dict(), "weights")
    assert torch.equal(encoder(details)[0], Perceived()(details)[0])
    assert Perceived(width=16)(details)[0].isnan().any(), "the bundled one is wider"
    save_weights(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {"method": "quality-prompts"})
    with pytest.raises(WeightsError, match="has quality-prompts: take those"):
        frozen_perceiver(tmp_path / "other.safetensors")
