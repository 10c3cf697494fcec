"""What can go wrong, as one tree.

    PellucidError
      ImageError           a picture cannot be read, held or written
      WeightsError         a weights file cannot be trusted or does not fit its network
      MethodError          a method, network or model name is not known, or cannot do what was asked
      DataError            a data set is missing, empty, mismatched, or leaks into a test set
      ConfigurationError   a setting is unknown or out of its range
      DeviceError          the device or the memory budget cannot carry the work

Every message is one sentence that says what was expected, what came, and what to do.
The command line prints that sentence and exits with status 2.
"""


class PellucidError(Exception):
    """The base of every error that a user of Pellucid can cause."""


class ImageError(PellucidError):
    """A picture cannot be read, held or written."""


class WeightsError(PellucidError):
    """A weights file cannot be trusted, or does not fit its network."""


class MethodError(PellucidError):
    """A method, network or model name is not known, or cannot do what was asked."""


class DataError(PellucidError):
    """A data set is missing, empty, mismatched, or leaks into a test set."""


class ConfigurationError(PellucidError, ValueError):
    """A setting is unknown or out of its range."""


class DeviceError(PellucidError):
    """The device or the memory budget cannot carry the work."""
