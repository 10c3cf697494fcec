"""A discriminator of patches: is this a photograph of a clean scene, place by place?"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BlurDown(nn.Module):
    """Half the resolution by a binomial filter of three taps, so that nothing aliases."""

    kernel: Tensor

    def __init__(self, width: int):
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0])
        kernel = torch.outer(taps, taps) / 16
        self.register_buffer("kernel", kernel.expand(width, 1, 3, 3).clone(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """`(B, C, H, W)` to `(B, C, ceil(H / 2), ceil(W / 2))`."""
        padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.kernel.to(features.dtype), stride=2, groups=len(self.kernel))


class PatchDiscriminator(nn.Module):
    """Pictures in `[0, 1]` to one score per patch of 70 pixels, `(B, 1, h, w)`: 1 for real, 0 for made.

    Args:
        width: channels of the first layer; the others have two, four and eight times as many.

    Attributes:
        convolutions: five; the outputs of `features` are theirs.

    Source:
        Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017 (70 x 70), with the
        downsampling of Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, as CUT and NLCL have
        it: Xavier-normal weights of gain 0.02, instance norm without weights, leaky ReLU of 0.2, biases of 0.
    """

    def __init__(self, width: int = 64):
        super().__init__()
        widths = (3, width, 2 * width, 4 * width, 8 * width, 1)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 4, padding=1) for inputs, outputs in pairwise(widths)
        )
        self.downs = nn.ModuleList(BlurDown(its) for its in widths[1:4])
        for convolution in self.convolutions:
            nn.init.xavier_normal_(convolution.weight, gain=0.02)  # pyright: ignore
            nn.init.zeros_(convolution.bias)  # pyright: ignore

    def forward(self, pictures: Tensor) -> Tensor:
        """The scores."""
        return self.features(pictures)[-1]

    def features(self, pictures: Tensor) -> list[Tensor]:
        """The picture itself, what each convolution gives, and last the scores.

        Of the first convolution what follows its leaky ReLU, of the others what precedes norm and ReLU, as NLCL's
        released code has it, where the first ReLU works in place.

        Returns:
            Six: `(B, 3, H, W)` scaled to `[-1, 1]`, widths 1, 2, 4 and 8 times at the full, half, quarter and quarter
            of a half resolution, and the scores.
        """
        features = 2 * pictures - 1
        found = [features]
        for number, convolution in enumerate(self.convolutions):
            features = convolution(features)
            if number == 0:
                features = F.leaky_relu(features, 0.2)
            found.append(features)
            if number == len(self.convolutions) - 1:
                break
            if number > 0:
                features = F.leaky_relu(F.instance_norm(features), 0.2)
            if number < len(self.downs):
                features = self.downs[number](features)
        return found
