"""What holds for every degradation of the catalog."""

import dataclasses
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.contract import Degradation, apply, per_sample
from pellucid.errors import ImageError

DETERMINISTIC = ("gaussian-blur", "motion-blur", "defocus-blur", "jpeg", "grayscale", "resize")


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_it_keeps_the_contract(name: str) -> None:
    kind = DEGRADATIONS[name]
    assert kind.name == name
    drawn = kind.draw(0.5, seeded())
    assert isinstance(drawn, Degradation) and type(drawn) is kind
    assert kind.draw(0.5, seeded()) == drawn
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(drawn, dataclasses.fields(drawn)[0].name, 0.0)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(DEGRADATIONS)),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    count=st.integers(1, 3),
    severity=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_same_seed_same_result_of_same_shape(name, height, width, count, severity, seed, dtype) -> None:
    image = torch.rand(count, 3, height, width, generator=seeded(seed), dtype=dtype)
    before = image.clone()
    parameters = [DEGRADATIONS[name].draw(severity, seeded(seed + row)) for row in range(count)]
    degraded = apply(image, parameters, seeded(seed))
    assert degraded.shape == image.shape and degraded.dtype == dtype
    assert degraded.isfinite().all()
    assert torch.equal(image, before)
    assert torch.equal(degraded, apply(image, parameters, seeded(seed)))


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_batch_equals_its_samples(name: str, patches: Tensor) -> None:
    parameters = [DEGRADATIONS[name].draw(severity, seeded(row)) for row, severity in enumerate((0.1, 0.5, 0.9))]
    together = apply(patches, parameters, seeded())
    for row, each in enumerate(parameters):
        alone = apply(patches[row : row + 1], [each], seeded(7))
        # Kernels of one call are as wide as the widest sample needs: the tails beyond four deviations differ.
        assert torch.allclose(together[row : row + 1], alone, atol=3e-4)


@pytest.mark.parametrize("name", [name for name in DEGRADATIONS if name not in DETERMINISTIC and name != "mask"])
def test_another_seed_is_another_result(name: str, patches: Tensor) -> None:
    parameters = [DEGRADATIONS[name].draw(0.5, seeded())] * 3
    assert not torch.equal(apply(patches, parameters, seeded(1)), apply(patches, parameters, seeded(2)))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_severity_harms(name: str, patches: Tensor) -> None:
    figures = []
    for severity in (0.0, 0.25, 0.5, 0.75, 1.0):
        errors = []
        for seed in range(6):
            generator = seeded(seed)
            parameters = [DEGRADATIONS[name].draw(severity, generator) for _ in patches]
            degraded = apply(patches, parameters, generator).clamp(0, 1)
            errors.append((degraded - patches).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))
        figures.append(-10 * torch.cat(errors).log10().mean().item())
    assert all(stronger < weaker - 0.3 for weaker, stronger in pairwise(figures)), figures


def test_kinds_of_a_batch_are_applied_apart(patches: Tensor) -> None:
    parameters = [DEGRADATIONS[name].draw(0.5, seeded()) for name in ("jpeg", "gaussian-blur", "jpeg")]
    together = apply(patches, parameters, seeded())
    for row, each in enumerate(parameters):
        assert torch.allclose(together[row : row + 1], apply(patches[row : row + 1], [each], seeded()), atol=1e-6)


def test_switches_of_a_kind_may_differ_within_a_batch(patches: Tensor) -> None:
    noise = DEGRADATIONS["gaussian-noise"]
    mixed = apply(patches, [noise(0.2), noise(0.2, clip=True), noise(0.2, round_to_8_bits=True)], seeded())
    assert mixed[0].min() < 0
    assert mixed[1:].min() >= 0 and mixed[1:].max() <= 1
    assert torch.allclose(mixed[2] * 255, (mixed[2] * 255).round(), atol=1e-4)


def test_strengths_are_one_number_or_one_per_sample() -> None:
    image = torch.zeros(3, 3, 2, 2)
    assert per_sample(0.5, image).shape == (3, 1, 1, 1)
    assert per_sample(torch.tensor([1.0, 2.0, 3.0]), image, 0).tolist() == [1, 2, 3]
    with pytest.raises(RuntimeError):
        per_sample(torch.tensor([1.0, 2.0]), image)


@pytest.mark.parametrize("image", [torch.zeros(3, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8).byte()])
def test_what_is_no_image_is_refused(image: Tensor) -> None:
    with pytest.raises(ImageError, match="Expected image"):
        apply(image, [DEGRADATIONS["jpeg"].draw(0.5, seeded())], seeded())
