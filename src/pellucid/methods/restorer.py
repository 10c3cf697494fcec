"""A restorer that is one network."""

import platform
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.errors import DeviceError, MethodError
from pellucid.images.overview import Context, Views, maps_of, spread, views
from pellucid.methods.base import Restoration, Restorer
from pellucid.networks.catalog import build_network
from pellucid.weights.files import load_into

DEFAULT_BYTES_PER_PIXEL = 400.0


def fastest_dtype(device: torch.device | str) -> torch.dtype:
    """bf16 where the device multiplies it in hardware, float32 where it would only be imitated, slowly."""
    device = torch.device(device)
    if device.type == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu" and torch.backends.mkldnn.is_available():
        on_x86 = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # no public name asks this
        is_x86 = platform.machine().lower() in ("x86_64", "amd64")
        has_bf16 = on_x86() if is_x86 and on_x86 else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    else:
        has_bf16 = False
    return torch.bfloat16 if has_bf16 else torch.float32


class NetworkRestorer:
    """One network as a `Restorer`, channels-last, in bf16 where that is fast unless told otherwise.

    bf16 is safe because the network's residual is added to the picture in float32; see `set_precision` for what is not
    bf16.

    Args:
        network: with `size_multiple` and `receptive_radius`; takes and gives `(B, 3, H, W)`.
        device: where to run.
        dtype: of weights and activations; `fastest_dtype` of the device when absent.
        bytes_per_pixel: peak working memory per input pixel, measured in bf16; twice as much is planned for float32.
            What the network declares when absent, or a guess.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        bytes_per_pixel: float | None = None,
    ):
        require_same_size(network)
        self.size_multiple: int = network.size_multiple  # pyright: ignore[reportAttributeAccessIssue]
        self.tile_grid = self.size_multiple
        self.receptive_radius: int = network.receptive_radius  # pyright: ignore[reportAttributeAccessIssue]
        dtype = fastest_dtype(device) if dtype is None else dtype
        self.needs_context: bool = getattr(network, "needs_context", False)
        declared: float = getattr(network, "bytes_per_pixel", DEFAULT_BYTES_PER_PIXEL)
        planned = declared if bytes_per_pixel is None else bytes_per_pixel
        self.bytes_per_pixel = planned * dtype.itemsize / torch.bfloat16.itemsize
        self.device, self.dtype = torch.device(device), dtype
        set_precision(network, dtype)
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)  # pyright: ignore

    @torch.inference_mode()
    def context(self, views: Views) -> Context | None:
        """What the network decides from views of the whole picture; `None` when there is nothing to decide."""
        observe = getattr(self.network, "context", None)
        if observe is None:
            return None
        return observe(views.to(self.device, torch.float32))

    @torch.inference_mode()
    def observe(self, views: Views) -> tuple[Context | None, Tensor]:
        """`context`, and how probable every case is that the network tells apart; see `Restorer.observe`."""
        observe = getattr(self.network, "observe", None)
        if observe is None:
            return self.context(views), torch.zeros(len(views.details), 0)
        context, cases = observe(views.to(self.device, torch.float32))
        return context, cases.cpu()

    def reach(self, context: Context | None) -> int:
        """How far a pixel of the output sees with this context, in pixels."""
        reach = getattr(self.network, "reach", None)
        return self.receptive_radius if reach is None else reach(context)

    def taken_for(self, context: Context | None) -> str | None:
        """What the network took one picture for, in words; `None` when it tells nothing apart."""
        describe = getattr(self.network, "taken_for", None)
        return None if describe is None else describe(context)

    def is_sure(self, context: Context | None) -> bool:
        """Whether the network is sure that something is wrong with one picture; never, when it tells nothing apart."""
        decide = getattr(self.network, "is_sure", None)
        return decide is not None and decide(context)

    @torch.inference_mode()
    def restore(self, image: Tensor, context: Context | None = None) -> Restoration:
        """Restore `image`, `(B, 3, H, W)` with H and W multiples of `size_multiple`."""
        given = (one.to(self.device) for one in maps_of(context))
        try:
            restored = self.network(image.to(self.device, torch.float32), *given)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"Expected room for {tuple(image.shape)} on {self.device}, but its memory is full: give a smaller "
                "--memory or --tile, or close what else uses it."
            ) from error
        return Restoration(restored.to(image.device))


def set_precision(network: nn.Module, dtype: torch.dtype) -> None:
    """Bring the parts of a network to `dtype`, but for those that it, or a part of it, lists by name as `in_float32`.

    Those are float32: a curve's coefficients in bf16 would be rounded by more than a grey level.
    """
    exact = getattr(network, "in_float32", ())
    for name, part in network.named_children():
        if name in exact:
            part.to(dtype=torch.float32)
        elif any(hasattr(inner, "in_float32") for inner in part.modules()):
            set_precision(part, dtype)
        else:
            part.to(dtype=dtype)


def restore_patches(restorer: Restorer, patches: Tensor, at_once: int = 16) -> Tensor:
    """Patches restored as whole pictures of their own, in the restorer's own precision; clamped to `[0, 1]`.

    Args:
        restorer: any.
        patches: `(B, 3, H, W)`, sides multiples of what the network takes.
        at_once: how many, for the sake of memory.
    """
    size = (patches.shape[-2], patches.shape[-1])
    restored = []
    with torch.autocast(patches.device.type, enabled=False):
        for part in patches.split(at_once):
            context = restorer.context(views(part))
            given = None if context is None else spread(context, size)
            restored.append(restorer.restore(part, given).image)
    return torch.cat(restored).clamp(0, 1)


def require_same_size(network: nn.Module) -> None:
    """Refuse what gives back a picture of another size: restoring, and training for it, keep it.

    Raises:
        MethodError: when the network enlarges.
    """
    scale = getattr(network, "scale", 1)
    if scale != 1:
        raise MethodError(
            f"Expected a network that gives back as many pixels as it takes, got {type(network).__name__} of scale "
            f"{scale}: leave its scale out; enlarging can be built from Python, not trained or restored with here."
        )


def is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Whether memory could not be had. On a CPU torch says so in words only, which depend on who asked for it."""
    is_named = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return is_named or any(words in str(error) for words in ("DefaultCPUAllocator", "bad_alloc", "out of memory"))


def restorer_from_weights(tensors: dict[str, Tensor], description: dict[str, Any], device: str) -> NetworkRestorer:
    """The restorer that a weights file describes.

    Raises:
        WeightsError: when the tensors do not fit the network.
        MethodError: when the network is not known.
    """
    if "network" not in description:
        raise MethodError(
            f"Expected weights of a network that restores, got those of {description.get('method')}: take others."
        )
    network = build_network(description["network"]["name"], description["network"]["arguments"])
    if not hasattr(network, "size_multiple"):
        raise MethodError(
            f"Expected weights of a network that restores, got those of {description['network']['name']}: join them "
            "with others by scripts/bundle_default.py."
        )
    load_into(network, tensors, "the weights file")
    return NetworkRestorer(network, device=device, bytes_per_pixel=description.get("bytes_per_pixel"))
