"""The weights that ship inside the package."""

from importlib.resources import files
from pathlib import Path

BUNDLED: dict[str, str] = {"default": "default.safetensors"}
"""Name of a model to its file; a card of the same stem, `default.md`, lies beside it."""

STARTS: dict[str, str] = {**BUNDLED, "rain-layer": "rain-layer.safetensors"}
"""What training may start from by name: the models, and networks that are of use only so."""


def bundled_file(name: str) -> Path:
    """Where a file that ships with the package lies."""
    return Path(str(files("pellucid.weights") / "bundle" / name))


def bundled_weights(name: str) -> Path:
    """Where the weights of a bundled model lie."""
    return bundled_file(BUNDLED[name])


def model_card(name: str) -> str:
    """The card of a bundled model, Markdown."""
    return bundled_weights(name).with_suffix(".md").read_text()
