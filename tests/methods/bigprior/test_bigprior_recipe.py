"""BIGPrior as a recipe: its losses, its schedule, that it learns, goes on where it stopped, and is loaded again."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.app.train import train
from pellucid.data.batch import Batch
from pellucid.errors import ConfigurationError, DataError, ImageError, MethodError
from pellucid.methods.bigprior.config import BigPriorConfig, FusionObjectiveSettings
from pellucid.methods.bigprior.data_image import from_grey, from_masked, from_noisy
from pellucid.methods.bigprior.fusion import fused_by, fused_by_weight, load_fusion
from pellucid.methods.bigprior.objective import (
    FusionObjective,
    best_constant_weight,
    colour_error,
    error_likelihood,
    weight_penalty,
)
from pellucid.methods.bigprior.recipe import cosine_with_restarts
from pellucid.methods.catalog import method, strategy
from pellucid.methods.load import load
from pellucid.networks.fusion_network import BoundedFusion, PaperFusion, PriorErrorNetwork
from pellucid.weights.files import load_weights, save_weights

FORMS: dict[str, dict[str, Any]] = {
    "paper-fusion": {"width": 4, "depth": 4},
    "bounded-fusion": {"width": 4, "depth": None, "dilations": [1]},
    "prior-error": {"width": 4, "dilations": [1]},
}


@pytest.fixture(autouse=True)
def _every_recipe_is_the_first(fresh_accelerator: None) -> None:
    """Of its process."""


def batch(count: int = 4, side: int = 16, step: int = 1) -> Batch:
    """Grey data, and a prior that is right in the left half and wrong in the right one."""
    generator = torch.Generator().manual_seed(step)
    clean = torch.rand(count, 3, side, side, generator=generator)
    grey = clean.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    prior = clean.clone()
    prior[..., side // 2 :] = torch.rand(count, 3, side, side // 2, generator=generator)
    return Batch(grey, clean, ("grayscale",) * count, step, prior=prior)


def recipe(name: str, steps: int = 60, **settings: Any) -> Any:
    from accelerate import Accelerator

    torch.manual_seed(0)
    config = BigPriorConfig.model_validate(
        {"network": {"name": name, "arguments": FORMS[name]}, "data": {"path": "."}, **settings}
    )
    row = strategy("empirical-risk")

    def build(*parts: Any) -> Any:
        return row.build(row.config(), *parts)

    return method("bigprior").build_recipe(config, build, Accelerator(cpu=True), steps)


def test_the_penalty_as_released_lets_signs_cancel_and_the_equation_s_does_not() -> None:
    weight = torch.tensor([-0.5, 0.5, 1.0, 0.0]).view(1, 1, 2, 2)
    assert weight_penalty(weight, "mean").item() == 0.25
    assert weight_penalty(weight, "absolute").item() == 0.5 == weight.norm(1).item() / 4
    assert weight_penalty(-weight, "mean").item() == 0.25


def test_the_paper_s_loss_is_squared_error_and_penalty() -> None:
    network, its = PaperFusion(width=4, depth=3), batch()
    assert its.prior is not None
    settings = FusionObjectiveSettings(weight_penalty=0.1)
    loss, _ = FusionObjective(settings, 1.0)(network, its)
    phi = network(its.degraded, its.prior)
    fused = (1 - phi) * its.degraded + phi * its.prior
    torch.testing.assert_close(loss, torch.nn.functional.mse_loss(fused, its.clean) + 0.1 * phi.mean().abs())


def test_the_likelihood_is_torch_s() -> None:
    its = batch()
    assert its.prior is not None
    log_variance = torch.randn(its.clean.shape)
    expected = torch.nn.functional.gaussian_nll_loss(its.prior, its.clean, log_variance.exp())
    torch.testing.assert_close(error_likelihood(log_variance, its.prior, its.clean), expected)


def test_the_colour_error_is_a_mean_of_lengths() -> None:
    clean = torch.zeros(1, 3, 2, 2)
    image = torch.tensor([0.3, 0.0, 0.4]).view(1, 3, 1, 1).expand_as(clean)
    assert colour_error(image, clean).item() == pytest.approx(0.5, abs=1e-4)


def test_the_best_constant_weight_is_that_of_a_line_through_the_errors() -> None:
    its = batch()
    assert its.prior is not None
    away, wanted = (its.prior - its.degraded).flatten(), (its.clean - its.degraded).flatten()
    expected = torch.linalg.lstsq(away[:, None].double(), wanted[:, None].double()).solution.item()
    found = best_constant_weight(its.degraded, its.prior, its.clean)
    assert found.shape == (1, 1, 1, 1) and found.item() == pytest.approx(expected, rel=1e-5)
    each = best_constant_weight(its.degraded, its.prior, its.clean, per_channel=True)
    one = best_constant_weight(*(part[:, 1:2] for part in (its.degraded, its.prior, its.clean)))
    assert each.shape == (1, 3, 1, 1) and each[0, 1].item() == pytest.approx(one.item(), rel=1e-5)


def test_parts_sum_to_the_picture_whoever_weighs_them() -> None:
    its = batch()
    assert its.prior is not None
    networks = [PaperFusion(width=4, depth=3), BoundedFusion(width=4, depth=3), PriorErrorNetwork(width=4)]
    for network in networks:
        fused = fused_by(network, its.degraded, its.prior, 0.02)
        assert torch.equal(fused.image, fused.evidence + fused.belief)
        torch.testing.assert_close(fused.belief, fused.prior_weight * its.prior)
    told = networks[2](its.degraded, its.prior).exp()
    torch.testing.assert_close(fused_by(networks[2], its.degraded, its.prior, 0.02).prior_weight, 0.02 / (0.02 + told))


def test_a_weight_of_nothing_gives_the_data_and_one_of_everything_the_prior() -> None:
    its = batch()
    assert its.prior is not None
    nothing, everything = torch.zeros(4, 1, 16, 16), torch.ones(4, 1, 16, 16)
    assert torch.equal(fused_by_weight(its.degraded, its.prior, nothing).image, its.degraded)
    assert torch.equal(fused_by_weight(its.degraded, its.prior, everything).image, its.prior)


def test_the_data_s_own_picture_adds_nothing() -> None:
    clean, known = batch().clean, (torch.rand(4, 1, 16, 16) > 0.5).float()
    grey = from_grey(clean[:, :1])
    assert all(torch.equal(grey[:, channel], clean[:, 0]) for channel in range(3))
    masked = from_masked(clean, known)
    assert masked[known.expand_as(masked) == 0].max() == 0 and torch.equal(
        masked[known.expand_as(masked) > 0], clean[known.expand_as(clean) > 0]
    )
    assert from_noisy(clean - 1).min() < 0  # noise is not clipped
    with pytest.raises(ImageError, match="grey"):
        from_grey(clean)


def test_the_rate_restarts_as_torch_s_schedule_does() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, T_0=16)
    for step in range(40):
        schedule.step(step)
        assert cosine_with_restarts(step, period=16, peak=0.01) == pytest.approx(schedule.get_last_lr()[0], abs=1e-9)


@pytest.mark.parametrize("name", FORMS)
def test_it_learns_where_the_prior_is_right(name: str) -> None:
    built = recipe(name, optimisation={"learning_rate": 0.02})
    before = built.judge(batch(step=1000))
    for step in range(60):
        built.step(batch(step=step))
    after = built.judge(batch(step=1000))
    assert after["psnr"] > before["psnr"] and after["gain"] > 1 and after["gain_over_data"] > 0


@pytest.mark.parametrize("name", FORMS)
def test_going_on_from_its_state_equals_running_through(name: str) -> None:
    through, first, second = recipe(name), recipe(name), recipe(name)
    for step in range(6):
        through.step(batch(step=step))
    for step in range(3):
        first.step(batch(step=step))
    second.load_state_dict(first.state_dict())
    for step in range(3, 6):
        second.step(batch(step=step))
    for one, other in zip(through.weights()[0].values(), second.weights()[0].values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", FORMS)
def test_its_weights_are_loaded_again(name: str, tmp_path: Path) -> None:
    built, its = recipe(name, data_variance=0.03), batch()
    assert its.prior is not None
    built.step(its)
    save_weights(tmp_path / "weights.safetensors", *built.weights(), dtype=torch.float32)
    fusion = load_fusion(tmp_path / "weights.safetensors")
    assert fusion.data_variance == 0.03
    torch.testing.assert_close(fusion(its.degraded, its.prior).image, built.fusion()(its.degraded, its.prior).image)
    with pytest.raises(MethodError, match="load_fusion"):
        load(tmp_path / "weights.safetensors")


def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="prior-error"):
        recipe("bounded-fusion", objective={"loss": "likelihood"})
    built = recipe("paper-fusion")
    with pytest.raises(MethodError, match="alone"):
        built.restorer()
    without = Batch(batch().degraded, batch().clean, ("grayscale",) * 4)
    with pytest.raises(DataError, match="prior"):
        built.step(without)
    save_weights(tmp_path / "other.safetensors", {}, {"method": "supervised"})
    with pytest.raises(MethodError, match="supervised"):
        load_fusion(tmp_path / "other.safetensors")


def test_a_recipe_file_trains_from_pictures_on_disc_and_goes_on(tmp_path: Path) -> None:
    import pyvips

    def save(pixels: Tensor, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = pixels.shape[1:]
        data = (pixels.permute(1, 2, 0) * 255).round().byte().contiguous().numpy().tobytes()
        pyvips.Image.new_from_memory(data, width, height, 3, "uchar").pngsave(str(path))

    its = batch(8)
    assert its.prior is not None
    for row in range(8):
        save(its.clean[row], tmp_path / f"set/gt/{row}.png")
        save(its.prior[row], tmp_path / f"set/inversion/{row}.png")
    (tmp_path / "mine.yaml").write_text(
        "method: bigprior\n"
        "network: {name: prior-error, arguments: {width: 4, dilations: [1]}}\n"
        f"data: {{path: {tmp_path / 'set'}, training: 6, batch_size: 4, validation_share: 0.3, turned: true}}\n"
        f"training: {{steps: 6, precision: 'no', run_folder: {tmp_path / 'run'}, device: cpu, checkpoint_every: 2}}\n"
    )
    trained = train(tmp_path / "mine.yaml")
    assert (trained.step, trained.reason) == (6, "finished")
    assert (tmp_path / "run/curves.png").is_file() or (tmp_path / "run/log.jsonl").is_file()
    _, description = load_weights(tmp_path / "run/weights.safetensors")
    assert description["method"] == "bigprior" and description["data_variance"] == 0.00694
    load_fusion(tmp_path / "run/weights.safetensors")
    assert train(tmp_path / "mine.yaml").step == 6  # nothing is left to do
