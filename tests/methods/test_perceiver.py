"""The perceiver that ships, on the pictures of the examples and on what is known to be wrong with them."""

from pathlib import Path

import pytest
import torch

import pellucid
from pellucid.degradations.contract import apply
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.noise import GaussianNoise
from pellucid.errors import ImageError, MethodError, WeightsError
from pellucid.images.overview import views
from pellucid.methods.perceiver import Perceiver, load_perceiver
from pellucid.networks.joint_encoders import build_joint_encoder
from pellucid.weights.bundled import bundled_weights

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def perceiver() -> Perceiver:
    return load_perceiver(device="cpu")


def textured(seed: int = 0) -> torch.Tensor:
    """Edges and textures of all sizes, smooth in none of its parts."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, 256, 256)
    for cells, share in ((4, 0.3), (16, 0.2), (64, 0.2), (256, 0.15)):
        coarse = torch.rand(1, 3, cells, cells, generator=generator)
        picture += share * torch.nn.functional.interpolate(coarse, (256, 256), mode="nearest")
    return picture


@pytest.mark.skipif(not EXAMPLES.exists(), reason="examples are in the repository, not in the package")
@pytest.mark.parametrize(("name", "kind"), [("noisy.png", "noise"), ("blurred.jpg", "blur"), ("hazy.jpg", "haze")])
def test_what_is_wrong_with_the_examples_is_found(name: str, kind: str) -> None:
    assert kind in pellucid.perceive(EXAMPLES / name).perception.wrong


def test_stronger_noise_is_more_severe_and_less_good(perceiver: Perceiver) -> None:
    clean = textured()
    seen = []
    for sigma in (10, 25, 50):
        noisy = apply(clean, [GaussianNoise(sigma / 255)], torch.Generator().manual_seed(1))
        seen.append(perceiver.perceive(noisy.clamp(0, 1)))
    assert all("noise" in one.wrong for one in seen)
    severities = [one.kinds["noise"].severity for one in seen]
    assert severities == sorted(severities) and severities[2] - severities[0] > 0.3
    qualities = [one.quality for one in seen]
    assert qualities[2] < qualities[0]
    assert seen[1].kinds["noise"].words.startswith("sigma ")


def test_stronger_compression_is_more_severe(perceiver: Perceiver) -> None:
    seen = [
        perceiver.perceive(apply(textured(), [Jpeg(quality)], torch.Generator()).clamp(0, 1)) for quality in (60, 8)
    ]
    assert seen[1].kinds["jpeg"].presence > 0.9
    assert seen[1].kinds["jpeg"].severity > seen[0].kinds["jpeg"].severity


def test_the_map_shows_where(perceiver: Perceiver) -> None:
    picture = torch.nn.functional.interpolate(textured(), (256, 512), mode="bilinear")
    noise = 0.15 * torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    picture[..., 256:] = (picture[..., 256:] + noise).clamp(0, 1)
    details = perceiver.perceive(picture).details
    left = [its.presence["noise"] for its in details if its.box.right <= 256]
    right = [its.presence["noise"] for its in details if its.box.left >= 256]
    assert left and right and max(left) < min(right)


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (17, 16), (128, 128)])
def test_any_size_can_be_looked_at(perceiver: Perceiver, size: tuple[int, int]) -> None:
    seen = perceiver.perceive(torch.rand(1, 3, *size))
    assert 0 <= seen.quality <= 1 and all(0 <= found.presence <= 1 for found in seen.kinds.values())
    assert len(seen.details) == views(torch.rand(1, 3, *size)).details.shape[1]
    assert str(seen).endswith(f"quality {seen.quality:.2f}") and seen.is_plain == (size == (1, 1))


def test_its_features_are_an_encoder_for_prompts() -> None:
    encoder = build_joint_encoder("degradation-features", {})
    assert encoder.pictures(torch.rand(2, 3, 128, 128)).shape == (2, 256)


def test_what_is_no_perceiver_is_refused(tmp_path: Path, perceiver: Perceiver) -> None:
    with pytest.raises(MethodError, match=r"weights of a perceiver, got .* with all-in-one"):
        load_perceiver(bundled_weights("default"))
    with pytest.raises(WeightsError, match="found none"):
        load_perceiver(tmp_path / "nothing.safetensors")
    with pytest.raises(ImageError):
        perceiver.perceive(torch.rand(3, 4))
    with pytest.raises(MethodError, match="one by one"):
        perceiver.perceive(torch.rand(2, 3, 8, 8))
