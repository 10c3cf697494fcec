"""Where networks run, and how much room there is."""

import torch

from pellucid.errors import DeviceError
from pellucid.images.memory import spare_memory


def spare_on_device(device: str) -> int:
    """Bytes that could still be taken where the network works; of the machine where the device does not say."""
    return torch.cuda.mem_get_info(device)[0] if device.startswith("cuda") else spare_memory()


def chosen_device(wanted: str | None) -> str:
    """The device named, or the best at hand.

    Raises:
        DeviceError: when the one that is named is not at hand.
    """
    if wanted is None:
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        if reason.startswith("Expected one of"):  # torch lists every type that it was ever built for
            reason = "unknown"
        raise DeviceError(
            f"Expected a device that is at hand, got {wanted!r} ({reason}): use cpu, cuda or mps, or leave it out."
        ) from error
    return wanted
