"""How much a restorer that has seen the data relied on its prior, from how wrong it expects to be."""

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError


def posterior_prior_weight(error_variance: Tensor, data_variance: Tensor | float) -> Tensor:
    """The prior's weight in an estimate that was made from the data, pixel by pixel.

        phi = 1 - error_variance / data_variance,   within [0, 1];   0 where data_variance is 0

    `fuse` weighs a guess that has not seen a pixel's value against that value. A restorer's output has seen it already,
    and weighing it against the data once more would count them twice. But its expected error tells what it did:

    1. Let G0 be the guess from all but the pixel's own value, with error variance t0; the value y has variance s^2. The
       best estimate is `(1 - phi) y + phi G0` with `phi = s^2 / (s^2 + t0)`.
    2. Its error variance is `t = s^2 t0 / (s^2 + t0) = s^2 (1 - phi)`, since precisions add. Hence `phi = 1 - t / s^2`.
    3. Tweedie's formula says the same: for Gaussian noise `Cov[x | y] = s^2 J`, J the derivative of the estimate by the
       data, so that `phi = 1 - J_ii`: one minus how far a pixel follows its own value.

    Exact for Gaussian pictures in Gaussian noise; for others G0 is what would explain the estimate.

    Args:
        error_variance: expected squared error of the estimate, at least 0, of any shape.
        data_variance: of the noise in the observed values, at least 0; a number or a tensor that broadcasts with it.

    Returns:
        phi, of the broadcast shape, in `[0, 1]`; 0 where the error is that of the data or more.

    Raises:
        ConfigurationError: when a variance is negative or NaN.

    Source:
        Steps 1 and 2: precisions of independent Gaussian observations. Step 3: the second-order Tweedie formula, Efron,
        "Tweedie's formula and selection bias", JASA 2011. Own derivation for the weight.

    Example:
        >>> posterior_prior_weight(torch.tensor([0.0, 0.01, 0.04, 0.09]), 0.04)
        tensor([1.0000, 0.7500, 0.0000, 0.0000])
    """
    noise = torch.as_tensor(data_variance, dtype=error_variance.dtype, device=error_variance.device)
    for name, variance in (("error_variance", error_variance), ("data_variance", noise)):
        if not bool((variance >= 0).all()):
            raise ConfigurationError(
                f"Expected {name} of at least 0, got {variance.min().item():g}: give squared errors."
            )
    is_noisy = noise > 0
    return torch.where(is_noisy, 1 - error_variance / torch.where(is_noisy, noise, 1), 0).clamp(0, 1)
