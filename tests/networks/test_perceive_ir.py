"""Perceive-IR's network: sizes as counted from the release, blocks against their formulas, and tiles that agree."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import MethodError
from pellucid.images.overview import Views, details, overview, spread, views
from pellucid.images.tiling import Box
from pellucid.networks.catalog import build_network
from pellucid.networks.guidance import CodeEncoder, Modulation
from pellucid.networks.perceive_ir import GuidedBlock, PerceiveIR
from pellucid.networks.restormer import ChannelAttention, GatedFeedForward, TransformerBlock

DINO: dict[str, Any] = {"name": "none", "widths": [768] * 4}
TINY: dict[str, Any] = {"width": 8, "blocks": (1, 1, 1, 1), "refinement": 1, "code_width": 16}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def tiny(**arguments: Any) -> PerceiveIR:
    """Small, in float64, with temperatures and weights that let everything show in the result."""
    torch.manual_seed(0)
    network = PerceiveIR(**{**TINY, **arguments}).double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("temperature"):
                parameter.fill_(5.0)
            elif parameter.ndim == 4:
                parameter.mul_(1.5)
    return network


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"semantics": DINO}, 33_901_111),  # the released network without its DINOv2
        ({"block": "plain"}, 25_571_439),  # the medium model, Restormer with 48 channels at its top
        ({"semantics": DINO, "block": "figure"}, 27_859_919),  # 27.86 M
    ],
)
def test_it_has_as_many_parameters_as_the_release(arguments: dict[str, Any], expected: int) -> None:
    with torch.device("meta"):
        assert count(PerceiveIR(**arguments)) == expected


@pytest.mark.parametrize(
    ("width", "heads", "plain", "released", "figure"),
    [
        (48, 1, 32_171, 43_212, 32_267),
        (96, 2, 119_660, 160_174, 119_852),
        (192, 4, 459_928, 614_684, 460_312),
        (384, 8, 1_803_462, 2_407_886, 1_804_230),
    ],
)
def test_blocks_have_as_many(width: int, heads: int, plain: int, released: int, figure: int) -> None:
    with torch.device("meta"):
        assert count(TransformerBlock(width, heads)) == plain
        assert count(GuidedBlock(width, heads, is_released=True)) == released
        assert count(GuidedBlock(width, heads, is_released=False)) == figure


def test_the_code_encoder_and_the_modulations_have_as_many() -> None:
    with torch.device("meta"):
        assert count(CodeEncoder()) == 202_016
        assert sum(count(Modulation(896, 48 * 2**level)) for level in range(4)) == 2_076_480


@pytest.mark.parametrize("is_guided", [False, True])
def test_attention_between_channels_is_its_formula(is_guided: bool) -> None:
    torch.manual_seed(0)
    attention = ChannelAttention(6, 2, is_guided=is_guided).double()
    nn.init.uniform_(attention.temperature)
    x, y = torch.randn(2, 1, 6, 5, 4, dtype=torch.float64)
    made = attention.key_value(x)
    if attention.query is not None:
        made = torch.cat([attention.query(y), made], dim=1)
    expected = torch.zeros(1, 6, 5, 4, dtype=torch.float64)
    for head in range(2):
        own = slice(3 * head, 3 * head + 3)
        queries, keys, values = (part[0, own].reshape(3, 20) for part in made.chunk(3, dim=1))
        for one in range(3):
            alike = [
                (F.cosine_similarity(queries[one], keys[other], dim=0) * attention.temperature[head, 0, 0]).item()
                for other in range(3)
            ]
            shares = torch.tensor(alike, dtype=torch.float64).softmax(0)
            expected[0, 3 * head + one] = (shares[:, None] * values).sum(0).view(5, 4)
    assert torch.allclose(attention(x, y), attention.mixed(expected))


def test_the_feed_forward_network_is_its_formula() -> None:
    torch.manual_seed(0)
    network = GatedFeedForward(6).double()
    x = torch.randn(1, 6, 5, 4, dtype=torch.float64)
    wide = network.wide(x)
    assert wide.shape[1] == 2 * 15  # int(2.66 * 6), twice
    gate, passed = wide[:, :15], wide[:, 15:]
    gelu = 0.5 * gate * (1 + torch.erf(gate / 2**0.5))
    assert torch.allclose(network(x), network.narrow(gelu * passed))


def test_a_plain_block_adds_attention_then_the_feed_forward_network() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(4, 1).double()
    x = torch.randn(1, 4, 6, 5, dtype=torch.float64)
    middle = x + block.attention(normed(x))
    assert torch.allclose(block(x), middle + block.feed_forward(normed(middle)))


@pytest.mark.parametrize("is_released", [True, False])
def test_a_guided_block_grows_from_its_guidance(is_released: bool) -> None:
    torch.manual_seed(0)
    block = GuidedBlock(4, 1, is_released=is_released).double()
    x, y = torch.randn(2, 1, 4, 6, 5, dtype=torch.float64)
    asked = block.guided(normed(x), normed(y))
    if block.own is not None:
        asked = block.own(normed(asked))
    middle = y + asked
    assert torch.allclose(block(x, y), middle + block.feed_forward(normed(middle)))
    nn.init.zeros_(block.guided.key_value[0].weight)  # then nothing of x is left
    nn.init.zeros_(block.guided.key_value[0].bias)
    assert torch.allclose(block(x, y), block(2 * x + 1, y))
    assert not torch.allclose(block(x, y), block(x, 2 * y))


def normed(features: Tensor) -> Tensor:
    """As published: per pixel over channels, epsilon 1e-5 beside the variance without Bessel's correction."""
    mean, variance = features.mean(1, keepdim=True), features.var(1, keepdim=True, correction=0)
    return (features - mean) / (variance + 1e-5).sqrt()


def test_a_modulation_at_rest_does_nothing() -> None:
    x, vector = noise(2, 5, 3, 4), noise(2, 7)
    assert torch.equal(Modulation(7, 5, starts_at_rest=True).double()(x, vector), x)
    torch.manual_seed(0)
    modulation = Modulation(7, 5).double()
    made = modulation.second(F.gelu(modulation.first(vector)))
    expected = x * (1 + made[:, :5, None, None]) + made[:, 5:, None, None]
    assert torch.allclose(modulation(x, vector), expected)


def test_a_code_has_length_one_and_is_the_mean_of_details() -> None:
    torch.manual_seed(0)
    encoder = CodeEncoder(16).double()
    parts = noise(2, 3, 3, 32, 32)
    code = encoder(parts)
    assert code.shape == (2, 16)
    assert torch.allclose(code.norm(dim=1), torch.ones(2, dtype=code.dtype))
    assert torch.allclose(encoder(parts[:, [0, 0, 1, 1, 2, 2]]), code)
    # parts side by side are the whole, but for what the borders of the convolutions see
    whole = encoder(torch.cat(list(parts.unbind(1)), dim=-1)[:, None])
    assert F.cosine_similarity(whole, code).min() > 0.99


@pytest.mark.parametrize("block", ["released", "figure", "plain"])
def test_tiles_with_the_picture_s_context_are_the_picture(block: str) -> None:
    network = tiny(block=block)
    radius = network.receptive_radius
    height, width = 2 * radius + 40, 40
    # Tall rather than large; the upper end is kept, far enough from the lower one.
    image = noise(1, 3, -(-height // 8) * 8, width)
    whole_height = image.shape[-2]
    with torch.no_grad():
        context = network.context(views(image))
        whole = network(image, spread(context, (whole_height, width)))
        kept = whole_height - radius - whole_height % 8 - 8
        tile = image[..., : kept + radius - (kept + radius) % 8, :]
        part = network(tile, spread(context, (whole_height, width), Box(0, 0, tile.shape[-2], width)))
    inner = tile.shape[-2] - radius
    assert inner > 0
    assert torch.allclose(part[..., :inner, :], whole[..., :inner, :], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(network(tile)[..., :inner, :], whole[..., :inner, :], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("block", ["released", "figure", "plain"])
def test_the_receptive_radius_is_true_and_not_wasteful(block: str) -> None:
    network = tiny(block=block)
    side = -(-2 * network.receptive_radius // 8) * 8 + 16
    image = noise(1, 3, side, 16)
    place = side // 2 // 8 * 8
    with torch.no_grad():
        context = spread(network.context(views(image)), (side, 16))
        before = network(image, context)
        farthest = 0
        for offset in range(8):
            changed = image.clone()
            changed[..., place + offset, :] += 1
            rows = (network(changed, context) != before)[0].any(0).any(1).nonzero()
            farthest = max(farthest, int((rows - place - offset).abs().max()))
    assert farthest <= network.receptive_radius <= 1.5 * farthest


def test_one_detail_that_is_the_picture_gives_what_the_picture_alone_gives() -> None:
    network = tiny()
    image = noise(2, 3, 48, 64)
    with torch.no_grad():
        alone = network(image)
        given = network(image, spread(network.context(views(image)), (48, 64)))
    assert torch.allclose(alone, given, atol=1e-5)  # a context is float32


def test_details_count_together() -> None:
    """Weights from four parts of a picture are nearly those of the picture, and not those of a part."""
    network = tiny(block="plain")
    image = noise(1, 3, 256, 256) * torch.linspace(0.1, 1, 256, dtype=torch.float64).view(-1, 1)
    corners = torch.stack([image[..., r : r + 128, c : c + 128] for r in (0, 128) for c in (0, 128)], dim=1)
    with torch.no_grad():
        found = network.context(Views(image, corners, (256, 256)))
        whole = network.context(Views(image, image[:, None], (256, 256)))
        one = network.context(Views(image, corners[:, :1], (256, 256)))
    assert (found - whole).abs().max() < 0.2 * (one - whole).abs().max()


def test_a_picture_whose_sides_are_no_multiples_can_be_looked_at() -> None:
    network = tiny()
    image = noise(1, 3, 45, 51)
    with torch.no_grad():
        assert network.context(Views(overview(image), details(image), (45, 51))).isfinite().all()


def test_without_information_the_guidance_is_the_same_for_all() -> None:
    network = tiny(code_width=0, semantics={"name": "none", "widths": [4] * 4})
    assert network.guidance is not None and network.guidance.code is None
    one = network.guidance.vectors(noise(1, 3, 16, 16), noise(1, 1, 3, 16, 16))
    assert [tuple(vector.shape) for vector in one] == [(1, 4)] * 4 + [(1, 0)]
    assert not any(vector.any() for vector in one)


def test_codes_of_further_pictures_come_beside_the_result() -> None:
    network = tiny()
    image, further = noise(1, 3, 16, 16), noise(3, 3, 24, 24)
    with torch.no_grad():
        restored, codes = network(image, code_of=further)
        assert torch.equal(restored, network(image))
        assert network.guidance is not None
        assert torch.equal(codes, network.guidance.codes(further))
    assert codes.shape == (3, 16)


def test_what_is_frozen_is_in_no_weights() -> None:
    network = PerceiveIR(**TINY)
    assert not any("semantics" in name for name in network.state_dict())
    assert not any("semantics" in name for name, _ in network.named_parameters())


GUIDED_STACK: dict[str, Any] = {"width": 4, "blocks": 2, "guidance": {"code_width": 8}}


def test_another_network_is_guided_by_the_same_parts() -> None:
    torch.manual_seed(0)
    network: Any = build_network("residual-stack", GUIDED_STACK).double().eval()
    plain: Any = build_network("residual-stack", {"width": 4, "blocks": 2}).double().eval()
    own = {name: value for name, value in network.state_dict().items() if not name.startswith("guidance")}
    plain.load_state_dict(own)
    image = noise(2, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(network(image), plain(image))  # at rest
        for modulation in network.guidance.modulations:
            nn.init.normal_(modulation.second.weight, std=0.5)
        assert not torch.allclose(network(image), plain(image))
        context = network.context(views(image))
        whole = network(image, spread(context, (64, 96)))
        assert torch.allclose(whole, network(image), atol=1e-5)  # details that are the picture
        tile = network(image[..., :48], spread(context, (64, 96), Box(0, 0, 64, 48)))
        inner = 48 - network.receptive_radius
        assert inner > 0
        assert torch.allclose(tile[..., :inner], whole[..., :inner])
        assert network(image, code_of=image)[1].shape == (2, 8)
        assert network.guidance.vector_widths == (64, 640, 8)  # of four vectors the second and the last
    assert plain.context(views(image)) is None


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(MethodError, match="four levels"):
        build_network("perceive-ir", {"blocks": (1, 1)})
    with pytest.raises(MethodError, match="vector for each of 4 levels, got 2"):
        build_network("perceive-ir", {**TINY, "semantics": {"name": "none", "widths": [4, 4]}})
    with pytest.raises(MethodError, match="semantics out of mobilenet-v2, dinov2, perceived, none, got 'clip'"):
        build_network("perceive-ir", {"semantics": {"name": "clip"}})
