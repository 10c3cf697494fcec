"""The bundled models as a table: what each is, and under which licence. Reads headers only; no torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.errors import WeightsError
from pellucid.weights.bundled import BUNDLED, bundled_weights

LICENCE = "Apache-2.0"
"""Of bundled weights whose description names none."""


@dataclass(frozen=True)
class BundledModel:
    """One model that comes with the package.

    Attributes:
        name: for `--model` and `load`.
        weights: the file.
        bytes: its size; `None` when this installation has no such file.
        method: a name of the catalog of methods.
        licence: of the weights.
        card: Markdown file with data, recipe, figures and known failures.
    """

    name: str
    weights: Path
    bytes: int | None = None
    method: str | None = None
    licence: str | None = None
    card: Path | None = None


def bundled_models() -> tuple[BundledModel, ...]:
    """All bundled models, in the order of their table.

    Raises:
        WeightsError: when a file is damaged.
    """
    return tuple(_bundled_model(name, bundled_weights(name)) for name in BUNDLED)


def _bundled_model(name: str, weights: Path) -> BundledModel:
    if not weights.is_file():
        return BundledModel(name, weights)
    description, card = _description(weights), weights.with_suffix(".md")
    return BundledModel(
        name,
        weights,
        weights.stat().st_size,
        description.get("method"),
        description.get("licence", LICENCE),
        card if card.is_file() else None,
    )


def _description(weights: Path) -> dict[str, Any]:
    """What a safetensors file says of itself: eight bytes of length, then JSON."""
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return json.loads(header["__metadata__"]["pellucid"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise WeightsError(
            f"Expected weights written by Pellucid in {weights}, got {type(error).__name__}: install the package anew."
        ) from error
