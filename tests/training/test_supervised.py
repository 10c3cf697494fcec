"""The parts of the supervised recipe against torch's own: schedule, averaged weights, losses, update."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pellucid.data.batch import Batch
from pellucid.methods.averaging import AveragedWeights
from pellucid.methods.schedule import cosine_with_warm_up
from pellucid.methods.supervised.empirical_risk import EmpiricalRisk
from pellucid.objectives.pixel import PixelObjective, charbonnier, l1, log_squared_error


@pytest.mark.parametrize(("steps", "warm_up"), [(50, 10), (30, 1), (30, 0)])
def test_schedule_is_torchs(steps: int, warm_up: int) -> None:
    peak, final = 2e-3, 1e-5
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps - warm_up, eta_min=final)
    after_warm_up = []
    for _ in range(steps - warm_up):
        optimiser.step()
        cosine.step()
        after_warm_up.append(cosine.get_last_lr()[0])
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    linear = torch.optim.lr_scheduler.LinearLR(optimiser, 1 / max(warm_up, 1), 1, total_iters=max(warm_up - 1, 0))
    during = []
    for _ in range(warm_up):
        during.append(linear.get_last_lr()[0])
        optimiser.step()
        linear.step()
    ours = [cosine_with_warm_up(n, steps=steps, warm_up=warm_up, peak=peak, final=final) for n in range(steps)]
    assert ours == pytest.approx(during + after_warm_up, rel=1e-9)
    assert cosine_with_warm_up(steps + 5, steps=steps, warm_up=warm_up, peak=peak, final=final) == final


def moved(network: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))


@pytest.mark.parametrize("is_ramped", [False, True])
def test_averaged_weights_are_torchs(is_ramped: bool) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 3, 3))
    decay = 0.9
    ours = AveragedWeights(network, decay)
    if is_ramped:
        # Torch's count is one ahead of ours, because its first update is the copy that we start with.
        def ramp(average: torch.Tensor, weight: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
            now = min(decay, count.item() / (9 + count.item()))
            return now * average + (1 - now) * weight

        theirs = AveragedModel(network, avg_fn=ramp)
    else:
        ours.updates = 10**6  # the ramp is over
        theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
    theirs.update_parameters(network)
    for seed in range(20):
        moved(network, seed)
        ours.update(network)
        theirs.update_parameters(network)
    for name, value in theirs.module.state_dict().items():
        assert torch.allclose(ours.weights()[name], value, rtol=1e-5, atol=1e-5)
    again = AveragedWeights(network, decay)
    again.load_state_dict(copy.deepcopy(ours.state_dict()))
    moved(network, 99)
    again.update(network)
    ours.update(network)
    assert all(torch.equal(again.weights()[name], value) for name, value in ours.weights().items())


def test_averaged_weights_are_a_copy() -> None:
    network = nn.Conv2d(3, 3, 1)
    average = AveragedWeights(network, 0.5)
    before = average.weights()["weight"]
    moved(network, 0)
    average.weights()["weight"].zero_()
    assert torch.equal(average.weights()["weight"], before)


def test_losses_are_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    restored, clean = torch.rand(2, 4, 3, 9, 7, generator=generator)
    assert torch.allclose(l1(restored, clean).mean(), F.l1_loss(restored, clean))
    assert torch.allclose(charbonnier(restored, clean, epsilon=0.0).mean(), F.l1_loss(restored, clean))
    assert charbonnier(clean, clean).tolist() == pytest.approx([1e-3] * 4)
    loss, terms = PixelObjective("l1")(nn.Identity(), Batch(restored, clean, ("a", "b", "a", "b"), step=50))
    assert terms["loss/a"] == pytest.approx(F.l1_loss(restored[::2], clean[::2]).item(), rel=1e-5)
    assert loss.item() == pytest.approx((terms["loss/a"] + terms["loss/b"]) / 2, rel=1e-5)
    assert PixelObjective("l1")(nn.Identity(), Batch(restored, clean, ("a",) * 4, step=51))[1] == {}


def batch(value: float = 0.5) -> Batch:
    clean = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return Batch(clean * 0 + value, clean, ("a", "b"))


def risk(network: nn.Module, clip: float) -> EmpiricalRisk:
    accelerate = pytest.importorskip("accelerate")
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    accelerator = accelerate.Accelerator(cpu=True, mixed_precision="no")
    return EmpiricalRisk(network, accelerator.prepare(optimiser), accelerator, clip)


def test_a_step_is_a_clipped_gradient_step() -> None:
    network = nn.Conv2d(3, 3, 1)
    plain = copy.deepcopy(network)
    terms = risk(network, clip=0.01).step(PixelObjective("l1"), batch())
    F.l1_loss(plain(batch().degraded), batch().clean).backward()
    norm = math.sqrt(sum(p.grad.square().sum().item() for p in plain.parameters()))
    assert float(terms["gradient_norm"]) == pytest.approx(norm, rel=1e-5) and norm > 0.01
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours, theirs - 0.1 * theirs.grad * 0.01 / norm, atol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_stay_when_the_loss_is_not_finite(value: float) -> None:
    network = nn.Conv2d(3, 3, 1)
    before = copy.deepcopy(network.state_dict())
    strategy = risk(network, clip=1.0)
    with pytest.raises(FloatingPointError, match="loss"):
        strategy.step(PixelObjective("l1"), batch(value))
    assert all(torch.equal(before[name], weight) for name, weight in network.state_dict().items())
    strategy.step(PixelObjective("l1"), batch())  # and the next step is not spoilt by what was left
    assert all(weight.isfinite().all() for weight in network.state_dict().values())


def test_log_squared_error_is_psnr_far_from_its_floor() -> None:
    peak_signal_noise_ratio = pytest.importorskip("skimage.metrics").peak_signal_noise_ratio
    clean = torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(3, 3, 20, 20, generator=torch.Generator().manual_seed(1))
    restored = clean + torch.tensor([0.0, 0.1, 0.3]).view(3, 1, 1, 1) * noise
    nothing, mild, severe = log_squared_error(restored, clean, epsilon=1e-4).tolist()
    decibels = [peak_signal_noise_ratio(clean[row].numpy(), restored[row].numpy(), data_range=1) for row in (1, 2)]
    assert nothing == 0
    assert severe - mild == pytest.approx((decibels[0] - decibels[1]) * math.log(10) / 20, rel=1e-4)
