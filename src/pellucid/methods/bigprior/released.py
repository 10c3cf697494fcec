"""The network that BIGPrior's authors released, read without running code."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.data.archive import TarArchive
from pellucid.errors import WeightsError
from pellucid.networks.fusion_network import PaperFusion
from pellucid.weights.files import load_into

RELEASED = "released/net_24.pth"
"""Where the weights lie in a set of inversions."""

_PREFIX = "module.backbone.dncnn."
_PER_BLOCK = 3  # convolution, normalisation and ReLU are numbered on


def released_network(path: str | Path) -> PaperFusion:
    """The authors' network for the prior's weight, ready to be used.

    Args:
        path: of the state dict, or of an archive or folder that holds `released/net_24.pth`.

    Raises:
        WeightsError: when there is none, it holds more than tensors, or it does not fit.
        DataError: when the archive is broken.
    """
    encoded = io.BytesIO(_encoded(Path(path)))
    try:
        state: Any = torch.load(encoded, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for what is no such file
        raise WeightsError(
            f"Expected a state dict of tensors in {path}, got something else ({str(error).splitlines()[0]}): get it "
            "from the authors' repository."
        ) from error
    tensors = translated(state if isinstance(state, Mapping) else {}, path)
    network = PaperFusion(observed=tensors["trunk.first.weight"].shape[1])
    load_into(network, tensors, path)
    return network.eval().requires_grad_(False)


def translated(state: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """The tensors by the names of `PaperFusion`.

    Args:
        state: by the release's names, `module.backbone.dncnn.N...`, N counting the layers with their ReLUs.
        source: how the message calls it.

    Raises:
        WeightsError: when a name is none of a DnCNN's.
    """
    numbers = [int(found[1]) for name in state if (found := re.match(rf"{re.escape(_PREFIX)}(\d+)\.", name))]
    if len(numbers) != len(state) or f"{_PREFIX}0.weight" not in state:
        odd = next((name for name in state if not name.startswith(_PREFIX)), "nothing of its first layer")
        raise WeightsError(
            f"Expected the released tensors {_PREFIX}N in {source}, got {odd}: take a net_24.pth of the release."
        )
    last = max(numbers)
    return {_name(name.removeprefix(_PREFIX), last): value for name, value in state.items()}


def _name(name: str, last: int) -> str:
    number, _, rest = name.partition(".")
    layer = int(number)
    if layer in (0, last):
        return f"trunk.{'first' if layer == 0 else 'last'}.{rest}"
    block, part = divmod(layer - 2, _PER_BLOCK)  # after the first convolution and its ReLU
    return f"trunk.{'norms' if part else 'middle'}.{block}.{rest}"


def _encoded(path: Path) -> bytes:
    if path.is_dir():
        path = path / RELEASED
    if not path.is_file():
        raise WeightsError(f"Expected the authors' weights at {path}, got no file: check the path.")
    if path.suffix != ".tar":
        return path.read_bytes()
    archive = TarArchive.open(path, lambda name: name.endswith(".pth"))
    wanted = [name for name in archive.names if name.endswith(Path(RELEASED).name)]
    if not wanted:
        raise WeightsError(f"Expected {RELEASED} in {path.name}, got no such member: get the archive anew.")
    return archive.read(wanted[0])
