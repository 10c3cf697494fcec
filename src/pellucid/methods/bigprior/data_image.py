"""The data's own picture, `g^-1(y)`: what was observed, turned into a picture without adding anything to it.

BIGPrior fuses by a *bijective* stand-in g for the degradation: what cannot be undone is left as it is, so that this
part can invent nothing. In its three tasks g is the identity, or grey to three equal colours.
"""

from torch import Tensor

from pellucid.errors import ImageError
from pellucid.images.contract import check_image


def from_grey(observed: Tensor) -> Tensor:
    """Colorization: the grey picture, `(B, 1, H, W)`, as three equal colours, `(B, 3, H, W)`.

    Raises:
        ImageError: when it has more than one channel.
    """
    if observed.ndim != 4 or observed.shape[1] != 1:
        raise ImageError(f"Expected a grey picture (B, 1, H, W), got {tuple(observed.shape)}: take one channel of it.")
    return observed.expand(-1, 3, -1, -1)


def from_masked(observed: Tensor, known: Tensor) -> Tensor:
    """Inpainting: the picture, `(B, 3, H, W)`, black in its hole, where `known`, `(B, 1, H, W)`, is 0."""
    return check_image(observed) * known


def from_noisy(observed: Tensor) -> Tensor:
    """Denoising: the noisy picture as it is, *not* clipped to `[0, 1]`, which would shift its mean."""
    return check_image(observed)
