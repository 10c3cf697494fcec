"""What is concluded for a whole picture from its details, and that it is one with the parts that it is made of."""

from pathlib import Path

import pytest
import torch

from pellucid.errors import MethodError
from pellucid.images.overview import views
from pellucid.networks.degradation_perceiver import DegradationPerceiver, read
from pellucid.networks.joint_encoders import build_joint_encoder
from pellucid.networks.picture_perceiver import PicturePerceiver
from pellucid.networks.quality_perceiver import QualityPerceiver
from pellucid.weights.files import save_weights

SMALL = {"width": 4}


def picture(height: int = 200, width: int = 310) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def lively() -> PicturePerceiver:
    torch.manual_seed(3)
    network = PicturePerceiver(SMALL).eval()
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(0.02 * torch.randn(tensor.shape))
    network.feature_spread.abs_().add_(0.1)
    return network


@torch.inference_mode()
def test_conclusions_are_their_formulas() -> None:
    network, seen = lively(), views(picture())
    sight = network(seen)
    logits = torch.stack([network.degradations(part) for part in seen.details.unbind(1)], dim=1)
    presence, severity = read(logits)
    torch.testing.assert_close(sight.detail_presence, presence)
    torch.testing.assert_close(sight.detail_severity, severity)
    torch.testing.assert_close(sight.severity, (presence * severity).sum(1) / presence.sum(1))
    bright = seen.overview.amax(dim=1).mean(dim=(1, 2)).log()
    for row in range(2):
        for kind in range(len(network.kinds)):
            own = logits[row, :, kind, 0]
            clues = torch.stack([own.mean(), own.max(), own.min(), bright[row]])
            expected = torch.sigmoid(clues @ network.clue_weights[kind] + network.clue_biases[kind])
            torch.testing.assert_close(sight.presence[row, kind], expected)


@torch.inference_mode()
def test_before_anything_is_fitted_the_mean_logit_decides() -> None:
    network, seen = PicturePerceiver(SMALL).eval(), views(picture())
    logits = torch.stack([network.degradations(part) for part in seen.details.unbind(1)], dim=1)
    torch.testing.assert_close(network(seen).presence, logits[..., 0].mean(dim=1).sigmoid())


@torch.inference_mode()
def test_tiers_are_those_of_prompts_learned_through_the_same_features(tmp_path: Path) -> None:
    network, seen = lively(), views(picture())
    told = {"network": {"name": "degradation-perceiver", "arguments": SMALL}}
    save_weights(tmp_path / "eyes.safetensors", network.degradations.state_dict(), told, torch.float32)
    encoder = build_joint_encoder("degradation-features", {"source": str(tmp_path / "eyes.safetensors")})
    encoder.centre.copy_(network.feature_centre)
    encoder.spread.copy_(network.feature_spread)
    judge = QualityPerceiver(encoder, network.tier_vectors)
    expected = torch.stack([judge.tiers(part) for part in seen.details.unbind(1)], dim=1)
    sight = network(seen)
    torch.testing.assert_close(sight.detail_tiers, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(sight.tiers, expected.mean(dim=1), atol=1e-5, rtol=1e-4)


def test_features_are_taken_from_a_joined_perceiver_too(tmp_path: Path) -> None:
    network = lively()
    told = {"network": {"name": "picture-perceiver", "arguments": {"degradations": SMALL}}}
    save_weights(tmp_path / "joined.safetensors", network.state_dict(), told, torch.float32)
    encoder = build_joint_encoder("degradation-features", {"source": str(tmp_path / "joined.safetensors")})
    patches = torch.rand(2, 3, 128, 128)
    eyes = DegradationPerceiver(**SMALL)
    eyes.load_state_dict(network.degradations.state_dict())
    torch.testing.assert_close(eyes.tell(encoder.features(patches)), eyes(patches))
    assert encoder.side == 128
    with pytest.raises(MethodError, match="arguments that encoder degradation-features knows"):
        build_joint_encoder("degradation-features", {"layer": 2})
