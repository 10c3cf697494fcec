"""Mixing: names, order, chains of a batch, hybrid tiers."""

from collections import Counter

import pytest
import torch
from torch import Generator, Tensor

from pellucid.degradations.blur import DefocusBlur, GaussianBlur
from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.chain import CLEAN, Chain
from pellucid.degradations.contract import apply
from pellucid.degradations.grayscale import Grayscale
from pellucid.degradations.hybrid import TIERS, draw_hybrid
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.mixing import NATURAL_ORDER, Mixture, apply_chains, draw_several
from pellucid.degradations.noise import GaussianNoise
from pellucid.degradations.presets import PRESETS
from pellucid.degradations.rain import Rain
from pellucid.degradations.resize import Resize
from pellucid.errors import ConfigurationError


def kinds(chain: Chain) -> str:
    """The names of a chain's degradations, joined."""
    return "+".join(degradation.name for degradation in chain) or CLEAN


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def picture(count: int, height: int = 24, width: int = 33) -> Tensor:
    return torch.rand(count, 3, height, width, generator=seeded(9))


def test_domain_names_the_chain() -> None:
    assert kinds(()) == "clean"
    assert kinds((Rain.draw_light(seeded()), Jpeg(50.0))) == "rain+jpeg"


def test_mixture_draws_as_often_as_it_is_told_and_keeps_the_order_written() -> None:
    mixture = Mixture({"clean": 1, "jpeg+gaussian-noise": 2, "gaussian-noise+jpeg": 1})
    generator = seeded()
    counts = Counter(kinds(mixture.draw(generator)) for _ in range(2000))
    assert set(counts) == {"clean", "jpeg+gaussian-noise", "gaussian-noise+jpeg"}
    assert counts["jpeg+gaussian-noise"] == pytest.approx(1000, abs=90)  # four standard deviations
    assert counts["clean"] == pytest.approx(500, abs=80)


def test_mixture_keeps_to_its_severities() -> None:
    mixture = Mixture({"gaussian-noise": 1.0}, severity=(0.2, 0.4))
    generator = seeded()
    sigmas = [noise.sigma * 255 / 55 for (noise,) in (mixture.draw(generator) for _ in range(300))]
    assert min(sigmas) == pytest.approx(0.2, abs=0.01) and max(sigmas) == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("weights", "severity", "word"),
    [
        ({"fog": 1.0}, (0, 1), "'fog'"),
        ({"rain+fog": 1.0}, (0, 1), "'fog'"),
        ({}, (0, 1), "weights"),
        ({"rain": 0.0}, (0, 1), "weights"),
        ({"rain": -1.0, "haze": 3.0}, (0, 1), "weights"),
        ({"rain": 1.0}, (0.5, 1.5), "severities"),
        ({"rain": 1.0}, (0.9, 0.1), "severities"),
    ],
)
def test_wrong_mixtures_are_refused(weights: dict[str, float], severity: tuple[float, float], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        Mixture(weights, severity)


def test_chains_of_a_batch_equal_one_by_one() -> None:
    image = picture(5)
    chains = [
        (GaussianBlur(1.2, 0.5, 0.3), Jpeg(40.0)),
        (),
        (Jpeg(40.0, subsampled=False), Grayscale(0.6), DefocusBlur(2.0)),
        (Jpeg(70.0),),
        (Grayscale(1.0), GaussianBlur(0.7)),
    ]
    together = apply_chains(image, chains, seeded())
    for row, chain in enumerate(chains):
        alone = image[row : row + 1]
        for degradation in chain:
            alone = apply(alone, [degradation], seeded())
        # Kernels of one call are as wide as the widest needs: tails of 3e-4 differ, and then a rounding by JPEG.
        assert torch.allclose(together[row : row + 1], alone, atol=1.01 / 255)
        assert (together[row] - alone[0]).abs().mean() < 2e-4
    assert torch.equal(together[1], image[1])


def test_the_clean_batch_is_not_touched() -> None:
    image = picture(2)
    before = image.clone()
    apply_chains(image, [(Jpeg(20.0), GaussianNoise(0.1)), ()], seeded())
    apply(image, [GaussianNoise(0.1), Jpeg(20.0)], seeded())
    assert torch.equal(image, before)


def test_the_order_of_a_chain_counts() -> None:
    image = picture(1)
    noise, compression = GaussianNoise(0.1, round_to_8_bits=True), Jpeg(30.0)
    chain = apply_chains(image, [(noise, compression)], seeded(1))
    generator = seeded(1)
    assert torch.equal(chain, apply(apply(image, [noise], generator), [compression], generator))
    assert not torch.equal(chain, apply_chains(image, [(compression, noise)], seeded(1)))


def test_a_whole_batch_may_change_its_size() -> None:
    chains = [(Resize(2.0, keep_size=False), GaussianNoise(0.01))] * 2
    assert apply_chains(picture(2, 20, 30), chains, seeded()).shape == (2, 3, 10, 15)


@pytest.mark.parametrize("tier", TIERS)
def test_hybrid_bins_sum_to_their_tier(tier: str) -> None:
    low, high = TIERS[tier]
    edges = (100, 80, 60, 50, 40, 35, 30, 25, 20, 15, 10)
    generator = seeded()
    sums = Counter()
    for _ in range(300):
        blur, noise, compression = draw_hybrid(tier, generator)
        k, m = int(blur.sigma / 0.5) + 1, int(noise.sigma * 255 / 5) + 1
        # A quality on an edge belongs to both bins.
        fitting = [n for n in range(1, 11) if edges[n] <= compression.quality <= edges[n - 1]]
        assert any(low <= k + m + n - 2 <= high for n in fitting)
        assert noise.round_to_8_bits and 1 <= k <= 10 and 1 <= m <= 10
        sums[k + m + fitting[0] - 2] += 1
    assert len(set(sums) & set(range(low, high + 1))) == high - low + 1  # every sum of the tier occurs


def test_severe_is_worse_than_moderate_than_mild(patches: Tensor) -> None:
    errors = []
    for tier in ("mild", "moderate", "severe"):
        chains = [draw_hybrid(tier, seeded(seed)) for seed in range(12)]
        clean = patches[:1].repeat(12, 1, 1, 1)
        errors.append((apply_chains(clean, chains, seeded()) - clean).square().mean().item())
    assert errors == sorted(errors)


def test_unknown_tier_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="mild, moderate, severe"):
        draw_hybrid("extreme", seeded())


def test_natural_order_holds_the_whole_catalog() -> None:
    # What lifting leaves of low light does not happen to photographs; we do it to them.
    assert sorted([*NATURAL_ORDER, "lifted-low-light"]) == sorted(DEGRADATIONS)


def test_several_are_different_and_in_their_natural_order() -> None:
    for seed in range(50):
        names = [degradation.name for degradation in draw_several(4, (0.0, 1.0), seeded(seed))]
        assert len(set(names)) == 4
        assert names == sorted(names, key=NATURAL_ORDER.index)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_draw_chains_in_their_natural_order(name: str) -> None:
    for seed in range(20):
        chain = PRESETS[name].draw((0.3, 0.3), seeded(seed))
        names = [degradation.name for degradation in chain]
        assert names and names == sorted(names, key=NATURAL_ORDER.index)
    image = picture(1)
    degraded = apply_chains(image, [chain], seeded())
    assert degraded.shape == image.shape and degraded.isfinite().all() and not torch.equal(degraded, image)
