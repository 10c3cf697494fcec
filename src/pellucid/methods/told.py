"""A restorer that is told what is wrong with its pictures."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid.errors import MethodError
from pellucid.images.overview import Context, Views, spread, views
from pellucid.methods.base import Restoration, Restorer
from pellucid.methods.restorer import NetworkRestorer
from pellucid.methods.trusted import TrustedRestorer
from pellucid.networks.all_in_one import AllInOne


class ToldRestorer:
    """A `Restorer` of one kind of picture: what is told to be wrong is undone, whether or not it is seen.

    Who looks at a photograph sees haze and darkness better than a network that must not be wrong about them, so these
    are undone only where they are told. Who restores the details is seen where no degradation of those is told.

    Args:
        restorer: one that tells degradations apart, such as the default model's; what it was told before is forgotten.
        degradations: that all of its pictures have, one name or several, in any order; `"Low light"` is `"low-light"`.

    Attributes:
        degradations: the same, each once, in the order in which the network names them.

    Raises:
        MethodError: when the restorer tells nothing apart, does not know one of the names, or has maps of trust.
    """

    def __init__(self, restorer: Restorer, degradations: str | Sequence[str]):
        if isinstance(restorer, TrustedRestorer):
            raise MethodError(
                "Expected a model that is told what is wrong before it gets maps of trust, got one with these: use "
                "with_trust(told(model, degradations))."
            )
        restorer = restorer.inner if isinstance(restorer, ToldRestorer) else restorer
        network = getattr(restorer, "network", None)
        if not isinstance(restorer, NetworkRestorer) or not isinstance(network, AllInOne):
            raise MethodError(
                "Expected a model that can be told what is wrong, such as default, got one that cannot: leave the "
                "degradations out (--always keeps every result), or take that model."
            )
        names = [degradations] if isinstance(degradations, str) else degradations
        names = [name.strip().lower().replace(" ", "-").replace("_", "-") for name in names]
        self.inner, self.network, self.known = restorer, network, network.told(names)
        self.degradations = tuple(name for name in network.degradations if name in names)
        self.size_multiple, self.tile_grid = restorer.size_multiple, restorer.tile_grid
        self.receptive_radius = restorer.receptive_radius
        self.bytes_per_pixel = restorer.bytes_per_pixel
        self.needs_context = True  # what is told must not be forgotten where there is nothing to see

    def context(self, views: Views) -> Context | None:
        """Who restores, and how what is told is undone."""
        return self.observe(views)[0]

    @torch.inference_mode()
    def observe(self, views: Views) -> tuple[Context | None, Tensor]:
        """`context`, and how probable every case looks that the network tells apart, whatever is told."""
        context, cases = self.network.observe(views.to(self.inner.device, torch.float32), self.known)
        return context, cases.cpu()

    def reach(self, context: Context | None) -> int:
        """As the restorer's."""
        return self.inner.reach(context)

    def taken_for(self, context: Context | None) -> str | None:
        """As the restorer's."""
        return self.inner.taken_for(context)

    def is_sure(self, context: Context | None) -> bool:
        """Always: somebody has looked."""
        return True

    def restore(self, image: Tensor, context: Context | None = None) -> Restoration:
        """As the restorer, with the context given here; that of `image` itself when absent."""
        if context is None and (made := self.context(views(image))) is not None:
            context = spread(made, (image.shape[-2], image.shape[-1]))
        return self.inner.restore(image, context)


def told_of(restorer: Restorer) -> tuple[str, ...]:
    """What a restorer is told, be it the one below maps of trust; nothing when it sees for itself."""
    inner = restorer.inner if isinstance(restorer, TrustedRestorer) else restorer
    return inner.degradations if isinstance(inner, ToldRestorer) else ()
