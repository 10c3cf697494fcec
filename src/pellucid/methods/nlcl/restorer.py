"""A derainer of two networks: one gives the background, the other the rain, and whether both agree is seen."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.images.overview import Context, Views
from pellucid.methods.base import Restoration
from pellucid.methods.restorer import NetworkRestorer, fastest_dtype, set_precision
from pellucid.networks.catalog import build_network
from pellucid.weights.files import load_into


class DerainingRestorer:
    """A `Restorer` whose image is the background B and whose map `rain` is the rain R, `(B, 3, H, W)`.

    The rain is what was added: 0 where there is none. B + R is the picture where both networks know what they see;
    where it is not, neither is to be believed (`mismatch`).

    Args:
        background: network that gives the background.
        rain: network that gives the rain.
        device: where both run.
        dtype: see `NetworkRestorer`; float32 when absent and the background network has no skip.
        widest_rain: pixels; what is removed and is wider than this in every direction, mist and light, is given back
            (`wider_than`), and the map of rain has it no more. Nothing is when absent.
    """

    def __init__(
        self,
        background: nn.Module,
        rain: nn.Module,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        widest_rain: int | None = None,
    ):
        if dtype is None and not getattr(background, "skip", True):
            dtype = torch.float32  # without a skip the whole picture goes through the network, and would be rounded
        self.inner = NetworkRestorer(background, device=device, dtype=dtype)
        set_precision(rain, fastest_dtype(device) if dtype is None else dtype)
        self.rain = rain.eval().to(self.inner.device, memory_format=torch.channels_last)  # pyright: ignore
        multiples: Any = (self.inner.size_multiple, rain.size_multiple)  # powers of two
        radii: Any = (self.inner.receptive_radius, rain.receptive_radius)
        self.size_multiple: int = max(multiples)
        self.tile_grid = self.size_multiple
        self.widest_rain, self._of_light = widest_rain, 0 if widest_rain is None else 2 * (widest_rain // 2)
        self.receptive_radius: int = max(radii) + self._of_light
        self.bytes_per_pixel = self.inner.bytes_per_pixel
        self.needs_context = self.inner.needs_context

    def context(self, views: Views) -> Context | None:
        """As the background network's."""
        return self.inner.context(views)

    def observe(self, views: Views) -> tuple[Context | None, Tensor]:
        """As the background network's."""
        return self.inner.observe(views)

    def reach(self, context: Context | None) -> int:
        """How far a pixel of either sees."""
        return max(self.inner.reach(context) + self._of_light, self.receptive_radius)

    def taken_for(self, context: Context | None) -> str | None:
        """Nothing is told apart."""
        return self.inner.taken_for(context)

    def is_sure(self, context: Context | None) -> bool:
        """Never sure."""
        return self.inner.is_sure(context)

    @torch.inference_mode()
    def restore(self, image: Tensor, context: Context | None = None) -> Restoration:
        """The background, and the rain as a map."""
        restoration = self.inner.restore(image, context)
        rain = self.rain(image.to(self.inner.device, torch.float32)).to(image.device)
        background = restoration.image
        if self.widest_rain is not None:
            background = background + wider_than((image - background).clamp_min(0), self.widest_rain)
            rain = rain - wider_than(rain.clamp_min(0), self.widest_rain)
        return Restoration(background, {**restoration.maps, "rain": rain}, restoration.perceived)


def wider_than(removed: Tensor, width: int) -> Tensor:
    """What of `removed`, `(B, C, H, W)`, is wider than `width` pixels in every direction: its opening.

        opening = max over a square of min over a square

    with squares of `width` pixels a side (one more where that is even). What is left of `removed` without it, the white
    top-hat, is thin: streaks, but not the mist between them.

    Source:
        Serra, "Image Analysis and Mathematical Morphology", 1982.
    """
    reach = width // 2
    lowest = -F.max_pool2d(-removed, 2 * reach + 1, stride=1, padding=reach)
    return F.max_pool2d(lowest, 2 * reach + 1, stride=1, padding=reach)


def mismatch(observed: Tensor, background: Tensor, rain: Tensor) -> Tensor:
    """How far a picture is from its parts, per picture, `(B,)`: the mean of |O - B - R|, in the unit of pictures."""
    return (observed - background - rain).abs().mean(dim=(1, 2, 3))


def deraining_restorer(tensors: dict[str, Tensor], description: dict[str, Any], device: str) -> DerainingRestorer:
    """The derainer that a weights file describes.

    Raises:
        WeightsError: when the tensors do not fit the networks.
        MethodError: when a network is not known.
    """
    networks = []
    for part in ("background", "rain"):
        network = build_network(description[part]["name"], description[part]["arguments"])
        own = {key.removeprefix(f"{part}."): value for key, value in tensors.items() if key.startswith(f"{part}.")}
        load_into(network, own, f"the {part} of the weights file")
        networks.append(network)
    return DerainingRestorer(*networks, device=device, widest_rain=description.get("recipe", {}).get("widest_rain"))
