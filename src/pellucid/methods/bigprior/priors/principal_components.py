"""Probabilistic principal components: the prior for which everything is known in closed form.

    x = mu + W z + e,   z ~ N(0, I_q),  e ~ N(0, sigma^2 I)

Observed by any linear operator, `y = A x + n`, n of variance s^2, everything stays Gaussian:

    N = sigma^2 A A' + s^2,   P = I + (A W)' N^-1 A W,   E[z | y] = P^-1 (A W)' N^-1 (y - A mu),   Cov[z | y] = P^-1

Source:
    Tipping and Bishop, "Probabilistic Principal Component Analysis", JRSS B 61 (1999), Eq. 7 and 8 for the fit; the
    posterior is Gaussian conditioning, with an operator.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pellucid.errors import ConfigurationError, DataError, ImageError, MethodError
from pellucid.images.contract import check_image
from pellucid.methods.bigprior.priors.contract import Guess, heard
from pellucid.trust.conjugate_gradients import conjugate_gradients
from pellucid.trust.fusion import Variance
from pellucid.trust.operators.contract import LinearOperator, SeparateOperator
from pellucid.trust.probes import Probes, diagonal_by_probes

_RESIDUAL = 1e-9


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """A linear generator of pictures of one size; a `Prior`.

    Attributes:
        mean: mu, `(3, H, W)`, float64.
        components: the columns of W, `(q, 3, H, W)`, float64.
        residual_variance: sigma^2, of what no code can say.
        beyond_range: guess `E[x | y]` rather than `mu + W E[z | y]`. The first is the best estimate there is, data and
            belief in one; the second is a picture of the generator's, as the inversion of a network is, and its spread
            `diag(W P^-1 W') + sigma^2` takes e as if nothing had been seen of it.

    The spread is true of pictures that the model would draw. Of photographs that it was not fitted to it is too small:
    calibrate it on some.

    Example:
        >>> from pellucid.trust.operators.average_pooling import AveragePooling
        >>> random = Generator().manual_seed(0)
        >>> levels = torch.rand(50, 1, 1, 1, generator=random) + 0.01 * torch.randn(50, 3, 4, 4, generator=random)
        >>> model, seen = PrincipalComponents.fit(levels, 1), torch.full((1, 3, 1, 1), 0.8)
        >>> guess = model.guess(seen, AveragePooling(4), noise_variance=1e-4, generator=random)
        >>> bool((guess.image - 0.8).abs().max() < 0.02)
        True
    """

    mean: Tensor
    components: Tensor
    residual_variance: float
    beyond_range: bool = False

    @classmethod
    def fit(cls, pictures: Tensor, count: int, *, beyond_range: bool = False) -> "PrincipalComponents":
        """The likeliest model of some pictures.

            W = U_q (L_q - sigma^2 I)^(1/2),   sigma^2 = sum_(j > q) l_j / (D - q)

        l and U are eigenvalues and eigenvectors of the covariance, divided by the number of pictures; D = 3 H W.

        Args:
            pictures: `(N, 3, H, W)`, all of one size, N above q + 1. Add mirrored ones to see more.
            count: q.
            beyond_range: see the class.

        Raises:
            ConfigurationError: when there are too few pictures for so many components.
            DataError: when the components say everything, so that sigma^2 is 0.
        """
        number, dimensions = len(check_image(pictures, "pictures")), pictures[0].numel()
        if not 1 <= count < min(number - 1, dimensions):
            raise ConfigurationError(
                f"Expected 1 to {min(number - 1, dimensions) - 1} components of {number} pictures with {dimensions} "
                f"values, got {count}: give more pictures or fewer components."
            )
        rows = pictures.double().flatten(1)
        mean = rows.mean(0)
        # The smaller of the two Gram matrices has the same eigenvalues, but for zeros.
        centred = rows - mean
        is_short = number < dimensions
        gram = (centred @ centred.T if is_short else centred.T @ centred) / number
        values, vectors = torch.linalg.eigh(gram)
        values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)[:, :count]
        residual = (values[count:].sum() / (dimensions - count)).item()
        if not residual > 1e-12 * values[0].item():
            raise DataError(
                f"Expected pictures that differ in more ways than {count} components have, got a residual of "
                f"{residual:.1g}: give more pictures or fewer components."
            )
        directions = centred.T @ vectors / (number * values[:count]).sqrt() if is_short else vectors
        scaled = directions * (values[:count] - residual).clamp_min(0).sqrt()
        shape = pictures.shape[1:]
        return cls(mean.view(shape), scaled.T.reshape(count, *shape).contiguous(), residual, beyond_range)

    def guess(
        self, observed: Tensor, operator: LinearOperator, *, noise_variance: Variance, generator: Generator
    ) -> Guess:
        """The posterior of this model, see `Prior.guess`; random is only the variance where there is no closed form.

        The memory is that of q observations for each sample, in float64.

        Raises:
            ImageError: when the observation is not of the model's size.
            ConfigurationError: when the noise is negative, or 0 for an operator without a closed form.
            MethodError: when conjugate gradients do not converge.
        """
        batch = len(observed)
        mean, components = self.mean.to(observed.device), self.components.to(observed.device)
        expected = operator.forward(mean.expand(batch, -1, -1, -1))
        if expected.shape != observed.shape:
            raise ImageError(
                f"Expected observed of shape {tuple(expected.shape)}, as the operator makes of the model's pictures, "
                f"got {tuple(observed.shape)}: bring it to the size {tuple(mean.shape[1:])}."
            )
        noise = _Noise(
            operator, self.residual_variance, _expanded(noise_variance, expected), mean.expand(batch, -1, -1, -1)
        )
        away = heard(observed.double(), operator) - heard(expected, operator)
        # One component at a time: a mask may differ from sample to sample.
        images = torch.stack([operator.forward(one.expand(batch, -1, -1, -1)) for one in components], dim=1)
        weighed = torch.stack([noise.solved(image) for image in images.unbind(1)], dim=1)
        flat, flat_weighed = images.flatten(2), weighed.flatten(2)
        precision = torch.eye(len(components)).to(away) + flat_weighed @ flat.transpose(1, 2)
        factor = torch.linalg.cholesky(precision)
        codes = torch.cholesky_solve(flat_weighed @ away.flatten(1).unsqueeze(2), factor)[..., 0]
        image = mean + torch.einsum("bq,qchw->bchw", codes, components)
        slopes = components.expand(batch, *components.shape)
        spread = torch.full_like(image, self.residual_variance)
        if self.beyond_range:
            left = away - torch.einsum("bq,bq...->b...", codes, images)
            image = image + self.residual_variance * operator.adjoint(noise.solved(left))
            slopes = components - self.residual_variance * torch.stack(
                [operator.adjoint(one) for one in weighed.unbind(1)], dim=1
            )
            spread = spread * (1 - self.residual_variance * noise.inverse_diagonal(generator))
        # diag(S P^-1 S') = |L^-1 S'|^2 by columns, P = L L'
        half = torch.linalg.solve_triangular(factor, slopes.flatten(2), upper=False)
        spread = spread + half.square().sum(1).view_as(image)
        return Guess(image.to(observed.dtype), spread.clamp_min(0).to(observed.dtype))


@dataclass(frozen=True)
class _Noise:
    """`N = sigma^2 A A' + s^2`: what the data are off from `A (mu + W z)`."""

    operator: LinearOperator
    residual: float
    noise: Tensor
    like: Tensor

    def __post_init__(self) -> None:
        if not bool((self.noise >= 0).all()):
            raise ConfigurationError("Expected noise_variance of at least 0, got less: give a squared deviation.")
        if not isinstance(self.operator, SeparateOperator) and not bool((self.noise > 0).all()):
            raise ConfigurationError(
                "Expected noise_variance above 0 for an operator without a closed form, got 0: give at least the "
                "1.3e-6 of rounding to 8 bits."
            )

    def solved(self, right: Tensor) -> Tensor:
        """`N^-1 b`."""
        if isinstance(self.operator, SeparateOperator):
            return right / self._diagonal(self.operator)
        solution = conjugate_gradients(self._product, right, tolerance=_RESIDUAL)
        if bool((solution.residual > _RESIDUAL).any()):
            raise MethodError(
                f"Expected conjugate gradients to reach a residual of {_RESIDUAL}, got "
                f"{solution.residual.max().item():.1g}: give a larger noise_variance."
            )
        return solution.values

    def inverse_diagonal(self, generator: Generator) -> Tensor:
        """`diag(A' N^-1 A)`, by probes where there is no closed form."""
        if isinstance(self.operator, SeparateOperator):
            # A' N^-1 A is not diagonal where a block shares an observation; its diagonal is all that is asked for.
            return self.operator.squared_adjoint(1 / self._diagonal(self.operator))

        def product(image: Tensor) -> Tensor:
            return self.operator.adjoint(self.solved(self.operator.forward(image)))

        return diagonal_by_probes(product, self.like.contiguous(), Probes(generator)).values

    def _diagonal(self, operator: SeparateOperator) -> Tensor:
        total = self.residual * operator.squared_forward(torch.ones_like(self.like)) + self.noise
        return torch.where(total > 0, total, 1)  # what depends on no pixel

    def _product(self, observed: Tensor) -> Tensor:
        return self.residual * self.operator.forward(self.operator.adjoint(observed)) + self.noise * observed


def _expanded(variance: Variance, like: Tensor) -> Tensor:
    return torch.as_tensor(variance).to(like).expand(like.shape)
