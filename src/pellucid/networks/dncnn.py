"""DnCNN: a plain stack of 3x3 convolutions at full resolution that estimates what to take away from a picture."""

import math

from torch import Tensor, nn

LARGEST_FIRST_SCALE = 0.025
"""Of batch normalisation's scales, which begin small."""


class DnCNN(nn.Module):
    """The stack alone, `(B, inputs, H, W)` to `(B, outputs, H, W)`; H and W any. What is done with it is the caller's.

        conv, ReLU, (depth - 2) x [conv, normalisation, ReLU], conv

    Args:
        inputs: channels in.
        outputs: channels out.
        width: features.
        depth: number of convolutions.

    Source:
        Zhang et al., "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image Denoising", TIP 2017. The
        first weights are those that BIGPrior (TIP 2022) begins with: He's normal ones, and scales of the normalisation
        from `N(0, 2 / (9 width))` clipped to +-0.025.

    Example:
        >>> sum(weight.numel() for weight in DnCNN(1, 3).parameters())
        557184
    """

    def __init__(self, inputs: int, outputs: int, width: int = 64, depth: int = 17):
        super().__init__()
        self.first = _convolution(inputs, width)
        self.middle = nn.ModuleList(_convolution(width, width) for _ in range(depth - 2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(depth - 2))
        self.last = _convolution(width, outputs)
        self.receptive_radius = depth
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, std=math.sqrt(2 / (9 * width)))
                module.weight.data.clamp_(-LARGEST_FIRST_SCALE, LARGEST_FIRST_SCALE)

    def forward(self, picture: Tensor) -> Tensor:
        """What the last convolution gives, unbounded."""
        features = self.first(picture).relu_()
        for convolution, norm in zip(self.middle, self.norms, strict=True):
            features = norm(convolution(features)).relu_()
        return self.last(features)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
