"""Other people's networks as contestants, from ONNX files and TorchScript files.

Such a file holds one network from one picture to one: `(1, 3, H, W)`, RGB, in `[0, 1]`, of any height and width, to the
same shape. It runs on the processor, on whole pictures. Networks that take some sizes only, such as multiples of 8, are
given the other pictures padded. Pickles of weights are not opened: opening one can run any code.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import MethodError
from pellucid.evaluation.evaluate import Contestant, Restore
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.weights.files import sha256
from pellucid.weights.torchscript import complaint, load_torchscript

FOREIGN_SUFFIXES = (".onnx", ".pt", ".pth", ".torchscript", ".ts")
"""Of files that `foreign_model` takes, in small letters."""

MULTIPLE = 64
"""Sides of padded pictures are multiples of this: enough for six halvings, or for windows of 8 after three."""

Run = Callable[[Tensor], Any]
"""A network as its library calls it: a float32 picture to what should be one of the same shape."""


def foreign_model(path: str | Path) -> Contestant:
    """The network of an ONNX or TorchScript file as a contestant, named after the file.

    A picture is given to the network as it is. Where that fails, or gives another shape, the picture is padded below
    and to the right by reflection, to multiples of `MULTIPLE`, and the result is cropped.

    Args:
        path: of the file; its suffix, one of `FOREIGN_SUFFIXES`, says what it is.

    Returns:
        The contestant. Its facts are the file's hash, its format, and the package that runs it with its version; its
        function raises `MethodError` when the network takes a picture neither as it is nor padded.

    Raises:
        MethodError: when the file is missing, of another kind, or holds no network from one picture of any size to
            one, or when its library is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FOREIGN_SUFFIXES:
        raise MethodError(f"Expected a file {', '.join(FOREIGN_SUFFIXES)}, got {path}: export to ONNX or TorchScript.")
    if not path.is_file():
        raise MethodError(f"Expected a network in {path}, found no such file: check the path.")
    run, facts = _from_onnx(path) if suffix == ".onnx" else _from_torchscript(path)
    return Contestant(path.stem, _for_any_size(run, path), facts={"sha256": sha256(path), **facts, "device": "cpu"})


def _from_onnx(path: Path) -> tuple[Run, dict[str, str]]:
    try:
        import onnxruntime
    except ImportError as error:
        raise MethodError(
            f'Expected onnxruntime for {path}, found none: install the extra onnx (pip install ".[onnx]"), or it alone.'
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong comes as an exception, too
    # As many threads as everybody else in the run has, and none that goes on spinning while the next one is timed.
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's errors have no base of their own
        raise MethodError(f"Expected an ONNX network in {path}, got {complaint(error)}: export it again.") from error
    name, dtype = _only_picture(session.get_inputs(), session.get_outputs(), path)

    def run(image: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: image.to(dtype).numpy()})[0])

    facts = {"format": "ONNX", "package": "onnxruntime", "version": onnxruntime.__version__}
    for beside in (path.with_name(path.name + ending) for ending in (".data", "_data")):
        if beside.is_file():  # large networks keep their weights there, of which the file's own hash says nothing
            facts["data_sha256"] = sha256(beside)
    return run, facts


def _only_picture(inputs: Sequence[Any], outputs: Sequence[Any], path: Path) -> tuple[str, torch.dtype]:
    """Name and type of the one input of an ONNX network, which must be a picture of any size.

    Raises:
        MethodError: when it is not, or when there is more than one input or output.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        got = " to ".join(f"{len(several)} ({', '.join(one.name for one in several)})" for several in (inputs, outputs))
        raise MethodError(
            f"Expected one input and one output in {path}, got {got}: export the network from one picture to one."
        )
    shape = inputs[0].shape  # a number, or a name or None where any number fits
    dtype = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}.get(inputs[0].type)
    fits = len(shape) == 4 and all(
        side == wanted or not isinstance(side, int) for side, wanted in zip(shape[:2], (1, 3), strict=True)
    )
    written = f"({', '.join('any' if side is None else str(side) for side in shape)})"
    if dtype is None or not fits:
        raise MethodError(
            f"Expected a picture (1, 3, height, width) of floats as the input of {path}, got {inputs[0].type} {written}"
            ": export the network for RGB pictures in [0, 1]."
        )
    if any(isinstance(side, int) for side in shape[2:]):
        raise MethodError(
            f"Expected pictures of any size as the input of {path}, got {written} alone: export the network with "
            "dynamic height and width."
        )
    return inputs[0].name, dtype


def _from_torchscript(path: Path) -> tuple[Run, dict[str, str]]:
    network = load_torchscript(path)

    def run(image: Tensor) -> Any:
        with torch.inference_mode():
            return network(image)

    return run, {"format": "TorchScript", "package": "torch", "version": torch.__version__}


def _for_any_size(run: Run, path: Path) -> Restore:
    only_padded: set[tuple[int, int]] = set()  # sizes not to be tried in vain, and timed, again

    def restore(image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if (height, width) not in only_padded:
            outcome = _attempt(run, image)
            if isinstance(outcome, Tensor):
                return outcome
        padded, size = pad_to_multiple(image, MULTIPLE)
        outcome = _attempt(run, padded)
        if isinstance(outcome, str):
            raise MethodError(
                f"Expected a picture {tuple(padded.shape)} from {path} for one of that shape, got {outcome}: export "
                "the network from RGB pictures (1, 3, height, width) to the same shape."
            )
        only_padded.add((height, width))
        return crop_to(outcome, size)

    return restore


def _attempt(run: Run, image: Tensor) -> Tensor | str:
    """The restored picture, or in words what came instead."""
    try:
        restored = run(image.clone())  # a copy, since networks may work in place
    except Exception as error:  # the libraries' errors have no base in common
        return complaint(error)
    if not isinstance(restored, Tensor):
        return f"a {type(restored).__name__}"
    return restored.float() if restored.shape == image.shape else f"the shape {tuple(restored.shape)}"
