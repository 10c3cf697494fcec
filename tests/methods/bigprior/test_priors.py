"""Priors: against dense linear algebra, against what is known of their solutions, and what they refuse."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from torch import Generator, Tensor, nn

from pellucid.errors import ConfigurationError, DataError, ImageError, MethodError
from pellucid.methods.bigprior.priors.contract import Prior, SplitGenerator
from pellucid.methods.bigprior.priors.deep_image_prior import DeepImagePrior, DeepImageSettings
from pellucid.methods.bigprior.priors.harmonic import Harmonic, harmonic_fill
from pellucid.methods.bigprior.priors.plug_and_play import PlugAndPlay, SplittingSettings, first_picture
from pellucid.methods.bigprior.priors.principal_components import PrincipalComponents
from pellucid.methods.bigprior.priors.user_generator import SampledPrior, ScriptedGenerator, scripted_generator
from pellucid.trust.operators.average_pooling import AveragePooling
from pellucid.trust.operators.circular_blur import CircularBlur
from pellucid.trust.operators.contract import LinearOperator
from pellucid.trust.operators.identity import Identity
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask

SHAPE = (3, 4, 6)
NOISE = 0.003


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=Generator().manual_seed(seed))


def half_known(seed: int = 5, height: int = 4, width: int = 6, count: int = 2) -> Tensor:
    return (drawn(count, 1, height, width, seed=seed) > 0.5).float()


KERNEL = torch.tensor([[0.0, 0.1, 0.0], [0.1, 0.6, 0.2], [0.0, 0.0, 0.0]])
OPERATORS: dict[str, LinearOperator] = {
    "identity": Identity(),
    "mask": Mask(half_known()),
    "luma": Luma(),
    "pooling": AveragePooling(2),
    "blur": CircularBlur(KERNEL),
}


def matrices(operator: LinearOperator, shape: tuple[int, ...], batch: int) -> list[Any]:
    """A of each sample, written down column by column."""
    size = int(np.prod(shape))
    columns = [
        operator.forward(unit.view(1, *shape).expand(batch, *shape)) for unit in torch.eye(size, dtype=torch.float64)
    ]
    return [np.stack([column[one].flatten().numpy() for column in columns], axis=1) for one in range(batch)]


# Principal components


@pytest.mark.parametrize("number", [40, 200])
def test_the_fit_is_that_of_the_covariance(number: int) -> None:
    """Tipping and Bishop's solution from a dense eigendecomposition, fewer and more pictures than values (72)."""
    pictures, count = drawn(number, *SHAPE) * torch.linspace(0.1, 1, 72).view(SHAPE), 7
    model = PrincipalComponents.fit(pictures, count)
    rows = pictures.double().flatten(1).numpy()
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    residual = values[:-count].mean()
    expected = vectors[:, -count:] @ np.diag(values[-count:] - residual) @ vectors[:, -count:].T
    factors = model.components.flatten(1).numpy()
    assert model.residual_variance == pytest.approx(residual)
    np.testing.assert_allclose(factors.T @ factors, expected, atol=1e-10)
    np.testing.assert_allclose(model.mean.flatten().numpy(), rows.mean(0), atol=1e-7)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_posterior_is_gaussian_conditioning(name: str) -> None:
    operator, count = OPERATORS[name], 5
    model = PrincipalComponents.fit(drawn(60, *SHAPE), count, beyond_range=True)
    observed = operator.forward(drawn(2, *SHAPE, seed=1)) + 0.05 * torch.randn(
        operator.forward(drawn(2, *SHAPE)).shape, generator=Generator().manual_seed(2)
    )
    guess = model.guess(observed, operator, noise_variance=NOISE, generator=Generator().manual_seed(3))
    in_range = PrincipalComponents(model.mean, model.components, model.residual_variance).guess(
        observed, operator, noise_variance=NOISE, generator=Generator()
    )
    assert guess.spread is not None and in_range.spread is not None
    factors, mean = model.components.flatten(1).numpy().T, model.mean.flatten().numpy()
    prior = factors @ factors.T + model.residual_variance * np.eye(len(mean))
    for sample, matrix in enumerate(matrices(operator, SHAPE, 2)):
        away = observed[sample].double().flatten().numpy() - matrix @ mean
        total = matrix @ prior @ matrix.T + NOISE * np.eye(len(matrix))
        gain, code_gain = prior @ matrix.T @ np.linalg.inv(total), factors.T @ matrix.T @ np.linalg.inv(total)
        np.testing.assert_allclose(guess.image[sample].flatten().numpy(), mean + gain @ away, atol=1e-5)
        variance = np.diag(prior - gain @ matrix @ prior)
        # Where probes estimate it, their error is a share of sigma^4 / s^2.
        loose = 0.25 * model.residual_variance if name == "blur" else 1e-7
        np.testing.assert_allclose(guess.spread[sample].flatten().numpy(), variance, atol=loose)
        expected = mean + factors @ code_gain @ away
        np.testing.assert_allclose(in_range.image[sample].flatten().numpy(), expected, atol=1e-5)
        codes = factors @ (np.eye(count) - code_gain @ matrix @ factors) @ factors.T
        variance = np.diag(codes) + model.residual_variance
        np.testing.assert_allclose(in_range.spread[sample].flatten().numpy(), variance, atol=1e-7)


def test_what_stands_in_a_hole_is_ignored_and_noise_may_be_zero() -> None:
    model = PrincipalComponents.fit(drawn(60, *SHAPE), 5)
    known, clean = half_known(), drawn(2, *SHAPE, seed=1)
    first, second = (
        model.guess(torch.where(known > 0, clean, fill), Mask(known), noise_variance=0.0, generator=Generator())
        for fill in (0.0, float("nan"))
    )
    assert torch.equal(first.image, second.image) and bool(first.image.isfinite().all())


def test_a_picture_of_the_model_s_is_found_again() -> None:
    model = PrincipalComponents.fit(drawn(60, *SHAPE), 5)
    codes = torch.randn(2, 5, generator=Generator().manual_seed(0), dtype=torch.float64)
    picture = model.mean + torch.einsum("bq,qchw->bchw", codes, model.components)
    sure = PrincipalComponents(model.mean, model.components, 1e-12)
    found = sure.guess(AveragePooling(2).forward(picture), AveragePooling(2), noise_variance=0, generator=Generator())
    torch.testing.assert_close(found.image, picture, atol=1e-6, rtol=0)


def test_what_principal_components_refuse() -> None:
    pictures = drawn(10, *SHAPE)
    with pytest.raises(ConfigurationError, match="1 to 8 components of 10"):
        PrincipalComponents.fit(pictures, 9)
    with pytest.raises(DataError, match="more ways than 3"):
        PrincipalComponents.fit(pictures[:2].repeat(5, 1, 1, 1), 3)
    model = PrincipalComponents.fit(pictures, 3)
    with pytest.raises(ImageError, match="size"):
        model.guess(drawn(1, 3, 8, 8), Identity(), noise_variance=0.1, generator=Generator())
    with pytest.raises(ConfigurationError, match="above 0"):
        model.guess(pictures, OPERATORS["blur"], noise_variance=0.0, generator=Generator())
    with pytest.raises(ConfigurationError, match="at least 0"):
        model.guess(pictures, Identity(), noise_variance=-1.0, generator=Generator())


# Harmonic fill


def solved(image: Any, known: Any) -> Any:
    """The five-point Laplace equation of one channel, assembled row by row and solved by a sparse direct method."""
    height, width = image.shape
    matrix, right = scipy.sparse.lil_matrix((height * width,) * 2), np.zeros(height * width)
    for row in range(height):
        for column in range(width):
            here = row * width + column
            if known[row, column]:
                matrix[here, here], right[here] = 1, image[row, column]
                continue
            for other_row, other in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if 0 <= other_row < height and 0 <= other < width:
                    matrix[here, here] += 1
                    matrix[here, other_row * width + other] = -1
    return scipy.sparse.linalg.spsolve(matrix.tocsr(), right).reshape(height, width)


def with_hole() -> tuple[Tensor, Tensor]:
    """Two pictures: a wide hole that touches the border, and scattered ones."""
    known = half_known(height=17, width=21)
    known[0] = 1
    known[0, :, 4:17, :12] = 0
    return drawn(2, 3, 17, 21), known


def test_the_fill_solves_laplace_s_equation() -> None:
    image, known = with_hole()
    filled = harmonic_fill(image, known)
    for sample in range(2):
        for channel in range(3):
            expected = solved(image[sample, channel].double().numpy(), known[sample, 0].numpy())
            np.testing.assert_allclose(filled[sample, channel].numpy(), expected, atol=1e-6)


def test_the_fill_stays_between_what_surrounds_it_and_keeps_what_is_known() -> None:
    image, known = with_hole()
    filled = harmonic_fill(torch.where(known > 0, image, float("nan")), known)
    assert torch.equal(filled[known.expand_as(filled) > 0], image[known.expand_as(image) > 0])
    for channel in range(3):
        inside = filled[0, channel][known[0, 0] == 0]
        edge = image[0, channel][known[0, 0] > 0]
        assert edge.min() < inside.min() and inside.max() < edge.max()


def test_a_plane_is_filled_without_an_error() -> None:
    plane = torch.linspace(0, 1, 40).expand(1, 3, 30, 40) * 0.5 + torch.linspace(0, 0.5, 30).view(1, 1, 30, 1)
    known = torch.ones(1, 1, 30, 40)
    known[..., 5:25, 6:34] = 0
    torch.testing.assert_close(harmonic_fill(plane, known), plane, atol=1e-6, rtol=0)


def test_holes_all_over_and_other_operators_are_refused() -> None:
    with pytest.raises(ImageError, match="at least one known pixel"):
        harmonic_fill(drawn(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
    with pytest.raises(MethodError, match="got Luma"):
        Harmonic().guess(drawn(1, 1, 4, 4), Luma(), noise_variance=0, generator=Generator())


# Plug and play


def smoothed(image: Tensor) -> Tensor:
    """A linear denoiser, a contraction: a window that wraps around, less a little."""
    return 0.85 * (0.5 * image + 0.125 * sum(image.roll(step, axis) for step in (1, -1) for axis in (2, 3)))


@pytest.mark.parametrize("name", OPERATORS)
def test_splitting_with_a_linear_denoiser_ends_at_its_fixed_point(name: str) -> None:
    """`(A'A / s^2 + (I - D) / t^2) x = A'y / s^2`, and the guess is D x."""
    operator, deviation = OPERATORS[name], 0.1
    observed = operator.forward(drawn(2, *SHAPE, seed=4))
    turns = SplittingSettings(steps=120, first_deviation=deviation, last_deviation=deviation)
    found = PlugAndPlay(smoothed, turns).guess(observed, operator, noise_variance=NOISE, generator=Generator())
    denoiser = matrices(SimpleNamespace(forward=smoothed), SHAPE, 1)[0]  # type: ignore[arg-type]
    for sample, matrix in enumerate(matrices(operator, SHAPE, 2)):
        system = matrix.T @ matrix / NOISE + (np.eye(len(denoiser)) - denoiser) / deviation**2
        fixed = np.linalg.solve(system, matrix.T @ observed[sample].double().flatten().numpy() / NOISE)
        np.testing.assert_allclose(found.image[sample].flatten().numpy(), denoiser @ fixed, atol=2e-5)


def test_it_starts_from_what_the_data_look_like() -> None:
    image = drawn(2, *SHAPE)
    known = half_known()
    assert torch.equal(first_picture(image, Mask(known)), harmonic_fill(image, known))
    grey = Luma().forward(image)
    assert torch.equal(first_picture(grey, Luma()), grey.expand(-1, 3, -1, -1))
    pooled = AveragePooling(2).forward(image)
    torch.testing.assert_close(AveragePooling(2).forward(first_picture(pooled, AveragePooling(2))), pooled)


def test_a_denoiser_that_changes_the_size_is_refused() -> None:
    with pytest.raises(ImageError, match="keeps the shape"):
        PlugAndPlay(lambda image: image[..., 1:]).guess(
            drawn(1, *SHAPE), Identity(), noise_variance=NOISE, generator=Generator()
        )


# Deep image prior


def test_an_untrained_network_takes_noise_off_and_leaves_the_process_s_randomness_alone() -> None:
    waves = torch.linspace(0, 3, 24)
    clean = (0.5 + 0.4 * torch.sin(waves.view(-1, 1) + waves * torch.tensor([1.0, 1.5, 2.0]).view(3, 1, 1)))[None]
    noisy = clean + 0.15 * torch.randn(clean.shape, generator=Generator().manual_seed(0))
    prior = DeepImagePrior(DeepImageSettings(steps=60, width=16, levels=2))
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again = (
        prior.guess(noisy, Identity(), noise_variance=0.15**2, generator=Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.image, again.image)
    errors = [(picture - clean).square().mean().item() for picture in (first.image, noisy)]
    assert errors[0] < errors[1] / 3
    assert first.spread is not None and first.spread.shape == clean.shape and bool((first.spread > 0).all())


def test_too_many_halvings_are_refused() -> None:
    with pytest.raises(ImageError, match="16 pixels for 3 halvings, got 4x6"):
        DeepImagePrior().guess(drawn(1, *SHAPE), Identity(), noise_variance=0, generator=Generator())


# Generators and pipelines of users


class Halves(nn.Module):
    """A generator that exports its halves; in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(drawn(5, 12) - 0.5)

    @torch.jit.export
    def before(self, latent: Tensor, layer: int) -> Tensor:
        return (latent @ self.matrix).view(-1, 3, 2, 2) * (layer + 1)

    @torch.jit.export
    def after(self, features: Tensor, layer: int) -> Tensor:
        return (features / (layer + 1)).tanh()

    def forward(self, latent: Tensor) -> Tensor:
        return self.after(self.before(latent, 0), 0)


class Whole(nn.Module):
    def forward(self, latent: Tensor) -> Tensor:
        return latent.view(-1, 3, 2, 2)


def saved(module: nn.Module, path: Path) -> Path:
    torch.jit.script(module).save(str(path))
    return path


def test_a_scripted_generator_is_the_network_in_our_range(tmp_path: Path) -> None:
    network, latent = Halves(), drawn(3, 5, seed=9)
    generator = scripted_generator(saved(network, tmp_path / "g.pt"), latent_size=5)
    assert isinstance(generator, SplitGenerator)
    torch.testing.assert_close(generator(latent), (network(latent) + 1) / 2)
    torch.testing.assert_close(generator.after(generator.before(latent, 1), 1), generator(latent))
    code = latent.clone().requires_grad_()
    generator(code).sum().backward()
    assert code.grad is not None and code.grad.any()
    assert not any(parameter.requires_grad for parameter in generator.network.parameters())


def test_split_methods_are_optional(tmp_path: Path) -> None:
    generator = scripted_generator(saved(Whole(), tmp_path / "g.pt"), latent_size=12, low=0, high=1)
    assert isinstance(generator, ScriptedGenerator) and not isinstance(generator, SplitGenerator)
    assert torch.equal(generator(drawn(1, 12)), drawn(1, 12).view(1, 3, 2, 2))


def test_files_that_are_no_generators_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.pt"
    with pytest.raises(MethodError, match="no such file"):
        scripted_generator(path, latent_size=5)
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(MethodError, match="pickles are not loaded"):
        scripted_generator(path, latent_size=5)
    torch.save(Halves().state_dict(), path)
    with pytest.raises(MethodError, match="pickles are not loaded"):
        scripted_generator(path, latent_size=5)
    saved(Halves(), path)
    with pytest.raises(MethodError, match="check latent_size"):
        scripted_generator(path, latent_size=6)
    with pytest.raises(ConfigurationError, match="high above low"):
        scripted_generator(path, latent_size=5, low=1, high=0)
    saved(nn.Identity(), path)
    with pytest.raises(MethodError, match=r"the shape \(1, 5\)"):
        scripted_generator(path, latent_size=5)


@dataclass
class Pipeline:
    """Draws around what it is given, and answers as diffusers' pipelines do."""

    answer: Callable[[Tensor], Any]

    def __call__(self, start: Tensor, generator: Generator) -> Any:
        return self.answer(start + 0.1 * torch.randn(start.shape, generator=generator))


@pytest.mark.parametrize(
    "answer",
    [
        lambda image: image,
        lambda image: SimpleNamespace(images=image),
        lambda image: SimpleNamespace(images=image.movedim(1, -1).numpy()),
    ],
    ids=["tensor", "pt", "np"],
)
def test_samples_give_mean_and_variance(answer: Callable[[Tensor], Any]) -> None:
    observed = drawn(1, 3, 16, 16)
    prior = SampledPrior(Pipeline(answer), count=64)
    assert isinstance(prior, Prior)
    guess = prior.guess(observed, Identity(), noise_variance=0, generator=Generator().manual_seed(0))
    assert guess.spread is not None
    assert (guess.image - observed).square().mean().item() == pytest.approx(0.1**2 / 64, rel=0.15)
    assert guess.spread.mean().item() == pytest.approx(0.1**2, rel=0.03)


def test_one_sample_and_samples_of_another_size_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 2 samples"):
        SampledPrior(Pipeline(lambda image: image), count=1)
    with pytest.raises(ImageError, match="got a list"):
        SampledPrior(Pipeline(lambda image: [image])).guess(
            drawn(1, *SHAPE), Identity(), noise_variance=0, generator=Generator()
        )
