"""What a person types for one degradation, to a way of drawing it: `gaussian-noise:sigma=25`, `rain`, `severe`.

Numbers are typed in the units that people use, and converted here, once: strengths of Gaussian and read noise in 8-bit
levels (25 is 25/255), angles in degrees, lengths in pixels, everything else as its parameter class says.
"""

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from torch import Generator

from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.chain import Chain
from pellucid.degradations.contract import Degradation
from pellucid.degradations.draws import uniform
from pellucid.degradations.fixed import FIXED
from pellucid.errors import ConfigurationError

Drawing = Callable[[Generator], Chain]


@dataclass(frozen=True)
class Quantity:
    """What may be typed for one number.

    Attributes:
        low: smallest, as typed.
        high: largest, as typed.
        unit: in words; empty for a plain number.
        scale: what a typed number is multiplied with.
    """

    low: float
    high: float
    unit: str = ""
    scale: float = 1.0


_SHARE = Quantity(0, 1)
_ANGLE = Quantity(-360, 360, "degrees", math.pi / 180)
_LEVELS = Quantity(0, 255, "8-bit levels", 1 / 255)

_LOW_LIGHT = {
    "exposure": Quantity(0.001, 1),
    "gamma": Quantity(0.1, 10),
    "photon_gain": _SHARE,
    "read_noise": _LEVELS,
    "unevenness": _SHARE,
}

QUANTITIES: dict[str, dict[str, Quantity]] = {
    "gaussian-noise": {"sigma": _LEVELS},
    "sensor-noise": {"gain": _SHARE, "read_noise": _LEVELS, "correlation": Quantity(0, 10, "pixels")},
    "gaussian-blur": {
        "sigma": Quantity(0, 20, "pixels"),
        "ratio": Quantity(0.05, 1),
        "angle": _ANGLE,
        "kernel_size": Quantity(0, 201, "pixels"),
    },
    "motion-blur": {"length": Quantity(0, 200, "pixels"), "angle": _ANGLE},
    "defocus-blur": {"radius": Quantity(0, 50, "pixels")},
    "jpeg": {"quality": Quantity(1, 100)},
    "rain": {
        "length": Quantity(2, 200, "pixels"),
        "angle": _ANGLE,
        "width": Quantity(0.5, 20, "pixels"),
        "density": _SHARE,
        "intensity": _SHARE,
        "veil": _SHARE,
        "smear": _SHARE,
        "layers": Quantity(1, 8),
    },
    "haze": {"beta": Quantity(0, 20), "airlight": _SHARE, "tint": Quantity(-1, 1)},
    "low-light": _LOW_LIGHT,
    "lifted-low-light": _LOW_LIGHT,
    "snow": {
        "density": _SHARE,
        "flake_radius": Quantity(0.5, 50, "pixels"),
        "fall": Quantity(0, 200, "pixels"),
        "angle": _ANGLE,
        "opacity": _SHARE,
    },
    "mask": {"share": _SHARE, "fill": _SHARE},
    "grayscale": {"share": _SHARE},
    "resize": {"factor": Quantity(1, 64)},
}
"""Range and unit of every number, by degradation and parameter."""


@lru_cache(maxsize=256)  # asked for with every sample of every batch
def drawing(text: str, severities: tuple[float, float]) -> Drawing:
    """How to draw one degradation.

    `NAME` is drawn anew for every picture; `NAME:KEY=VALUE,...` has those parameters, of the rest the defaults, and
    those without a default drawn; a name of `FIXED` is drawn at its own strength.

    Args:
        text: as typed.
        severities: of what is drawn, uniform, from and to within `[0, 1]`.

    Raises:
        ConfigurationError: names what is not known or out of its range, and the choices.
    """
    name, colon, rest = text.partition(":")
    if name in FIXED:
        if colon:
            raise ConfigurationError(
                f"Expected {name} alone, since its strengths are its own, got parameters ({rest}): drop them."
            )
        return FIXED[name].draw
    if name not in DEGRADATIONS:
        choices = ", ".join([*DEGRADATIONS, *FIXED])
        raise ConfigurationError(f"Expected a degradation, got {name!r}: choose from {choices}.")
    kind = DEGRADATIONS[name]
    given = _parameters(kind, rest) if colon else {}
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    settled = {**defaults, **given} if given else {}

    def draw(generator: Generator) -> Chain:
        drawn = kind.draw(uniform(*severities, generator), generator)
        return (replace(drawn, **settled),)  # pyright: ignore[reportArgumentType] - a protocol, but a dataclass

    draw(Generator())  # what the class refuses is refused now, and not in the middle of training
    return draw


def _parameters(kind: type[Degradation], text: str) -> dict[str, Any]:
    types = get_type_hints(kind)
    known = {field.name: types[field.name] for field in fields(kind)}
    values: dict[str, Any] = {}
    for item in text.split(","):
        key, equals, typed = item.partition("=")
        key = key.strip().replace("-", "_")
        if key not in known or not equals or key in values:
            raise ConfigurationError(
                f"Expected {kind.name}:KEY=VALUE,... with each key once, got {item!r}: keys are {', '.join(known)}."
            )
        values[key] = _value(kind.name, key, known[key], typed.strip())
    return values


def _value(name: str, key: str, wanted: Any, typed: str) -> Any:
    if get_origin(wanted) is Literal or wanted is bool:
        choices = {"true": True, "false": False} if wanted is bool else {choice: choice for choice in get_args(wanted)}
        if typed.lower() not in choices:
            raise ConfigurationError(f"Expected {key} of {name} as one of {', '.join(choices)}, got {typed!r}.")
        return choices[typed.lower()]
    quantity = QUANTITIES[name][key]
    try:
        number = wanted(typed)
    except ValueError:
        number = math.nan
    if not quantity.low <= number <= quantity.high:
        kind = "a whole number" if wanted is int else "a number"
        raise ConfigurationError(
            f"Expected {key} of {name} as {kind} from {quantity.low:g} to {quantity.high:g}"
            f"{' ' + quantity.unit if quantity.unit else ''}, got {typed!r}: correct it."
        )
    return number if wanted is int else number * quantity.scale
