"""Perceive-IR as a recipe: what its objective is made of, that it learns, and that any strategy trains it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.data.batch import Batch
from pellucid.data.config import PairSource
from pellucid.degradations.blur import GaussianBlur
from pellucid.degradations.noise import GaussianNoise
from pellucid.errors import ConfigurationError, MethodError
from pellucid.methods.catalog import METHODS, method, strategy
from pellucid.methods.perceive_ir.config import ObjectiveSettings, PerceiveIRConfig
from pellucid.methods.perceive_ir.contrast import code_contrast
from pellucid.methods.perceive_ir.kinds import kinds_of, mixture_kinds, pair_kinds
from pellucid.methods.perceive_ir.objective import PerceiveObjective, Proxy, psnr
from pellucid.methods.perceive_ir.prompts import QualityPrompts, perceiver_from_weights, quality_loss
from pellucid.networks.joint_encoders import PooledEncoder
from pellucid.networks.perceive_ir import PerceiveIR
from pellucid.networks.vgg16 import VGG16
from pellucid.objectives.pixel import PixelObjective
from pellucid.weights.files import load_weights, save_weights

TINY: dict[str, Any] = {"width": 8, "blocks": [1, 1, 1, 1], "refinement": 1, "code_width": 8}
DATA = {"sources": [{"path": "."}], "mixture": {"gaussian-noise": 1, "gaussian-blur": 1}}


@pytest.fixture(autouse=True)
def _every_recipe_is_the_first(fresh_accelerator: None) -> None:
    """Of its process."""


def batch(count: int = 4, side: int = 32, step: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(0)
    clean = F.interpolate(torch.rand(count, 3, 5, 5, generator=generator), (side, side), mode="bicubic").clamp(0, 1)
    degraded = (clean + 0.2 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
    degraded[1::2] = F.avg_pool2d(clean[1::2], 5, 1, 2)
    names = tuple("gaussian-noise" if row % 2 == 0 else "gaussian-blur:sigma=2" for row in range(count))
    chains = tuple((GaussianNoise(0.2),) if row % 2 == 0 else (GaussianBlur(2.0),) for row in range(count))
    return Batch(degraded, clean, names, step, chains)


def network() -> PerceiveIR:
    torch.manual_seed(0)
    return PerceiveIR(**TINY)


def recipe(by: str = "empirical-risk", **settings: Any) -> Any:
    from accelerate import Accelerator

    torch.manual_seed(0)
    config = PerceiveIRConfig.model_validate(
        {"network": {"name": "perceive-ir", "arguments": TINY}, "data": DATA, **settings}
    )
    row = strategy(by)

    def build(*parts: Any) -> Any:
        return row.build(row.config(), *parts)

    return method("perceive-ir").build_recipe(config, build, Accelerator(cpu=True), 50)


def judge(folder: Path) -> str:
    """Weights of prompts that nobody trained."""
    prompts = QualityPrompts(PooledEncoder(token_width=16))
    with torch.no_grad():
        tensors = {"vectors": prompts.vectors(), "tokens": prompts.tokens}
    encoder = {"name": "mobilenet-v2", "arguments": {"token_width": 16}}
    save_weights(folder / "prompts.safetensors", tensors, {"method": "quality-prompts", "encoder": encoder})
    return str(folder / "prompts.safetensors")


def test_a_sample_s_kind_is_its_degradation_without_its_strength() -> None:
    assert kinds_of(batch(2)) == ["gaussian-noise", "gaussian-blur"]
    assert mixture_kinds({"gaussian-noise:sigma=15": 1, "rain-light": 1, "rain+jpeg": 2}) == {
        "gaussian-noise",
        "rain",
        "rain+jpeg",
    }


def test_pairs_are_of_the_kind_that_they_show(tmp_path: Path) -> None:
    pairs = [
        PairSource(name="RainTrainL"),
        PairSource(name="mine", path=tmp_path, degradation="gaussian-noise:sigma=9"),
        PairSource(name="unknown", path=tmp_path),
    ]
    told = pair_kinds(pairs)
    assert told == {"RainTrainL": "rain", "mine": "gaussian-noise"}
    sample = Batch(torch.zeros(3), torch.zeros(3), ("RainTrainL", "mine", "unknown"))
    assert kinds_of(sample, told) == ["rain", "gaussian-noise", "unknown"]


def test_the_objective_is_the_sum_of_its_terms() -> None:
    settings = ObjectiveSettings(contrast=0.3, difficulty=0.7)
    samples, restorer, features = batch(), network(), VGG16()
    blurred = F.avg_pool2d(samples.degraded, 3, 1, 1)
    proxy = Proxy(lambda _: blurred, frozenset({"gaussian-noise"}))
    loss, terms = PerceiveObjective(PixelObjective("l1"), settings, features, [proxy])(restorer, samples)
    with torch.no_grad():
        restored = restorer(samples.degraded)
        assert restorer.guidance is not None
        left, right = (restorer.guidance.codes(half) for half in samples.degraded.chunk(2, dim=2))
        contrast = code_contrast(left, right, ["a", "b", "a", "b"])
        expected = []
        reference = psnr(restored, samples.clean).mean()
        for row in range(4):
            of = [features(one[row : row + 1]) for one in (restored, samples.clean, samples.degraded, blurred)]
            quality = psnr(blurred, samples.clean)[row]
            weight = 0.0 if row % 2 else 1.25 if quality <= reference else 0.75
            ratio = 0.0
            for share, mine, clean, degraded, theirs in zip((1 / 12, 1 / 6, 1 / 3, 1), *of, strict=True):
                away = 2 * F.l1_loss(mine, degraded) + weight * F.l1_loss(mine, theirs)
                ratio += share * (F.l1_loss(mine, clean) / away).item()
            expected.append(ratio)
        difficulty = sum(expected) / 4
        pixel = F.l1_loss(restored, samples.clean)
    assert terms["contrast"] == pytest.approx(contrast.item(), rel=1e-4)
    assert terms["difficulty"] == pytest.approx(difficulty, rel=1e-4)
    assert loss.item() == pytest.approx(pixel.item() + 0.3 * contrast.item() + 0.7 * difficulty, rel=1e-4)
    assert {"loss/gaussian-noise", "loss/gaussian-blur:sigma=2"} <= set(terms)


def test_the_quality_loss_is_asked_of_the_judge(tmp_path: Path) -> None:
    built = recipe(objective={"contrast": 0, "difficulty": 0, "quality": 0.2, "perceiver": judge(tmp_path)})
    samples = batch(2)
    loss, terms = built.objective(built.plain_network, samples)
    perceiver = perceiver_from_weights(*load_weights(tmp_path / "prompts.safetensors"))
    with torch.no_grad():
        restored = built.plain_network(samples.degraded)
        quality = quality_loss(perceiver, restored)
    assert terms["quality"] == pytest.approx(quality.item(), rel=1e-4)
    assert loss.item() == pytest.approx(F.l1_loss(restored, samples.clean).item() + 0.2 * quality.item(), rel=1e-4)


def test_how_a_network_begins_does_not_depend_on_who_judges_it(tmp_path: Path) -> None:
    stack = {"name": "residual-stack", "arguments": {"width": 8, "blocks": 2, "guidance": {"semantics": {"side": 32}}}}
    plain = recipe(network=stack, objective={"difficulty": 0})
    judged = recipe(
        network=stack,
        objective={"quality": 0.1, "perceiver": "default", "difficulty": 0.1, "proxies": [{"model": "default"}]},
    )
    for one, other in zip(plain.plain_network.parameters(), judged.plain_network.parameters(), strict=True):
        assert torch.equal(one, other)
    missing = {"name": "perceived", "source": str(tmp_path / "gone.safetensors")}
    stack["arguments"]["guidance"] = {"semantics": missing}  # pyright: ignore
    with pytest.raises(ConfigurationError, match="weights of the perceiver that guides the network, got none"):
        recipe(network=stack, objective={"difficulty": 0})


def test_weights_of_the_other_stage_are_told(tmp_path: Path) -> None:
    tensors, description = recipe().weights()
    save_weights(tmp_path / "restorer.safetensors", tensors, description)
    with pytest.raises(MethodError, match="quality-prompts, got those of perceive-ir"):
        recipe(objective={"quality": 0.1, "perceiver": str(tmp_path / "restorer.safetensors")})
    with pytest.raises(MethodError, match="a network that restores, got those of quality-prompts"):
        recipe(objective={"proxies": [{"model": judge(tmp_path)}]})
    with pytest.raises(ConfigurationError, match="gaussian-blur, gaussian-noise, which are trained on, got 'noise'"):
        recipe(objective={"proxies": [{"model": "default", "kinds": ["noise"]}]})
    assert recipe(objective={"difficulty": 0, "proxies": [{"model": "not there"}]}).objective.proxies == ()


def test_contrast_may_be_between_domains() -> None:
    samples = batch()
    same_kind = Batch(
        samples.degraded, samples.clean, ("a", "b", "a", "b"), 0, ((GaussianNoise(0.1),), (GaussianNoise(0.2),)) * 2
    )
    for between, is_nothing in (("kinds", True), ("domains", False)):
        settings = ObjectiveSettings.model_validate({"contrast_between": between, "difficulty": 0})
        _, terms = PerceiveObjective(PixelObjective("l1"), settings)(network(), same_kind)
        assert (terms["contrast"] == 0) == is_nothing


def test_halves_change_places_from_step_to_step() -> None:
    seen: list[Tensor] = []

    class Watching(nn.Module):
        def forward(self, degraded: Tensor, code_of: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(code_of)
            return degraded, F.normalize(code_of.flatten(1)[:, :4], dim=1)

    objective = PerceiveObjective(PixelObjective("l1"), ObjectiveSettings(difficulty=0))
    for step in (0, 1):
        objective(Watching(), batch(step=step))
    assert [tuple(one.shape) for one in seen] == [(8, 3, 16, 32), (8, 3, 32, 16)]
    assert torch.equal(seen[1][:4], batch().degraded[..., :16])


def test_terms_that_weigh_nothing_ask_for_nothing() -> None:
    class Plain(nn.Module):
        def forward(self, degraded: Tensor) -> Tensor:
            return degraded

    loss, terms = PerceiveObjective(PixelObjective("l1"), ObjectiveSettings(contrast=0, difficulty=0))(Plain(), batch())
    torch.testing.assert_close(loss, F.l1_loss(batch().degraded, batch().clean))
    assert "contrast" not in terms and "difficulty" not in terms


def test_a_tiny_system_learns_its_batch_by_heart(tmp_path: Path) -> None:
    """All four terms and a proxy: noise itself would take longer to remember, all else falls to a fraction."""
    built = recipe(
        optimisation={"learning_rate": 3e-3, "final_learning_rate": 3e-3},
        objective={
            "quality": 0.05,
            "quality_scale": 100.0,
            "perceiver": judge(tmp_path),
            "proxies": [{"model": "default"}],
        },
    )
    terms = [built.step(batch(step=50 * number)) for number in range(40)]
    first, last = ({name: float(value) for name, value in one.items()} for one in (terms[0], terms[-1]))
    assert last["loss/gaussian-blur:sigma=2"] < 0.6 * first["loss/gaussian-blur:sigma=2"]
    assert last["contrast"] < 0.1 * first["contrast"]
    assert last["difficulty"] < 0.5 * first["difficulty"]
    assert 0 < last["quality"] < 1


@pytest.mark.parametrize("name", ["dil-sf", "dil-pf", "dil-ss", "dil-ps"])
def test_every_strategy_trains_it(name: str) -> None:
    built = recipe(name)
    before = {key: value.clone() for key, value in built.plain_network.state_dict().items()}
    terms = built.step(batch())
    assert (terms["contrast"] > 0) == (name in ("dil-pf", "dil-ps", "dil-ss"))  # of one domain there is none
    assert bool(torch.as_tensor(terms["loss"]).isfinite())
    after = built.plain_network.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert any(not torch.equal(before[key], after[key]) for key in before if "guidance.code" in key)


def test_its_weights_restore(tmp_path: Any) -> None:
    from pellucid.methods.load import load

    tensors, description = recipe().weights()
    assert not any("semantics" in name for name in tensors)
    save_weights(tmp_path / "tiny.safetensors", tensors, description, torch.float32)
    model = load(tmp_path / "tiny.safetensors", "cpu")
    image = batch(1, 45).degraded
    whole = model.restore(image).image
    assert whole.shape == image.shape
    assert (whole - image).abs().max() > 0


def test_a_bundled_model_may_be_a_proxy() -> None:
    built = recipe(objective={"proxies": [{"model": "default", "kinds": ["gaussian-noise"]}]})
    (proxy,) = built.objective.proxies
    samples = batch(2, 64)
    made = proxy.restore(samples.degraded)
    assert psnr(made, samples.clean)[0] > psnr(samples.degraded, samples.clean)[0] + 3
    assert bool(torch.as_tensor(built.step(samples)["loss"]).isfinite())


def test_a_network_without_a_code_is_told() -> None:
    plain = {"network": {"name": "residual-stack", "arguments": {"width": 4, "blocks": 1}}}
    with pytest.raises(
        ConfigurationError, match=r"a code of the degradation for objective\.contrast, got residual-stack"
    ):
        recipe(**plain)
    assert recipe(**plain, objective={"contrast": 0}).objective.settings.contrast == 0


def test_defaults_are_those_of_the_release() -> None:
    config = METHODS["perceive-ir"].config.model_validate({"data": DATA, "optimisation": {"average_decay": 0.9}})
    assert (config.objective.contrast, config.objective.difficulty) == (0.1, 0.1)
    optimisation = config.optimisation
    assert (optimisation.loss, optimisation.learning_rate, optimisation.weight_decay) == ("l1", 2e-4, 1e-4)
    assert (optimisation.warm_up_steps, optimisation.gradient_clip) == (0, None)
