"""Inversion of generators: codes are found again, the loss is the one that is written down, and sets of them resume."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.data.inversions import open_inversions
from pellucid.errors import ConfigurationError, DataError, ImageError
from pellucid.images.files import read_image
from pellucid.methods.bigprior.inversion import PUBLISHED, SearchSettings, invert, with_observed_luma
from pellucid.methods.bigprior.inversion_cache import SETTINGS, Observation, write_inversions
from pellucid.methods.bigprior.priors.contract import Guess, Prior
from pellucid.methods.bigprior.priors.inverted_generator import InvertedGenerator
from pellucid.networks.dcgan import house_numbers
from pellucid.networks.vgg16 import VGG16
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.average_pooling import AveragePooling
from pellucid.trust.operators.contract import LinearOperator
from pellucid.trust.operators.identity import IDENTITY, Identity
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=seeded(seed))


class Linear:
    """`G(z) = M z + 1/2`, 4x4 pixels; split before the shift: features are `M z` as pictures."""

    latent_size = 32

    def __init__(self) -> None:
        self.matrix = 0.1 * torch.randn(32, 48, generator=seeded(11))

    def __call__(self, latent: Tensor) -> Tensor:
        return self.after(self.before(latent, 0), 0)

    def before(self, latent: Tensor, layer: int) -> Tensor:
        return (latent @ self.matrix).view(-1, 3, 4, 4)

    def after(self, features: Tensor, layer: int) -> Tensor:
        return features + 0.5


HOLE = torch.ones(1, 1, 32, 32)
HOLE[..., 8:20, 8:20] = 0


@pytest.mark.parametrize("operator", [Mask(HOLE), AveragePooling(2)], ids=["mask", "pooling"])
def test_a_code_is_found_again(operator: LinearOperator) -> None:
    """House numbers of the generator's own, with a hole or small: from a good start all comes back."""
    generator = house_numbers()
    clean = generator(torch.randn(3, 100, generator=seeded(0)))
    settings = SearchSettings(steps=150, learning_rate=0.2)
    found = invert(generator, operator.forward(clean), operator, settings, random=seeded(2))
    assert found.losses.shape == (3, 151) and found.latents.shape == (3, 1, 100) and found.channel_weights is None
    assert bool((found.losses[:, -1] < found.losses[:, 0] / 20).all())
    torch.testing.assert_close(found.image, generator(found.latents[:, 0]))
    error = (found.image - clean).square().mean()
    assert error < (clean.mean(dim=(2, 3), keepdim=True) - clean).square().mean() / 2


def test_several_codes_say_more_than_one() -> None:
    """Of a picture out of the generator's range, every sample on its own."""
    generator = house_numbers()
    pictures = generator(torch.randn(4, 100, generator=seeded(3)))
    foreign = torch.where(torch.arange(32) < 16, pictures[:2], pictures[2:].flip(2))
    one, several = (
        invert(generator, foreign, IDENTITY, SearchSettings(codes=codes, layer=1, steps=60), random=seeded(0))
        for codes in (1, 6)
    )
    assert several.channel_weights is not None and several.channel_weights.shape == (2, 6, 128)
    assert bool((several.losses[:, -1] < 0.8 * one.losses[:, -1]).all())


def test_a_step_is_the_gradient_of_the_squared_error_between_minus_one_and_one() -> None:
    generator, rate = Linear(), 0.3
    observed = Luma().forward(drawn(2, 3, 4, 4))
    settings = SearchSettings(steps=1, optimiser="sgd", learning_rate=rate)
    found = invert(generator, observed, Luma(), settings, random=seeded(5))
    start = torch.randn(2, 1, 32, generator=seeded(5))[:, 0]
    weights = torch.tensor([0.299, 0.587, 0.114]).repeat_interleave(16)
    seen = (generator.matrix * weights).view(32, 3, 16).sum(1)  # luma of M
    residual = start @ seen + 0.5 - observed.flatten(1)
    torch.testing.assert_close(found.losses[:, 0], (4 * residual.square()).mean(1))
    torch.testing.assert_close(found.latents[:, 0], start - rate * 8 / 16 * residual @ seen.T)


@pytest.mark.parametrize("released", [False, True])
def test_weights_start_at_one_nth_and_as_released_once_more(released: bool) -> None:
    generator = Linear()
    settings = SearchSettings(codes=4, layer=0, steps=1, released_start=released)
    observed = drawn(1, 3, 4, 4)
    found = invert(generator, observed, IDENTITY, settings, random=seeded(2))
    latents = torch.randn(1, 4, 32, generator=seeded(2))
    features = (latents[0] @ generator.matrix).mean(0) / (4 if released else 1)
    expected = (2 * (features + 0.5 - observed.flatten())).square().mean()
    assert found.losses[0, 0].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("operator", [Identity(), Luma()], ids=["colours", "grey"])
def test_the_perceptual_term_is_a_thousandth_of_the_features_distance(operator: LinearOperator) -> None:
    generator = house_numbers()
    observed = operator.forward(drawn(1, 3, 32, 32))
    with_it, without = (
        invert(generator, observed, operator, SearchSettings(steps=1, perceptual_weight=weight), random=seeded())
        for weight in (0.7, 0.0)
    )
    network = VGG16()
    start = generator(torch.randn(1, 1, 100, generator=seeded())[:, 0])
    relu3_3 = [network(seen.expand(-1, 3, -1, -1))[-1] for seen in (operator.forward(start), observed)]
    extra = (with_it.losses - without.losses)[0, 0].item()
    assert extra == pytest.approx(0.7 * 1e-3 * F.l1_loss(*relu3_3).item(), rel=1e-4)


def test_pictures_of_a_batch_do_not_touch_each_other_nor_does_what_stands_in_a_hole() -> None:
    generator, known = Linear(), torch.ones(2, 1, 4, 4)
    known[:, :, 1:3, 1:3] = 0
    clean = drawn(2, 3, 4, 4)
    together = invert(generator, clean, Mask(known), random=seeded())
    alone = invert(
        generator, torch.where(known > 0, clean, float("nan"))[:1], Mask(known[:1]), random=seeded(), features=None
    )
    torch.testing.assert_close(together.image[:1], alone.image)
    torch.testing.assert_close(together.losses[:1], alone.losses)


def test_the_published_searches_have_the_published_numbers() -> None:
    """512 numbers of each code and as many weights are moved."""
    assert {task: settings.codes * (512 + 512) for task, settings in PUBLISHED.items()} == {
        "colorization": 20_480,
        "inpainting": 30_720,
        "denoising": 30_720,
    }
    assert [settings.steps for settings in PUBLISHED.values()] == [1500, 3000, 3000]
    assert all(settings.optimiser == "sgd" and settings.learning_rate == 1 for settings in PUBLISHED.values())


def test_what_an_inversion_refuses() -> None:
    with pytest.raises(ValidationError, match="3 codes need a layer"):
        SearchSettings(codes=3)
    with pytest.raises(ConfigurationError, match="before and after"):
        invert(Whole(), drawn(1, 3, 4, 4), IDENTITY, SearchSettings(codes=2, layer=0), random=seeded())
    with pytest.raises(ImageError, match=r"\(1, 3, 4, 4\), as the operator makes"):
        invert(Linear(), drawn(1, 3, 8, 8), IDENTITY, random=seeded())


class Whole:
    latent_size = 32

    def __call__(self, latent: Tensor) -> Tensor:
        return Linear()(latent)


def test_of_several_starts_the_best_by_its_own_loss_is_taken_and_they_spread() -> None:
    generator, operator = house_numbers(), AveragePooling(4)
    observed = operator.forward(generator(torch.randn(2, 100, generator=seeded(0))))
    prior = InvertedGenerator(generator, SearchSettings(steps=20), restarts=3)
    assert isinstance(prior, Prior)
    guess = prior.guess(observed, operator, noise_variance=0, generator=seeded(4))
    random = seeded(4)
    starts = [invert(generator, observed, operator, prior.settings, random=random) for _ in range(3)]
    for sample in range(2):
        best = min(starts, key=lambda one: one.losses[sample, -1].item())
        assert torch.equal(guess.image[sample], best.image[sample])
    assert guess.spread is not None
    torch.testing.assert_close(guess.spread, torch.stack([one.image for one in starts]).var(0))
    alone = InvertedGenerator(generator, SearchSettings(steps=1), restarts=1)
    assert alone.guess(observed, operator, noise_variance=0, generator=seeded()).spread is None
    with pytest.raises(ConfigurationError, match="at least 1 restart"):
        InvertedGenerator(generator, restarts=0)


def test_the_observed_luma_replaces_the_generator_s() -> None:
    image, grey = 0.4 + 0.2 * drawn(1, 3, 8, 8), 0.4 + 0.2 * drawn(1, 1, 8, 8, seed=1)
    replaced = with_observed_luma(image, grey)
    torch.testing.assert_close(Luma().forward(replaced), grey)
    for channel in (0, 2):  # Cr and Cb, but for factors
        before, after = (one[:, channel] - Luma().forward(one)[:, 0] for one in (image, replaced))
        torch.testing.assert_close(before, after)


# Sets of inversions


class Noisy:
    """A prior that draws, so that the files show which randomness they were made with; it counts and may break off."""

    def __init__(self, breaks_at: int = 100) -> None:
        self.calls, self.breaks_at = 0, breaks_at

    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        self.calls += 1
        if self.calls == self.breaks_at:
            raise KeyboardInterrupt
        return Guess(observed.expand(-1, 3, -1, -1) + 0.1 * torch.randn(observed.shape, generator=generator))


def grey_of(clean: Tensor, generator: Generator) -> Observation:
    grey = Luma().forward(clean)
    return Observation(grey + 0.05 * torch.randn(grey.shape, generator=generator), Luma(), 0.05**2)


PICTURES = [(f"house_{number}", drawn(1, 3, 8, 10, seed=number)) for number in (10, 2, 1)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_a_set_is_made_resumed_and_read(tmp_path: Path) -> None:
    write_inversions(tmp_path / "one", PICTURES, Noisy(), grey_of, seed=3, settings={"prior": "noisy"})
    with pytest.raises(KeyboardInterrupt):
        write_inversions(tmp_path / "two", PICTURES[::-1], Noisy(2), grey_of, seed=3, settings={"prior": "noisy"})
    (tmp_path / "two" / "gt" / "house_10.png").write_bytes(b"")  # a clean picture alone is no pair

    def unread() -> Tensor:
        raise AssertionError("a picture that is there is not read")

    again: list[tuple[str, Tensor | Callable[[], Tensor]]] = [
        (name, unread if name == "house_1" else picture) for name, picture in PICTURES
    ]
    prior = Noisy()
    written = write_inversions(tmp_path / "two", again, prior, grey_of, seed=3, settings={"prior": "noisy"})
    assert written.made == ("house_10", "house_2") and written.passed_over == ("house_1",) and prior.calls == 2
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    pairs = open_inversions(tmp_path / "one")
    assert [pair.name for pair in pairs] == ["house_1", "house_2", "house_10"]
    inversion, clean = pairs[2].load()
    torch.testing.assert_close(clean.float() / 255, PICTURES[0][1][0], atol=0.5 / 255 + 1e-6, rtol=0)
    assert not torch.equal(inversion, clean)


def test_what_finishes_a_guess_is_asked(tmp_path: Path) -> None:
    write_inversions(
        tmp_path,
        PICTURES[:1],
        Noisy(),
        lambda clean, generator: Observation(Luma().forward(clean), Luma()),
        seed=0,
        settings={},
        finish=lambda guess, seen: with_observed_luma(guess, seen.observed),
    )
    grey = Luma().forward(PICTURES[0][1]).expand(-1, 3, -1, -1)  # the prior's noise was on all colours alike
    torch.testing.assert_close(read_image(tmp_path / "inversion" / "house_10.png"), grey, atol=0.6 / 255, rtol=0)


def test_other_settings_foreign_folders_and_odd_names_are_refused(tmp_path: Path) -> None:
    def write(name: str = "house", seed: int = 0, folder: str = "set", **settings: int) -> None:
        pictures = [(name, PICTURES[0][1])]
        write_inversions(tmp_path / folder, pictures, Noisy(), grey_of, seed=seed, settings=settings)

    write(steps=3)
    assert json.loads((tmp_path / "set" / SETTINGS).read_text()) == {"seed": 0, "steps": 3}
    write(steps=3)
    with pytest.raises(DataError, match="another steps"):
        write(steps=4)
    with pytest.raises(DataError, match="another seed"):
        write(steps=3, seed=1)
    (tmp_path / "set" / SETTINGS).unlink()
    with pytest.raises(DataError, match=r"settings.json beside"):
        write(steps=3)
    for name in ("", "a/b", "..", ".hidden"):
        with pytest.raises(DataError, match="plain names"):
            write(name, folder="other")
    with pytest.raises(DataError, match="each once"):
        write_inversions(tmp_path / "third", PICTURES + PICTURES, Noisy(), grey_of, seed=0, settings={})
