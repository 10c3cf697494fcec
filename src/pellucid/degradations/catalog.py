"""The one table of degradations: name on the command line and in recipes to parameter class."""

from pellucid.degradations.blur import DefocusBlur, GaussianBlur, MotionBlur
from pellucid.degradations.contract import Degradation
from pellucid.degradations.grayscale import Grayscale
from pellucid.degradations.haze import Haze
from pellucid.degradations.jpeg import Jpeg
from pellucid.degradations.low_light import LiftedLowLight, LowLight
from pellucid.degradations.mask import Mask
from pellucid.degradations.noise import GaussianNoise, SensorNoise
from pellucid.degradations.rain import Rain
from pellucid.degradations.resize import Resize
from pellucid.degradations.snow import Snow

DEGRADATIONS: dict[str, type[Degradation]] = {
    "gaussian-noise": GaussianNoise,
    "sensor-noise": SensorNoise,
    "gaussian-blur": GaussianBlur,
    "motion-blur": MotionBlur,
    "defocus-blur": DefocusBlur,
    "jpeg": Jpeg,
    "rain": Rain,
    "haze": Haze,
    "low-light": LowLight,
    "lifted-low-light": LiftedLowLight,
    "snow": Snow,
    "mask": Mask,
    "grayscale": Grayscale,
    "resize": Resize,
}
