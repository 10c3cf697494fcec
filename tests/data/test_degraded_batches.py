"""Batches as pure functions of seed, step and rank, whose samples know what was done to them."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.data.paired_batches import MixedBatches, PairedBatches
from pellucid.degradations.chain import CLEAN, Chain
from pellucid.degradations.mixing import Mixture, allotted
from pellucid.degradations.noise import GaussianNoise
from pellucid.errors import ConfigurationError, DataError

MIXTURE = Mixture({"clean": 2, "gaussian-noise": 2, "jpeg": 1, "rain+jpeg": 1})


def kinds(chain: Chain) -> str:
    """The names of a chain's degradations, joined."""
    return "+".join(degradation.name for degradation in chain) or CLEAN


def pictures() -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator) for size in ((40, 50), (33, 64))]


def batches(**changes) -> DegradedBatches:
    return DegradedBatches(pictures(), MIXTURE, **({"patch_size": 24, "batch_size": 6} | changes))


def same(one: Batch, other: Batch) -> bool:
    return (
        torch.equal(one.degraded, other.degraded)
        and torch.equal(one.clean, other.clean)
        and one.domains == other.domains
    )


def test_a_step_is_always_the_same_batch() -> None:
    first = batches()
    later = first(7)
    for step in (3, 0, 7):
        again = first(step)
    assert same(later, again) and again.step == 7
    assert same(later, batches()(7))


def test_steps_ranks_and_seeds_differ() -> None:
    made = [
        batches()(0),
        batches()(1),
        batches(rank=1)(0),
        batches(seed=1)(0),
        batches(rank=1, seed=1)(0),
    ]
    for row, one in enumerate(made):
        assert not any(torch.equal(one.clean, other.clean) for other in made[:row])


def test_shapes_ranges_and_domains() -> None:
    for step in range(12):
        batch = batches()(step)
        assert batch.degraded.shape == batch.clean.shape == (6, 3, 24, 24)
        assert batch.clean.min() >= 0 and batch.clean.max() <= 1
        assert set(batch.domains) <= set(MIXTURE.weights) and len(batch.domains) == 6
        changed = (batch.degraded != batch.clean).flatten(1).any(1).tolist()
        for name, is_changed in zip(batch.domains, changed, strict=True):
            assert is_changed == (name != "clean")


def test_domains_come_as_often_as_the_mixture_says() -> None:
    mixture = Mixture({"clean": 2, "gaussian-noise+grayscale": 3, "grayscale": 1})
    made = DegradedBatches(pictures(), mixture, patch_size=16, batch_size=20)
    domains = [domain for step in range(30) for domain in made(step).domains]
    assert domains.count("clean") == pytest.approx(200, abs=46)  # four standard deviations of a third of 600
    assert domains.count("grayscale") == pytest.approx(100, abs=37)


def test_a_domain_can_be_selected() -> None:
    batch = batches(batch_size=16)(0)
    noisy = batch.select("gaussian-noise")
    rows = [row for row, domain in enumerate(batch.domains) if domain == "gaussian-noise"]
    assert noisy.degraded.shape[0] == len(rows) > 0
    assert torch.equal(noisy.clean, batch.clean[rows]) and set(noisy.domains) == {"gaussian-noise"}
    assert batch.select("snow").degraded.shape == (0, 3, 24, 24)


def test_samples_know_the_parameters_of_what_was_done_to_them() -> None:
    flat = [torch.full((3, 64, 64), 128, dtype=torch.uint8)]
    batch = DegradedBatches(flat, Mixture({"clean": 1, "gaussian-noise": 1}), patch_size=48, batch_size=20)(0)
    assert tuple(kinds(chain) for chain in batch.chains) == batch.domains
    noisy = batch.select("gaussian-noise")
    assert len(noisy.chains) == len(noisy.domains) > 3
    asked = torch.tensor([chain[0].sigma for chain in noisy.chains if isinstance(chain[0], GaussianNoise)])
    assert torch.allclose((noisy.degraded - noisy.clean).std(dim=(1, 2, 3)), asked, rtol=0.05, atol=0.003)
    assert set(batch.select("clean").chains) == {()}


def test_pairs_are_cut_at_the_same_place() -> None:
    clean = pictures()
    pairs = [(255 - picture, picture) for picture in clean]
    paired = PairedBatches({"negatives": pairs}, {"negatives": 1.0}, patch_size=16)
    batch = paired(3, 8)
    assert torch.allclose(batch.degraded, 1 - batch.clean, atol=1e-6)
    assert same(batch, paired(3, 8)) and not same(batch, paired(4, 8))
    assert batch.domains == ("negatives",) * 8 and batch.chains == ((),) * 8


def test_mixed_batches_hold_their_share_of_pairs() -> None:
    pairs = [(255 - picture, picture) for picture in pictures()]
    paired = PairedBatches({"negatives": pairs}, {"negatives": 1.0}, patch_size=24)
    batch = MixedBatches(batches(batch_size=8), paired, 0.25)(5)
    assert batch.degraded.shape == (8, 3, 24, 24)
    assert batch.domains[6:] == ("negatives", "negatives") and "negatives" not in batch.domains[:6]
    assert batch.chains[6:] == ((), ())
    assert tuple(kinds(chain) for chain in batch.chains[:6]) == batch.domains[:6]
    assert set(MixedBatches(batches(batch_size=1), paired, 1.0)(0).domains) == {"negatives"}
    for share, size, lacking in ((0.5, 1, "pairs"), (0.1, 4, "pairs"), (0.9, 4, "the mixture")):
        with pytest.raises(ConfigurationError, match=f"leaves none for {lacking}"):
            MixedBatches(batches(batch_size=size), paired, share)


def test_a_share_is_grey_before_and_after() -> None:
    def is_grey(patches: Tensor) -> Tensor:
        return (patches.amax(1) - patches.amin(1)).amax(dim=(1, 2)) < 1e-6

    mixture = Mixture({"gaussian-noise": 1, "rain+jpeg": 1})
    batch = DegradedBatches(pictures(), mixture, patch_size=24, batch_size=200, grey_share=0.3)(0)
    grey = is_grey(batch.clean)
    assert 0.2 < grey.float().mean() < 0.4
    assert torch.equal(is_grey(batch.degraded), grey)
    none = DegradedBatches(pictures(), mixture, patch_size=24, batch_size=50)(0)
    assert not is_grey(none.clean).any()


def test_grey_patches_have_the_noise_that_was_asked_for() -> None:
    flat = [torch.full((3, 64, 64), 128, dtype=torch.uint8)]
    mixture = Mixture({"gaussian-noise": 1}, severity=(0.5, 0.5))
    batch = DegradedBatches(flat, mixture, patch_size=48, batch_size=40, grey_share=0.5)(0)
    spread = (batch.degraded - batch.clean).std(dim=(1, 2, 3))
    assert torch.allclose(spread, torch.full((40,), 27.5 / 255), rtol=0.08)


def test_a_share_is_rounded_as_files_are() -> None:
    mixture = Mixture({"gaussian-blur": 1, "clean": 1}, severity=(0.3, 1.0))
    plain = DegradedBatches(pictures(), mixture, patch_size=24, batch_size=200)(0)
    batch = DegradedBatches(pictures(), mixture, patch_size=24, batch_size=200, rounded_share=0.5)(0)
    assert torch.equal(batch.clean, plain.clean)
    off = (batch.degraded * 255 - (batch.degraded * 255).round()).abs().amax(dim=(1, 2, 3))
    is_blurred = torch.tensor([name == "gaussian-blur" for name in batch.domains])
    is_rounded = off[is_blurred] < 1e-3
    assert 0.35 < is_rounded.float().mean() < 0.65
    assert (batch.degraded - plain.degraded).abs().max() < 0.5001 / 255
    untouched = DegradedBatches(pictures(), mixture, patch_size=24, batch_size=200, rounded_share=0.0)(0)
    assert torch.equal(untouched.degraded, plain.degraded)


def test_a_share_is_cut_at_twice_the_size_and_averaged_down() -> None:
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    board = [((rows // 2 + columns // 2) % 2 * 255).to(torch.uint8).expand(3, -1, -1)]
    batch = DegradedBatches(board, Mixture({"clean": 1}), patch_size=24, batch_size=200, reduced_share=0.5)(0)
    assert batch.clean.shape == (200, 3, 24, 24) and batch.domains == ("clean",) * 200
    # Of squares of two pixels, means of 2 x 2 are 0, 1/2 or 1; a patch as it is has runs of two pixels.
    runs = (batch.clean[..., 1:] == batch.clean[..., :-1]).float().mean(dim=(1, 2, 3))
    is_reduced = (runs < 0.1) | (batch.clean == 128 / 255).any(dim=(1, 2, 3))
    assert 0.35 < is_reduced.float().mean() < 0.65
    assert ((batch.clean * 255 - (batch.clean * 255).round()).abs() < 1e-4).all()


def test_pictures_too_small_to_be_reduced_are_refused() -> None:
    with pytest.raises(DataError, match="at least 80 x 80 pixels"):
        batches(patch_size=40, reduced_share=1.0)(0)


LEVELS = Mixture({f"gaussian-noise:sigma={sigma},clip=true": 1 for sigma in (5, 10, 20)})


def test_a_key_with_parameters_is_a_domain_of_that_degree() -> None:
    batch = DegradedBatches(pictures(), LEVELS, patch_size=24, batch_size=60)(0)
    assert set(batch.domains) == set(LEVELS.weights)
    for name in LEVELS.weights:
        own = batch.select(name)
        typed = float(name.partition("sigma=")[2].partition(",")[0])
        assert all(chain[0].sigma * 255 == pytest.approx(typed) for chain in own.chains)  # pyright: ignore
        inside = (own.clean > 0.3) & (own.clean < 0.7)  # where nothing is clipped
        assert (own.degraded - own.clean)[inside].std().item() * 255 == pytest.approx(typed, rel=0.1)
        assert own.degraded.min() >= 0 and own.degraded.max() <= 1


@pytest.mark.parametrize("count", [6, 7, 8, 9])
def test_balanced_batches_hold_every_domain_in_proportion(count: int) -> None:
    made = DegradedBatches(pictures(), MIXTURE, patch_size=24, batch_size=count, is_balanced=True)
    batch = made(3)
    for name, weight in MIXTURE.weights.items():
        assert abs(batch.domains.count(name) - count * weight / 6) < 1
    assert len(batch.domains) == count and same(batch, made(3))
    assert len({made(step).domains for step in range(20)}) > 5, "in any order"


def test_all_domains_may_share_their_content() -> None:
    settings: dict[str, Any] = {"patch_size": 16, "batch_size": 12, "is_balanced": True, "has_same_content": True}
    batch = DegradedBatches(pictures(), LEVELS, **settings, grey_share=0.5, reduced_share=0.3)(0)
    first, *others = (batch.select(name) for name in LEVELS.weights)
    assert len(first.domains) == 4
    for other in others:
        assert torch.equal(other.clean, first.clean) and not torch.equal(other.degraded, first.degraded)
    assert len({patch.sum().item() for patch in first.clean}) == 4, "and they are different patches"
    apart = DegradedBatches(pictures(), LEVELS, **{**settings, "has_same_content": False})(0)
    one, other, _ = (apart.select(name).clean for name in LEVELS.weights)
    assert not torch.equal(one, other)


def test_content_is_shared_only_where_it_can_be() -> None:
    settings: dict[str, Any] = {"patch_size": 24, "is_balanced": True, "has_same_content": True}
    with pytest.raises(ConfigurationError, match="equal weights and patches for every one of 3 domains"):
        DegradedBatches(pictures(), LEVELS, batch_size=10, **settings)(0)
    with pytest.raises(ConfigurationError, match="equal weights"):
        DegradedBatches(pictures(), MIXTURE, batch_size=8, **settings)(0)


def test_pairs_may_be_balanced_too() -> None:
    pairs = [(255 - picture, picture) for picture in pictures()]
    sets, weights = {"one": pairs, "two": pairs, "three": pairs}, {"one": 1.0, "two": 2.0, "three": 1.0}
    batch = PairedBatches(sets, weights, patch_size=24, is_balanced=True)(0, 8)
    assert [batch.domains.count(name) for name in sets] == [2, 4, 2]


def test_more_domains_than_patches_take_turns() -> None:
    generator, weights = torch.Generator().manual_seed(0), {str(number): 1.0 for number in range(20)} | {"rare": 0.2}
    counts = Counter(name for _ in range(2000) for name in allotted(weights, 16, generator))
    share = 2000 * 16 / 20.2
    assert all(abs(counts[name] - share) < 0.1 * share for name in weights if name != "rare")
    assert counts["rare"] == pytest.approx(0.2 * share, rel=0.25)
