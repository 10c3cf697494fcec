"""The weights that networks of convolutions and ReLU begin with."""

from torch import nn


def set_initial_weights(network: nn.Module) -> None:
    """Normal weights after He et al. ("Delving Deep into Rectifiers", ICCV 2015), from torch's own seed; no bias."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
