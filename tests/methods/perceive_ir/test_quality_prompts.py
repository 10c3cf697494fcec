"""The first stage: prompts that learn tiers, the judge that is made of them, and the loss that asks it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.app.recipe_file import read_run
from pellucid.data.batch import Batch
from pellucid.errors import ConfigurationError, MethodError
from pellucid.images.overview import Views
from pellucid.methods.catalog import method
from pellucid.methods.load import load
from pellucid.methods.perceive_ir.config import ObjectiveSettings, PromptsConfig
from pellucid.methods.perceive_ir.prompts import QualityPrompts, judge_of, perceiver_from_weights, quality_loss
from pellucid.methods.perceiver import load_perceiver
from pellucid.networks.joint_encoders import PooledEncoder
from pellucid.networks.quality_perceiver import TIERS, QualityPerceiver
from pellucid.weights.files import load_weights, save_weights

DATA = {"sources": [{"path": "."}], "mixture": {"gaussian-noise": 1}}


@pytest.fixture(autouse=True)
def _every_recipe_is_the_first(fresh_accelerator: None) -> None:
    """Of its process."""


class ThreeColours:
    """An encoder that sees the mean colour of a picture, and of a prompt the first numbers of its tokens."""

    token_width, side, logit_scale, takes_smaller = 4, 8, 10.0, False

    def word(self, word: str) -> Tensor:
        return torch.full((4,), float(len(word)))

    def texts(self, prompts: Tensor) -> Tensor:
        return F.normalize(prompts[:, :-1].mean(dim=1)[:, :3], dim=-1)

    def pictures(self, pictures: Tensor) -> Tensor:
        return F.normalize(pictures.mean(dim=(2, 3)), dim=-1)


def test_tokens_begin_small_and_the_last_one_with_the_tier_s_word() -> None:
    prompts = QualityPrompts(ThreeColours())
    assert prompts.tokens.shape == (3, 16, 4)
    assert prompts.tokens[:, -1].tolist() == [[float(len(tier))] * 4 for tier in TIERS]
    assert prompts.tokens[:, :-1].std().item() == pytest.approx(0.02, rel=0.2)
    assert [name for name, _ in prompts.named_parameters()] == ["tokens"]


def test_logits_are_scaled_cosines() -> None:
    prompts = QualityPrompts(ThreeColours())
    pictures = torch.rand(5, 3, 8, 8)
    seen, said = pictures.mean(dim=(2, 3)), prompts.tokens[:, :-1].mean(dim=1)[:, :3]
    expected = 10 * F.cosine_similarity(seen[:, None], said[None], dim=-1)
    torch.testing.assert_close(prompts(pictures), expected)


def test_a_score_is_the_expected_tier() -> None:
    perceiver = QualityPerceiver(ThreeColours(), torch.eye(3))  # pyright: ignore[reportArgumentType]
    pictures = torch.zeros(3, 3, 12, 20)
    for row in range(3):
        pictures[row, row] = 1
    probabilities = torch.tensor([10.0, 0, 0]).softmax(0)
    expected = [float(probabilities.roll(row) @ torch.arange(3.0)) for row in range(3)]
    assert perceiver.score(pictures).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("side", [128, 80])
def test_the_judge_that_ships_judges_as_the_perceiver_does(side: int) -> None:
    """Two ways to the same tiers: by the joint encoder of the prompts, and by what `pellucid perceive` runs."""
    patches = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    sight = load_perceiver(device="cpu").network(Views(patches, patches[:, None], (side, side)))
    torch.testing.assert_close(judge_of("default").tiers(patches), sight.tiers, atol=1e-4, rtol=1e-3)
    large = torch.rand(1, 3, 200, 160)
    shrunk = F.interpolate(large, (128, 128), mode="bicubic", antialias=True).clamp(0, 1)
    judge = judge_of("default")
    assert torch.equal(judge.tiers(large), judge.tiers(shrunk))


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_quality_loss_is_its_formula_and_moves_the_picture_alone(scale: float) -> None:
    perceiver = QualityPerceiver(ThreeColours(), F.normalize(torch.rand(3, 3), dim=1))  # pyright: ignore
    restored = torch.rand(2, 3, 8, 8, requires_grad=True)
    loss = quality_loss(perceiver, restored, scale)
    cosines = F.normalize(restored.mean(dim=(2, 3)), dim=1) @ perceiver.vectors.T
    exponentials = (scale * cosines.double()).exp()
    expected = (1 - exponentials[:, 2] / exponentials.sum(dim=1)).mean()
    torch.testing.assert_close(loss.double(), expected, atol=1e-4, rtol=1e-3)
    loss.backward()
    assert restored.grad is not None and restored.grad.any()
    assert perceiver.vectors.grad is None


def batch(step: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(step)
    coarse = torch.rand(2, 3, 14, 14, generator=generator)
    clean = F.interpolate(coarse, (224, 224), mode="bicubic").clamp(0, 1)
    degraded = (clean + 0.2 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
    return Batch(degraded, clean, ("gaussian-noise",) * 2, step)


def recipe(**settings: Any) -> Any:
    from accelerate import Accelerator

    encoder = {"name": "mobilenet-v2", "arguments": {"token_width": 32}}
    config = PromptsConfig.model_validate({"encoder": encoder, "medium": "default", "data": DATA, **settings})
    built = method("quality-prompts").build_recipe(config, lambda *_: None, Accelerator(cpu=True), 40)  # pyright: ignore
    half: Any = lambda degraded: 0.5 * degraded + 0.5 * F.avg_pool2d(degraded, 9, 1, 4)  # noqa: E731
    assert isinstance(built, object)
    built.medium = half  # pyright: ignore[reportAttributeAccessIssue] - quicker than the default model
    return built


def test_prompts_learn_to_tell_noise_half_of_it_and_none_apart() -> None:
    built = recipe(optimisation={"learning_rate": 0.02, "final_learning_rate": 0.02})
    for step in range(16):
        built.step(batch(step))
    judged = built.judge(batch(100))
    assert judged["accuracy"] > 0.8
    assert judged["monotone"] > 0.6
    assert {"worst", "triplets", "gaussian-noise"} <= set(judged)


def test_resuming_is_exact_and_weights_judge_alike(tmp_path: Path) -> None:
    straight, first = recipe(), recipe()
    for step in range(3):
        straight.step(batch(step))
    for step in range(2):
        first.step(batch(step))
    torch.save(first.state_dict(), tmp_path / "state.pt")
    resumed = recipe()
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    resumed.step(batch(2))
    assert torch.equal(straight.plain_prompts.tokens, resumed.plain_prompts.tokens)
    tensors, description = resumed.weights()
    assert sum(tensor.numel() for tensor in tensors.values()) < 10_000  # not the frozen encoder
    save_weights(tmp_path / "prompts.safetensors", tensors, description, torch.float32)
    judge = perceiver_from_weights(*load_weights(tmp_path / "prompts.safetensors"))
    pictures = batch(5).degraded
    torch.testing.assert_close(judge.tiers(pictures), resumed.perceiver().tiers(pictures))
    with pytest.raises(MethodError, match="quality-prompts, which judge"):
        load(tmp_path / "prompts.safetensors", "cpu")
    with pytest.raises(MethodError, match="prompts, which only judge"):
        resumed.restorer()


def test_the_encoder_is_calibrated_by_the_first_steps_alone() -> None:
    built = recipe()
    encoder: PooledEncoder = built.encoder
    centres = []
    for step in range(10):
        built.step(batch(step))
        centres.append(encoder.centre.clone())
    assert not torch.equal(centres[0], centres[7])
    assert torch.equal(centres[7], centres[9])
    assert built.seen == []


def test_a_quality_loss_without_a_judge_and_prompts_by_a_strategy_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="quality needs perceiver"):
        ObjectiveSettings(quality=0.05)
    path = tmp_path / "prompts.yaml"
    path.write_text(
        "method: quality-prompts\nmedium: default\ndata: {sources: [{path: .}], mixture: {rain: 1}}\nstrategy: dil-sf\n"
    )
    with pytest.raises(ConfigurationError, match="no strategy for quality-prompts, got dil-sf"):
        read_run(path)
