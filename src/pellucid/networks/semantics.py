"""What a picture shows, as four vectors of a frozen network: the semantic guidance of Perceive-IR (SGM)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import MethodError, WeightsError
from pellucid.networks.degradation_classifier import summary
from pellucid.networks.degradation_perceiver import frozen_perceiver, to_be_filled
from pellucid.weights.files import load_into

SIDE = 224
"""Pixels that a picture is resized to, whatever its shape, unless told otherwise."""


class PooledMobileNet(nn.Module):
    """Mean and spread of MobileNetV2's features at four depths; the encoder that ships with the package.

    It stands in for DINOv2 where that is not at hand, and is not it: features of a classifier, pooled over the picture,
    each vector brought to mean 0 and variance 1.

    Args:
        is_shuffled: in training every picture of a batch gets the vectors of the one before it: a control that has all
            of the information but none of its meaning.
        side: pixels that a picture is resized to, whatever its shape.
    """

    widths = (48, 64, 192, 640)

    def __init__(self, is_shuffled: bool = False, side: int = SIDE) -> None:
        super().__init__()
        self.is_shuffled, self.side = is_shuffled, side
        from pellucid.networks.mobilenet_v2 import MobileNetV2
        from pellucid.weights.bundled import bundled_file

        self.trunk = MobileNetV2(bundled_file("mobilenet-v2.npz"))

    @torch.no_grad()
    def forward(self, picture: Tensor) -> list[Tensor]:
        """`(B, 3, h, w)` in `[0, 1]` to four vectors `(B, widths[n])`, float32, the shallowest first."""
        vectors = self.pooled(resized(picture, self.side))
        return [vector.roll(1, dims=0) for vector in vectors] if self.is_shuffled and self.training else vectors

    def pooled(self, picture: Tensor) -> list[Tensor]:
        """The same of a picture as large as it is; gradients flow to it."""
        with torch.autocast(picture.device.type, enabled=False):
            features = self.trunk(picture)
            pooled = [torch.cat([one.mean(dim=(2, 3)), one.std(dim=(2, 3))], dim=1) for one in features]
            return [F.layer_norm(one, one.shape[1:]).float() for one in pooled]


class Dinov2(nn.Module):
    """The class token of DINOv2 after four of its blocks.

    Args:
        source: folder, or name of a repository on the Hugging Face hub, of a `Dinov2Model`: facebook/dinov2-base.
        layers: after which blocks.

    Raises:
        WeightsError: when nothing can be loaded from there.

    Source:
        Oquab et al., "DINOv2", 2023; layers as Perceive-IR (IEEE TIP 2026) releases them, the last one before the
        final normalisation.
    """

    def __init__(self, source: str, layers: Sequence[int] = (1, 4, 8, 12)):
        super().__init__()
        try:
            from transformers import Dinov2Model

            model: Any = Dinov2Model.from_pretrained(source)
        except ImportError as error:
            raise MethodError(
                "Expected the package transformers, which loads DINOv2, got none: pip install 'pellucid[perceive]'."
            ) from error
        except (OSError, ValueError) as error:
            raise WeightsError(f"Expected a DINOv2 model at {source}, got none ({error}): give its folder.") from error
        if max(layers) > model.config.num_hidden_layers:
            raise MethodError(
                f"Expected layers up to {model.config.num_hidden_layers}, which the model at {source} has, got "
                f"{max(layers)}: correct semantics.layers."
            )
        self.model: tuple[Any] = (model.eval().requires_grad_(False),)  # in a tuple: in no weights file of ours
        self.layers = tuple(layers)
        self.widths = (model.config.hidden_size,) * len(self.layers)
        # Published means and deviations of ImageNet, which the model was trained with.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    @torch.no_grad()
    def forward(self, picture: Tensor) -> list[Tensor]:
        """`(B, 3, h, w)` in `[0, 1]` to a vector `(B, hidden)` per layer, float32."""
        (model,) = self.model
        seen = (resized(picture) - self.get_buffer("mean")) / self.get_buffer("deviation")
        with torch.autocast(seen.device.type, enabled=False):
            found = model.to(seen.device)(pixel_values=seen, output_hidden_states=True).hidden_states
        return [found[layer][:, 0] for layer in self.layers]


class Perceived(nn.Module):
    """What a degradation perceiver sees in the details of a picture, four times the same vector.

    Not what a picture shows but what is wrong with it, from a network that was trained to tell just that and knows it
    from the first step of the restorer's training on. Its weights are in the restorer's file, frozen: another perceiver
    would see otherwise.

    Args:
        source: weights of a `degradation-perceiver`, or of a perceiver that `scripts/bundle_perceiver.py` wrote; those
            of the bundled perceiver when absent. When they are not there or do not fit, its weights are NaN until those
            of the restorer's file are loaded.
        width: of the perceiver; see `DegradationPerceiver`.
        kinds: that it looks for.
        is_shuffled: see `PooledMobileNet`.
    """

    sees_details = True

    def __init__(
        self,
        source: str | None = None,
        width: int = 32,
        kinds: Sequence[str] = ("noise", "blur", "jpeg", "rain", "haze", "low-light"),
        is_shuffled: bool = False,
    ):
        super().__init__()
        self.is_shuffled = is_shuffled
        self.perceiver = to_be_filled({"width": width, "kinds": kinds}).eval().requires_grad_(False)
        try:
            load_into(self.perceiver, frozen_perceiver(source).state_dict(), "the perceiver")
        except WeightsError:
            for parameter in self.perceiver.parameters():
                parameter.fill_(float("nan"))
        self.widths = (self.perceiver.summary_width + 2 * len(self.perceiver.kinds),) * 4

    @torch.no_grad()
    def forward(self, details: Tensor) -> list[Tensor]:
        """Parts of each picture, `(B, N, 3, h, w)` in `[0, 1]`, to four vectors `(B, C)`, float32.

        The mean over the parts of the perceiver's features, brought to mean 0 and variance 1, and of what it says.
        """
        with torch.autocast(details.device.type, enabled=False):
            seen = summary(self.perceiver.features, details.flatten(0, 1).float().clamp(0, 1)).float()
            said = self.perceiver.tell(seen).sigmoid().flatten(1)
            vector = torch.cat([F.layer_norm(seen, seen.shape[1:]), said], dim=1)
            vector = vector.unflatten(0, details.shape[:2]).mean(dim=1)
        return [vector.roll(1, dims=0) if self.is_shuffled and self.training else vector] * 4


class InParts(nn.Module):
    """Another encoder's vectors of parts of a picture as large as training's patches, their means.

    Where training sees patches and restoring whole pictures, reduced to the same size, an encoder's vectors of the two
    are of two kinds: noise that fills a patch is averaged away in a reduced photograph.

    Args:
        encoder: that gives four vectors of a picture.
        cut: side of the parts, pixels.
    """

    sees_details = True

    def __init__(self, encoder: Any, cut: int):
        super().__init__()
        self.encoder, self.cut, self.widths = encoder, cut, encoder.widths

    def forward(self, details: Tensor) -> list[Tensor]:
        """Parts of each picture, `(B, N, 3, h, w)` in `[0, 1]`, cut at their middle, to four vectors, float32."""
        height, width = (min(self.cut, side) for side in details.shape[-2:])
        top, left = (details.shape[-2] - height) // 2, (details.shape[-1] - width) // 2
        parts = details[..., top : top + height, left : left + width]
        return [one.unflatten(0, parts.shape[:2]).mean(dim=1) for one in self.encoder(parts.flatten(0, 1))]


class NoSemantics(nn.Module):
    """Zeros of the widths of another encoder: the same architecture without its information.

    Args:
        widths: of the vectors.
    """

    def __init__(self, widths: Sequence[int] = PooledMobileNet.widths):
        super().__init__()
        self.widths = tuple(widths)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """`(B, 3, h, w)` to four vectors of zeros."""
        return [picture.new_zeros((len(picture), width), dtype=torch.float32) for width in self.widths]


SEMANTICS: dict[str, Callable[..., Any]] = {
    "mobilenet-v2": PooledMobileNet,
    "dinov2": Dinov2,
    "perceived": Perceived,
    "none": NoSemantics,
}
"""Encoders by the name that a recipe has."""


def build_semantics(name: str, arguments: Mapping[str, Any]) -> Any:
    """The encoder called `name`: a module from `(B, 3, h, w)` to four vectors, with their `widths`.

    One that `sees_details` takes details of each picture at full resolution, `(B, N, 3, h, w)`, instead. Any does with
    the argument `cut`, see `InParts`.

    Raises:
        MethodError: when the name is not known, or an argument is not.
        WeightsError: when its weights are not there.
    """
    if name not in SEMANTICS:
        raise MethodError(f"Expected semantics out of {', '.join(SEMANTICS)}, got {name!r}: choose one of them.")
    try:
        own = {key: value for key, value in arguments.items() if key != "cut"}
        encoder = SEMANTICS[name](**own)
        return InParts(encoder, arguments["cut"]) if "cut" in arguments else encoder
    except TypeError as error:
        raise MethodError(f"Expected arguments that semantics {name} knows, got {dict(arguments)}: {error}.") from error


def resized(picture: Tensor, side: int = SIDE) -> Tensor:
    """`(B, 3, h, w)` to `side` x `side`, bicubic, in `[0, 1]`, float32.

    Differs: clamped and antialiased, which the released code does not do; the proportions are not kept, as there.
    """
    return F.interpolate(picture.float(), (side, side), mode="bicubic", antialias=True).clamp(0, 1)
