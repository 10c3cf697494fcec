"""One specialist of a joined model, as a restorer of its own: it does what it was trained for, whatever it is shown."""

from collections.abc import Callable

from torch import Tensor

from pellucid.errors import MethodError
from pellucid.images.tiling import Box, plan_tiles, restore_tiled
from pellucid.methods.restorer import NetworkRestorer
from pellucid.networks.catalog import build_network
from pellucid.weights.bundled import bundled_weights
from pellucid.weights.files import load_into, load_weights

TILE = 1024
"""Pixels along a side that a denoiser works on at once."""


def denoiser(device: str) -> Callable[[Tensor], Tensor]:
    """The default model's specialist for noise, for pictures of any size: `(B, 3, H, W)` to the same in `[0, 1]`.

    The whole default model is none for those who ask it again and again: it would lift what is dark, turn by turn.
    """
    restorer = specialist("noise", device=device)

    def function(part: Tensor, box: Box) -> Tensor:
        return restorer.restore(part).image

    def denoise(image: Tensor) -> Tensor:
        size, multiple, radius = image.shape[-2:], restorer.size_multiple, restorer.receptive_radius
        tiles = plan_tiles(size[0], size[1], tile=TILE, multiple=multiple, radius=radius)
        return restore_tiled(image, function, tiles).clamp(0, 1)

    return denoise


def specialist(name: str, model: str = "default", device: str = "cpu") -> NetworkRestorer:
    """The specialist called `name` of a bundled model; nothing is chosen, and no low light or haze is undone.

    Args:
        name: `"noise"`, `"rain"`, `"blur"` or `"jpeg"`.
        model: name of a bundled model.
        device: where it runs.

    Raises:
        MethodError: when the model has no such part.
    """
    tensors, description = load_weights(bundled_weights(model))
    parts = description["network"]["arguments"].get("specialists", {})
    if name not in parts:
        raise MethodError(f"Expected a specialist out of {', '.join(parts)}, got {name!r}: choose one of them.")
    network, own = build_network(parts[name]["name"], parts[name]["arguments"]), f"specialists.{name}."
    own_tensors = {key.removeprefix(own): value for key, value in tensors.items() if key.startswith(own)}
    load_into(network, own_tensors, f"the part {name} of {model}")
    return NetworkRestorer(network, device=device, bytes_per_pixel=description.get("bytes_per_pixel"))
