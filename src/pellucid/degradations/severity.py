"""How severe a degradation is, by the kind that people see, whatever made it.

Noise is noise whether a formula or a sensor made it, and a picture is blurred whether the lens or the hand was at
fault. Six kinds are told apart; each has a strength in a unit that people know and a severity from 0 to 1, as the
degradation's own `draw` understands it.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pellucid.degradations.blur import DefocusBlur, GaussianBlur, MotionBlur
from pellucid.degradations.chain import Chain
from pellucid.degradations.contract import Degradation
from pellucid.degradations.draws import between
from pellucid.degradations.haze import Haze
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.low_light import LiftedLowLight, LowLight
from pellucid.degradations.noise import LARGEST_SIGMA, GaussianNoise, SensorNoise
from pellucid.degradations.rain import Rain

_LEAST_LOSS, _LARGEST_LOSS = math.log(5), math.log(450)
_LIGHTEST, _DARKEST = 0.75, 0.05


@dataclass(frozen=True)
class Kind:
    """One kind of degradation.

    Attributes:
        name: `"noise"`.
        strength: of a severity, in the kind's unit.
        words: what a severity is called, `"sigma 25"`.
    """

    name: str
    strength: Callable[[float], float]
    words: Callable[[float], str]


def _quality(severity: float) -> float:
    loss = math.exp(between(_LEAST_LOSS, _LARGEST_LOSS, severity))
    return 5000 / loss if loss > 100 else (200 - loss) / 2


def severity_of_quality(quality: float) -> float:
    """Of a JPEG: 0 at quality 97.5, 1 at 11, more below; linear in the logarithm of the loss.

    Example:
        >>> severity_of_quality(10)
        1.0234...
    """
    loss = 5000 / quality if quality < 50 else 200 - 2 * quality
    return (math.log(max(loss, 1e-3)) - _LEAST_LOSS) / (_LARGEST_LOSS - _LEAST_LOSS)


def _third(severity: float, *words: str) -> str:
    return words[min(2, int(3 * severity))]


def _light(severity: float) -> float:
    return _LIGHTEST * (_DARKEST / _LIGHTEST) ** severity


KINDS: tuple[Kind, ...] = (
    Kind("noise", lambda s: 255 * LARGEST_SIGMA * s, lambda s: f"sigma {255 * LARGEST_SIGMA * s:.0f}"),
    Kind("blur", lambda s: 4 * s, lambda s: f"{4 * s:.1f} pixels"),
    Kind("jpeg", _quality, lambda s: f"quality {_quality(s):.0f}"),
    Kind("rain", lambda s: s, lambda s: _third(s, "light", "moderate", "heavy")),
    Kind(
        "haze", lambda s: between(0.2, 2.5, s), lambda s: "thin" if s < 1 / 3 else "moderate" if s < 2 / 3 else "dense"
    ),
    Kind("low-light", _light, lambda s: f"{100 * _light(s):.0f} % of the light"),
)
"""All of them: noise by its standard deviation of 255 at mid-grey, blur by that of its kernel in pixels, JPEG by its
quality, haze by its density (beta), low light by what is left of mid-grey."""

NAMES = tuple(kind.name for kind in KINDS)


def severity_of(degradation: Degradation) -> tuple[str, float] | None:
    """Kind and severity of one degradation, `None` for what is no kind of its own (snow, masks, grey, resizing).

    Example:
        >>> severity_of(GaussianNoise(27.5 / 255))
        ('noise', 0.5)
    """
    match degradation:
        case GaussianNoise():
            return "noise", _within(degradation.sigma / LARGEST_SIGMA)
        case SensorNoise():
            at_mid_grey = (degradation.gain / 2 + degradation.read_noise**2) ** 0.5
            return "noise", _within(at_mid_grey / LARGEST_SIGMA)
        case GaussianBlur():
            return "blur", _within(degradation.sigma * degradation.ratio**0.5 / 4)
        case MotionBlur():
            return "blur", _within(degradation.length / 12**0.5 / 4)  # the deviation of a line
        case DefocusBlur():
            return "blur", _within(degradation.radius / 2 / 4)  # of a disc, along an axis
        case Jpeg():
            return "jpeg", _within(severity_of_quality(degradation.quality))
        case Rain():
            return "rain", _within(degradation.density * degradation.intensity * degradation.layers**0.5 / 0.5)
        case Haze():
            return "haze", _within((degradation.beta - 0.2) / 2.3)
        case LiftedLowLight():  # what is left is noise, at mid-grey as many times stronger as the lifting is steep
            dark = degradation.exposure * 0.5**degradation.gamma
            deviation = (degradation.photon_gain * dark + degradation.read_noise**2) ** 0.5
            return "noise", _within(0.5 * deviation / (degradation.gamma * dark) / LARGEST_SIGMA)
        case LowLight():
            left = 2 * degradation.exposure * 0.5**degradation.gamma
            return "low-light", _within(math.log(left / _LIGHTEST) / math.log(_DARKEST / _LIGHTEST))
    return None


def severities(chain: Chain) -> dict[str, float]:
    """Kind to severity of what a chain did, the severest where a kind occurs twice; nothing for a clean picture."""
    found: dict[str, float] = {}
    for name, severity in _told(chain):
        found[name] = max(severity, found.get(name, 0.0))
    return found


def _told(chain: Chain) -> Iterable[tuple[str, float]]:
    return (told for degradation in chain if (told := severity_of(degradation)) is not None)


def _within(severity: float) -> float:
    return min(1.0, max(0.0, severity))
