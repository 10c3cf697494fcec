"""What is wrong with a patch, and how badly: every kind of degradation on its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.degradations.severity import NAMES
from pellucid.errors import WeightsError
from pellucid.networks.degradation_classifier import patch_features, summary
from pellucid.networks.initial_weights import set_initial_weights
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into, load_weights


class DegradationPerceiver(nn.Module):
    """Patches to a logit of presence and one of severity per kind, `(B, 3, H, W)` to `(B, K, 2)`; H and W any.

    The sigmoid of the first is how probable it is that the kind is there at all, that of the second how severe it is
    where it is there. Kinds do not exclude each other, as the classes of a classifier do.

    Args:
        kinds: what is looked for; names of `pellucid.degradations.severity`, all when absent.
        width: channels of the first convolution.
    """

    def __init__(self, kinds: Sequence[str] = NAMES, width: int = 32):
        super().__init__()
        unknown = sorted(set(kinds) - set(NAMES))
        if unknown:
            raise TypeError(f"kinds are out of {', '.join(NAMES)}, got {unknown[0]!r}")
        self.kinds = tuple(kinds)
        self.features = patch_features(width)
        self.summary_width, outputs = 8 * width, 2 * len(self.kinds)
        self.logits = nn.Sequential(nn.Linear(8 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, outputs))
        set_initial_weights(self)

    def forward(self, patches: Tensor) -> Tensor:
        """The logits, float32; what is seen everywhere counts by its mean and by its peak."""
        return self.tell(summary(self.features, patches))

    def tell(self, seen: Tensor) -> Tensor:
        """The logits of what `summary` of the features gives, `(B, summary_width)` to `(B, K, 2)`."""
        return self.logits(seen).float().unflatten(1, (len(self.kinds), 2))


def read(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Presence and severity, both `(..., K)` in `[0, 1]`."""
    presence, severity = torch.sigmoid(logits).unbind(-1)
    return presence, severity


def frozen_perceiver(source: str | Path | None = None) -> DegradationPerceiver:
    """A trained network that is not trained on.

    Args:
        source: weights of a `degradation-perceiver`, or of a `picture-perceiver`, of which it is a part; those of the
            bundled perceiver when absent.

    Raises:
        WeightsError: when the weights are not there, or are those of something else.
    """
    path = bundled_file("perceiver.safetensors") if source is None else Path(source)
    tensors, description = load_weights(path)
    told = description.get("network", {})
    if told.get("name") not in ("degradation-perceiver", "picture-perceiver"):
        found = told.get("name") or description.get("method")
        raise WeightsError(
            f"Expected weights of a degradation-perceiver, {path} has {found}: take those of recipes/perceiver.yaml."
        )
    arguments = told["arguments"]
    if told["name"] == "picture-perceiver":
        own = "degradations."
        arguments = arguments["degradations"]
        tensors = {name.removeprefix(own): value for name, value in tensors.items() if name.startswith(own)}
    network = to_be_filled(arguments)
    load_into(network, tensors, path)
    return network.eval().requires_grad_(False)


def to_be_filled(arguments: Mapping[str, Any]) -> DegradationPerceiver:
    """A network that gets its weights from a file; what is drawn after it does not depend on it having been built."""
    with torch.random.fork_rng(devices=[]):
        return DegradationPerceiver(**arguments)
