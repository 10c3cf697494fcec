"""What a person types for the degradations of one picture: several, in order, presets among them."""

import os
from collections.abc import Sequence

from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.presets import PRESETS
from pellucid.degradations.text import Drawing, drawing
from pellucid.errors import ConfigurationError


def parse_chain(what: Sequence[str], severity: float | None = None) -> Drawing:
    """How to draw the chain of one picture: all of `what`, in the order typed.

    `NAME` is drawn anew for every picture; `NAME:KEY=VALUE,...` has those parameters, of the rest the defaults, and
    those without a default drawn; the name of a preset (`PRESETS`) is drawn as the preset says.

    Args:
        what: at least one.
        severity: of everything drawn, in `[0, 1]`; uniform from it, for every picture, when absent.

    Raises:
        ConfigurationError: names what is not known or out of its range, and the choices.

    Example:
        >>> from torch import Generator
        >>> (noise,) = parse_chain(["gaussian-noise:sigma=25"])(Generator())
        >>> round(noise.sigma * 255, 3)
        25.0
    """
    if not what:
        raise ConfigurationError(f"Expected at least one degradation, got none: choose from {_choices()}.")
    if severity is not None and not 0 <= severity <= 1:
        raise ConfigurationError(f"Expected a severity from 0 to 1, got {severity:g}: correct it.")
    steps = [_step(text, (0.0, 1.0) if severity is None else (severity, severity), severity) for text in what]
    return lambda generator: tuple(degradation for step in steps for degradation in step(generator))


def split_words(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pictures and degradations, told apart: a word that begins with a known name (`jpeg:quality=30`) is the latter.

    A file that is called like a degradation is meant when a path is typed: `./rain`.

    Raises:
        ConfigurationError: when there is no degradation, but a bare word that is no file either: `fog`.
    """
    known = set(DEGRADATIONS) | set(PRESETS)
    what = tuple(word for word in words if word.partition(":")[0] in known)
    pictures = tuple(word for word in words if word.partition(":")[0] not in known)
    bare = [word for word in pictures if word.replace("-", "").isalnum() and not os.path.lexists(word)]
    if bare and not what:
        raise ConfigurationError(f"Expected a degradation or preset, got {bare[0]!r}: choose from {_choices()}.")
    return pictures, what


def _step(text: str, severities: tuple[float, float], severity: float | None) -> Drawing:
    name, colon, rest = text.partition(":")
    if name in PRESETS:
        preset = PRESETS[name]
        if colon or (severity is not None and not preset.has_severity):
            extra = f"parameters ({rest})" if colon else f"a severity ({severity:g})"
            raise ConfigurationError(f"Expected {name} alone, since its strengths are its own, got {extra}: drop them.")
        return lambda generator: preset.draw(severities, generator)
    if name not in DEGRADATIONS:
        raise ConfigurationError(f"Expected a degradation or preset, got {name!r}: choose from {_choices()}.")
    return drawing(text, severities)


def _choices() -> str:
    return f"{', '.join(DEGRADATIONS)}; or a preset: {', '.join(PRESETS)}"
