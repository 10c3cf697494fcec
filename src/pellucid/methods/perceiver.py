"""What is wrong with a picture, and how badly, in words and numbers for people: the perceiver that ships."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pellucid.degradations.severity import KINDS
from pellucid.errors import MethodError
from pellucid.images.contract import check_image
from pellucid.images.overview import Views, detail_boxes, views
from pellucid.images.tiling import Box
from pellucid.methods.devices import chosen_device
from pellucid.networks.picture_perceiver import PicturePerceiver, Sight
from pellucid.networks.quality_perceiver import TIERS, expected_tier
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into, load_weights, sha256

LEAST_PRESENCE = 0.5
"""How probable a kind must be to be named."""

PLAIN = 1 / 255
"""Standard deviation of each colour within all details below which a picture is too plain to tell anything of it."""

_WORDS = {kind.name: kind.words for kind in KINDS}


@dataclass(frozen=True)
class Found:
    """One kind of degradation in one picture.

    Attributes:
        presence: how probable it is, in `[0, 1]`.
        severity: how severe it is where it is there, in `[0, 1]`.
        words: the same in a unit that people know, `"sigma 25"`.
    """

    presence: float
    severity: float
    words: str


@dataclass(frozen=True)
class Detail:
    """What one part of a picture shows.

    Attributes:
        box: which pixels.
        presence: by kind, in `[0, 1]`.
        severity: by kind, in `[0, 1]`.
        quality: from 0 to 1.
    """

    box: Box
    presence: Mapping[str, float]
    severity: Mapping[str, float]
    quality: float


@dataclass(frozen=True)
class Perception:
    """What is wrong with one picture, and how badly.

    Attributes:
        kinds: every kind that is looked for: noise, blur, jpeg, rain, haze, low-light.
        tier: the most probable of terrible, mediocre and excellent. Quality and kinds are two opinions: how good a
            picture looks, and what has a name.
        quality: the expected tier, from 0 (terrible) to 1 (excellent).
        details: the coarse map: the same of parts of the picture, row by row.
        is_plain: whether the picture shows next to nothing, so that nothing can be told; no kind is found then.
    """

    kinds: Mapping[str, Found]
    tier: str
    quality: float
    details: tuple[Detail, ...]
    is_plain: bool = False

    @property
    def wrong(self) -> dict[str, Found]:
        """The kinds that are there, the severest first; nothing for a clean picture."""
        there = {name: found for name, found in self.kinds.items() if found.presence >= LEAST_PRESENCE}
        return dict(sorted(there.items(), key=lambda item: -item[1].severity))

    @property
    def is_clean(self) -> bool:
        """Whether no kind was found."""
        return not self.wrong

    @property
    def harm(self) -> float:
        """How much is wrong in all: severities, weighted by how probable they are."""
        return sum(found.presence * found.severity for found in self.kinds.values())

    def __str__(self) -> str:
        named = [f"{name} ({found.words})" for name, found in self.wrong.items()]
        told = "too plain to tell" if self.is_plain else "clean"
        return f"{', '.join(named) or told}; quality {self.quality:.2f}"


class Perceiver:
    """Says what is wrong with pictures of any size; no more than sixteen details of each are looked at.

    Args:
        network: that looks.
        weights_sha256: hash of its file.
        device: where it runs.
    """

    def __init__(self, network: PicturePerceiver, weights_sha256: str, device: str = "cpu"):
        self.network = network.eval().to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.weights_sha256, self.device = weights_sha256, device

    def perceive(self, image: Tensor) -> Perception:
        """What is wrong with a picture in memory.

        Args:
            image: `(1, 3, H, W)`, RGB, in `[0, 1]`, any size.

        Raises:
            ImageError: when `image` is not such a tensor.

        Example:
            >>> import torch
            >>> noise = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
            >>> next(iter(load_perceiver().perceive((0.5 + 0.2 * noise).clamp(0, 1)).wrong))
            'noise'
        """
        check_image(image)
        if image.shape[0] != 1:
            raise MethodError(f"Expected one picture, got {image.shape[0]}: perceive them one by one.")
        return self.perceive_views(views(image))

    @torch.inference_mode()
    def perceive_views(self, seen: Views) -> Perception:
        """What is wrong with the one picture that these are views of."""
        sight = self.network(seen.to(self.device))
        is_plain = bool(seen.details.float().flatten(3).std(dim=3, correction=0).amax() < PLAIN)
        if is_plain:  # the network has never seen nothing, and would guess
            nothing = torch.zeros_like(sight.presence), torch.zeros_like(sight.detail_presence)
            sight = replace(sight, presence=nothing[0], detail_presence=nothing[1])
        return _perception(sight, self.network.kinds, detail_boxes(*seen.size), is_plain=is_plain)


def _perception(sight: Sight, names: tuple[str, ...], boxes: list[Box], *, is_plain: bool) -> Perception:
    presence, severity, tiers = sight.presence[0].tolist(), sight.severity[0].tolist(), sight.tiers[0]
    qualities = (expected_tier(sight.detail_tiers[0]) / 2).tolist()
    details = [
        Detail(box, dict(zip(names, there, strict=True)), dict(zip(names, how, strict=True)), quality)
        for box, there, how, quality in zip(
            boxes, sight.detail_presence[0].tolist(), sight.detail_severity[0].tolist(), qualities, strict=True
        )
    ]
    return Perception(
        {
            name: Found(its_presence, its_severity, _WORDS[name](its_severity))
            for name, its_presence, its_severity in zip(names, presence, severity, strict=True)
        },
        TIERS[int(tiers.argmax())],
        expected_tier(tiers).item() / 2,
        tuple(details),
        is_plain,
    )


def load_perceiver(weights: str | Path | None = None, device: str | None = None) -> Perceiver:
    """The perceiver that ships, or another one.

    Args:
        weights: file that `scripts/bundle_perceiver.py` wrote; the bundled one when absent.
        device: `"cpu"`, `"cuda"`, `"mps"`; the best at hand when absent.

    Raises:
        WeightsError: when the file is not there, or cannot be trusted.
        MethodError: when it holds something else.
        DeviceError: when the device is not at hand.
    """
    path = bundled_file("perceiver.safetensors") if weights is None else Path(weights)
    tensors, description = load_weights(path)
    network = description.get("network", {})
    if network.get("name") != "picture-perceiver":
        raise MethodError(
            f"Expected weights of a perceiver, got {path} with {network.get('name') or description.get('method')}: "
            "name those that scripts/bundle_perceiver.py wrote."
        )
    built = PicturePerceiver(**network["arguments"])
    load_into(built, tensors, path)
    return Perceiver(built, sha256(path), chosen_device(device))
