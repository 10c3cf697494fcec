"""Named ways to draw a chain: benchmark tasks, rain as the rain sets hold it, hybrid tiers, a bit of everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Generator

from pellucid.degradations.chain import Chain
from pellucid.degradations.draws import integer
from pellucid.degradations.fixed import FIXED, Fixed
from pellucid.degradations.mixing import Mixture, draw_several

Severities = tuple[float, float]


@dataclass(frozen=True)
class Preset:
    """One row.

    Attributes:
        purpose: in one line.
        draw: `(severities, generator)` to the chain of one picture; the generator is on the CPU.
        has_severity: whether the severities count; the strengths of the others are their own.
    """

    purpose: str
    draw: Callable[[Severities, Generator], Chain]
    has_severity: bool = True


def _mixture(purpose: str, weights: Mapping[str, float]) -> Preset:
    return Preset(purpose, lambda severities, generator: Mixture(weights, severities).draw(generator))


def _fixed(row: Fixed) -> Preset:
    return Preset(row.purpose, lambda _, generator: row.draw(generator), has_severity=False)


PRESETS: dict[str, Preset] = {
    "three-task": _mixture("one of noise, rain, haze", {"gaussian-noise": 1, "rain": 1, "haze": 1}),
    "five-task": _mixture(
        "one of noise, rain, haze, motion blur, low light",
        {"gaussian-noise": 1, "rain": 1, "haze": 1, "motion-blur": 1, "low-light": 1},
    ),
    "everyday": _mixture(
        "what happens to photographs on the way to the web: noise, blur, JPEG, and their chains",
        {
            "sensor-noise+jpeg": 3,
            "gaussian-blur+sensor-noise+jpeg": 2,
            "defocus-blur+sensor-noise+jpeg": 1,
            "motion-blur+sensor-noise+jpeg": 1,
            "low-light+jpeg": 1,
            "resize+jpeg": 1,
            "jpeg": 1,
        },
    ),
    "several": Preset(
        "two or three different degradations of the catalog, in the order in which they happen",
        lambda severities, generator: draw_several(integer(2, 3, generator), severities, generator),
    ),
    **{name: _fixed(row) for name, row in FIXED.items()},
}
