"""DCGAN's generator of house numbers: 32x32 pictures from codes, small enough to ship, split where codes are mixed."""

from itertools import pairwise

from torch import Tensor, nn

from pellucid.errors import ConfigurationError

LAYERS = ((256, 4), (128, 8), (64, 16))
"""Channels and side of the features at layer 0, 1 and 2, between which the generator can be split."""

_KERNEL = 5


class DCGAN(nn.Module):
    """Codes `(B, 100)`, drawn from N(0, I), to pictures `(B, 3, 32, 32)` in `[0, 1]`.

        f_0 = relu(F z + b_0),   f_k = relu(D_k f_(k-1) + b_k),   image = (tanh(D_3 f_2) + 1) / 2

    F is a matrix, D_k a transposed convolution of 5x5 with stride 2. Batch normalisation has no part of its own: with
    frozen statistics it is a scale, folded into F and D_k, and a shift, b_k.

    Source:
        Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
        Networks", ICLR 2016. Differs: 5x5 kernels from 4x4 features, as the authors' generator for SVHN has them.

    Example:
        >>> import torch
        >>> DCGAN()(torch.zeros(2, 100)).shape
        torch.Size([2, 3, 32, 32])
    """

    latent_size = 100
    layers = len(LAYERS)

    def __init__(self) -> None:
        super().__init__()
        channels = [width for width, _ in LAYERS]
        self.codes = nn.Linear(self.latent_size, channels[0] * LAYERS[0][1] ** 2)
        self.ups = nn.ModuleList(_doubling(one, other, bias=True) for one, other in pairwise(channels))
        self.last = _doubling(channels[-1], 3, bias=False)

    def forward(self, latent: Tensor) -> Tensor:
        """The picture of each code."""
        return self.after(self.before(latent, 0), 0)

    def before(self, latent: Tensor, layer: int) -> Tensor:
        """The features of codes `(B, 100)` at a layer, `(B, C, h, h)`, see `LAYERS`.

        Raises:
            ConfigurationError: when there is no such layer.
        """
        _check_layer(layer)
        width, side = LAYERS[0]
        features = self.codes(latent).relu().view(-1, width, side, side)
        for up in self.ups[:layer]:
            features = up(features).relu()
        return features

    def after(self, features: Tensor, layer: int) -> Tensor:
        """The picture that the rest of the generator makes of features at a layer: `after(before(z, k), k) = G(z)`.

        Raises:
            ConfigurationError: when there is no such layer.
        """
        _check_layer(layer)
        for up in self.ups[layer:]:
            features = up(features).relu()
        return (self.last(features).tanh() + 1) / 2


def house_numbers() -> DCGAN:
    """The generator of house numbers (SVHN) that ships with the package, frozen; see its card, `svhn-dcgan.md`.

    Raises:
        WeightsError: when the file of weights is not there.
    """
    from pellucid.weights.bundled import bundled_file
    from pellucid.weights.files import load_into, load_weights

    path = bundled_file("svhn-dcgan.safetensors")
    generator = DCGAN()
    load_into(generator, load_weights(path)[0], path)
    return generator.eval().requires_grad_(False)


def folded(
    weight: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, *, outputs: int, epsilon: float = 1e-8
) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer that does what it and a batch normalisation with frozen statistics do in turn.

        scale = gamma / sqrt(variance + epsilon),   weight' = scale weight,   bias' = beta - scale mean

    Args:
        weight: of a layer without bias.
        gamma: the normalisation's scale, one for each output.
        beta: its shift.
        mean: its statistics, as `variance`.
        variance: at least 0.
        outputs: which axis of `weight` counts the outputs.
        epsilon: added to the variance.
    """
    scale = gamma / (variance + epsilon).sqrt()
    along = [1] * weight.ndim
    along[outputs] = -1
    return weight * scale.view(along), beta - scale * mean


def _doubling(inputs: int, outputs: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, _KERNEL, stride=2, padding=2, output_padding=1, bias=bias)


def _check_layer(layer: int) -> None:
    if layer not in range(len(LAYERS)):
        raise ConfigurationError(f"Expected a layer of DCGAN, 0 to {len(LAYERS) - 1}, got {layer}: choose one of them.")
