"""FFDNet: a plain stack of 3x3 convolutions at half resolution."""

from torch import Tensor, nn
from torch.nn import functional as F


class FFDNet(nn.Module):
    """Degraded to restored, `(B, 3, H, W)` to the same; H and W even.

    Args:
        width: channels of the inner convolutions.
        depth: number of convolutions.

    Source:
        Zhang, Zuo and Zhang, "FFDNet: Toward a Fast and Flexible Solution for CNN based Image Denoising", TIP 2018.
        Differs: no noise map (blind), no batch normalisation, no bias, predicts the residual.
    """

    def __init__(self, width: int = 96, depth: int = 12):
        super().__init__()
        inner = [nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(depth - 2)]
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(12, width, 3, padding=1, bias=False),
                *inner,
                nn.Conv2d(width, 12, 3, padding=1, bias=False),
            ]
        )
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # pyright: ignore[reportArgumentType]
        nn.init.normal_(self.layers[-1].weight, std=1e-3)  # pyright: ignore[reportArgumentType]
        self.size_multiple = 2
        self.receptive_radius = 2 * depth + 2

    def forward(self, degraded: Tensor) -> Tensor:
        """The restored picture; the residual is added in the precision of `degraded`."""
        features = F.pixel_unshuffle(degraded, 2).to(next(self.parameters()).dtype)
        for layer in self.layers[:-1]:
            features = F.relu(layer(features), inplace=True)
        return degraded + F.pixel_shuffle(self.layers[-1](features), 2).to(degraded.dtype)
