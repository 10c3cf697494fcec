"""Degradations with a strength of their own: rain as the rain sets hold it, and the tiers of hybrid distortion."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Generator

from pellucid.degradations.chain import Chain
from pellucid.degradations.hybrid import TIERS, draw_hybrid
from pellucid.degradations.rain import Rain


@dataclass(frozen=True)
class Fixed:
    """One row.

    Attributes:
        purpose: in one line.
        draw: a generator on the CPU to the chain of one picture.
    """

    purpose: str
    draw: Callable[[Generator], Chain]


FIXED: dict[str, Fixed] = {
    "rain-light": Fixed(
        "rain that measures as the inputs of Rain100L", lambda generator: (Rain.draw_light(generator),)
    ),
    "rain-heavy": Fixed(
        "rain that measures as the inputs of Rain100H", lambda generator: (Rain.draw_heavy(generator),)
    ),
    "rain-faint": Fixed(
        "faint, dense rain in one layer or several, often with mist", lambda generator: (Rain.draw_faint(generator),)
    ),
    **{name: Fixed(f"blur, noise and JPEG at once, {name}", partial(draw_hybrid, name)) for name in TIERS},
}
