"""A model by name or file, ready to restore pictures of any size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import ImageError, MethodError
from pellucid.images.contract import check_image
from pellucid.images.memory import parse_memory, plan_tile_size
from pellucid.images.overview import spread, views
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.images.tiling import Box, plan_tiles, restore_tiled
from pellucid.methods.base import Restoration, Restorer
from pellucid.methods.catalog import method
from pellucid.methods.devices import chosen_device, spare_on_device
from pellucid.weights.bundled import BUNDLED, bundled_weights
from pellucid.weights.files import load_weights, sha256


@dataclass(frozen=True)
class Model:
    """A restorer with its name and description. Padding, tiling and clamping happen here, once.

    Attributes:
        name: as it was asked for.
        restorer: the trained method.
        description: what the weights file says of itself.
        weights_sha256: hash of the weights file.
        device: where it runs.
    """

    name: str
    restorer: Restorer
    description: Mapping[str, Any]
    weights_sha256: str
    device: str

    def restore(self, image: Tensor, *, memory: str | int | None = None, tile: int | None = None) -> Restoration:
        """Restore a picture that is in memory.

        Args:
            image: `(B, 3, H, W)`, RGB, in `[0, 1]`, any size. Values outside the range are used as they are.
            memory: budget for working memory (`"2G"` or bytes); half of what is free when absent. Decides the tiles.
            tile: side of the largest square restored at once, pixels; other shapes have no more. Wins over `memory`.

        Returns:
            The restored picture, clamped to `[0, 1]`, float32, with the maps of the method.

        Raises:
            ImageError: when `image` is not such a tensor.
            DeviceError: when not even the smallest tile fits the budget.

        Example:
            >>> import torch
            >>> import pellucid
            >>> restored = pellucid.load().restore(torch.rand(1, 3, 30, 45)).image
            >>> tuple(restored.shape)
            (1, 3, 30, 45)
        """
        check_image(image)
        if not bool(image.isfinite().all()):
            raise ImageError("Expected image to hold numbers, got NaN or infinity in it: replace those pixels first.")
        size = (int(image.shape[-2]), int(image.shape[-1]))
        image = image.float()
        tile = self.tile_size(*size, memory=memory, tile=tile, count=image.shape[0])
        context = self.restorer.context(views(image))
        if tile is None or tile >= max(size):
            padded, _ = pad_to_multiple(image, self.restorer.size_multiple)
            whole = Box(0, 0, *padded.shape[-2:])
            restoration = self.restorer.restore(padded, None if context is None else spread(context, size, whole))
            maps = {name: crop_to(value, size) for name, value in restoration.maps.items()}
            return Restoration(crop_to(restoration.image, size).clamp(0, 1), maps, restoration.perceived)
        reach = self.restorer.reach(context)
        multiple, grid = self.restorer.size_multiple, self.restorer.tile_grid
        tiles = plan_tiles(*size, tile=tile, multiple=multiple, radius=reach, grid=grid)
        channels: dict[str, int] = {}

        def stacked(part: Tensor, box: Box) -> Tensor:
            """Picture and maps of one tile as channels of one tensor, so that they are placed together."""
            restoration = self.restorer.restore(part, None if context is None else spread(context, size, box))
            channels.update({name: value.shape[1] for name, value in restoration.maps.items()})
            return torch.cat([restoration.image, *restoration.maps.values()], dim=1)

        restored, *maps = restore_tiled(image, stacked, tiles).split([3, *channels.values()], dim=1)
        return Restoration(restored.clamp(0, 1), dict(zip(channels, maps, strict=True)))

    def tile_size(
        self, height: int, width: int, *, memory: str | int | None = None, tile: int | None = None, count: int = 1
    ) -> int | None:
        """The tile planned for `count` pictures of this size before anything is allocated; `None` is each whole."""
        if tile is not None:
            return tile
        budget = spare_on_device(self.device) // 2 if memory is None else parse_memory(memory)
        return plan_tile_size(
            height,
            width,
            budget_bytes=budget,
            bytes_per_pixel=self.restorer.bytes_per_pixel * count,
            fixed_bytes=0,
            multiple=self.restorer.tile_grid,
            radius=self.restorer.receptive_radius,
        )


def load(name: str | Path = "default", device: str | None = None) -> Model:
    """The model called `name`: a bundled one, or a weights file that `pellucid train` wrote.

    Args:
        name: `"default"`, another bundled name, or a path.
        device: `"cpu"`, `"cuda"`, `"mps"`; the best at hand when absent.

    Raises:
        MethodError: when the name is neither bundled nor a file.
        WeightsError: when the file cannot be trusted or does not fit its network.
        DeviceError: when the device is not at hand.
    """
    path = bundled_weights(str(name)) if str(name) in BUNDLED else Path(name)
    if not path.is_file():
        raise MethodError(
            f"Expected a model out of {', '.join(BUNDLED)} or a weights file, got {str(name)!r}: check the name."
        )
    device = chosen_device(device)
    tensors, description = load_weights(path)
    restorer = method(description.get("method", "")).build_restorer(tensors, description, device)
    return Model(str(name), restorer, description, sha256(path), device)


def told(model: Model, degradations: str | Sequence[str]) -> Model:
    """`model` for pictures that are known to have these degradations: it undoes them without looking for them.

    Haze and low light are undone only where they are told. Of noise, blur, JPEG and rain one goes to its specialist,
    and several together to the generalist; where none is told, what there is of them is seen as ever.

    Args:
        model: one that tells degradations apart, such as the default; what it was told before is forgotten.
        degradations: one or several of `"noise"`, `"blur"`, `"jpeg"`, `"rain"`, and one of `"haze"` and `"low-light"`.

    Raises:
        MethodError: when the model tells nothing apart or cannot undo one of them, or has maps of trust already, which
            come last.

    Example:
        >>> import torch
        >>> hazy = told(load(), "haze")
        >>> image = 0.5 + 0.4 * torch.rand(1, 3, 32, 48)
        >>> hazy.restorer.taken_for(hazy.restorer.context(views(image))).split(",")[0]
        'haze'
    """
    from pellucid.methods.told import ToldRestorer

    return replace(model, restorer=ToldRestorer(model.restorer, degradations))


def with_trust(model: Model, trust: str | Path = "default") -> Model:
    """`model` with the maps `prior`, `effect` and `error` in all that it restores; itself when it has them.

    Args:
        model: one that a map of trust was trained and calibrated for, such as the default.
        trust: the weights of that map; the bundled ones by the name `"default"`.

    Raises:
        MethodError: when the map was made for another model.
        WeightsError: when its weights are not there, or cannot be trusted.

    Example:
        >>> import torch
        >>> sorted(with_trust(load()).restore(torch.rand(1, 3, 32, 48)).maps)
        ['effect', 'error', 'prior']
    """
    from pellucid.methods.trusted import TrustedRestorer, trusted

    if isinstance(model.restorer, TrustedRestorer):
        return model
    return replace(model, restorer=trusted(model.restorer, model.weights_sha256, model.device, trust))
