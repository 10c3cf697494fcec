"""Restore degraded photographs, and see how much of every pixel is evidence and how much is belief.

    restore("photo.jpg", "better.jpg")     a file to a file, nothing else about it lost
    perceive("photo.jpg").perception       what is wrong with it, and how badly
    load("default").restore(tensor)        a tensor `(B, 3, H, W)` in `[0, 1]` to a `Restoration`

Names are imported when they are first used, so that `import pellucid` stays quick.
"""

from typing import TYPE_CHECKING, Any

from pellucid.errors import (
    ConfigurationError,
    DataError,
    DeviceError,
    ImageError,
    MethodError,
    PellucidError,
    WeightsError,
)
from pellucid.version import __version__

if TYPE_CHECKING:
    from pellucid.app.perceive import perceive
    from pellucid.app.restore import restore
    from pellucid.methods.base import Restoration
    from pellucid.methods.load import Model, load

__all__ = [
    "ConfigurationError",
    "DataError",
    "DeviceError",
    "ImageError",
    "MethodError",
    "Model",
    "PellucidError",
    "Restoration",
    "WeightsError",
    "__version__",
    "load",
    "perceive",
    "restore",
]

_LATER = {
    "Model": "pellucid.methods.load",
    "Restoration": "pellucid.methods.base",
    "load": "pellucid.methods.load",
    "perceive": "pellucid.app.perceive",
    "restore": "pellucid.app.restore",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
