"""Whose features are compared: those of a network that trains anyway, of one of its own, or of VGG."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from torch import Tensor, nn

from pellucid.errors import ConfigurationError
from pellucid.networks.patch_discriminator import PatchDiscriminator
from pellucid.networks.vgg16 import VGG16


class Encoder(Protocol):
    """Pictures to features of several levels."""

    def features(self, pictures: Tensor) -> list[Tensor]:
        """`(B, 3, H, W)` in `[0, 1]` to `(B, C_l, h_l, w_l)` each."""
        ...


class GeneratorEncoder:
    """The features that a restoring network has on its way.

    Args:
        network: any.
        levels: names of its parts (`named_modules`).

    Raises:
        ConfigurationError: when it has no such part.
    """

    def __init__(self, network: nn.Module, levels: Sequence[str]):
        parts = dict(network.named_modules())
        unknown = [name for name in levels if name not in parts]
        if unknown or not levels:
            known = ", ".join(name for name in parts if name and name.count(".") < 2)
            raise ConfigurationError(
                f"Expected parts of the background network ({known}), got {unknown[0] if unknown else 'none'}: correct "
                "objective.location_levels."
            )
        self.network, self.taps = network, [parts[name] for name in levels]

    @contextmanager
    def tapped(self) -> Iterator[list[Tensor]]:
        """A list that fills with the features of the passes made meanwhile, in the order they arise."""
        found: list[Tensor] = []

        def keep(_: nn.Module, __: Any, output: Any) -> None:
            found.append(output)

        handles = [tap.register_forward_hook(keep) for tap in self.taps]
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Of a pass that is made for them."""
        with self.tapped() as found:
            self.network(pictures)
        return found


class DiscriminatorEncoder:
    """The features of a discriminator, the picture itself the first; its scores are not among them.

    Args:
        network: the discriminator, or one of the same shape for nothing else.
        last_level: whether the deepest count.
    """

    def __init__(self, network: PatchDiscriminator, *, last_level: bool = True):
        self.network, self.count = network, 5 if last_level else 4

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Four or five levels."""
        return self.network.features(pictures)[: self.count]


class VGGEncoder:
    """The features of the frozen VGG-16 that ships."""

    def __init__(self, network: VGG16):
        self.network = network

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Four levels."""
        return self.network(pictures)
