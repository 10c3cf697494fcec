"""Other people's networks give what their library gives, at any size; what cannot be run is said in one sentence."""

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from pellucid.app.evaluate import evaluate
from pellucid.errors import MethodError
from pellucid.evaluation.foreign_models import FOREIGN_SUFFIXES, foreign_model
from pellucid.images.files import write_image
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.weights.files import sha256

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

ANY_SIZE = ("batch", 3, "height", "width")
FLOAT, HALF = 1, 10  # as ONNX numbers its types


def picture(height: int = 30, width: int = 45, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def onnx_file(
    path: Path,
    nodes: Sequence,
    *,
    constants: dict[str, np.ndarray] | None = None,
    shape: Sequence[str | int] = ANY_SIZE,
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
    kind: int = FLOAT,
    has_data_beside: bool = False,
) -> Path:
    """A file with one graph; `nodes` are `(operation, inputs, outputs, attributes)`."""
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node(operation, *names, **attributes) for operation, *names, attributes in nodes],
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(name, kind, ("a", "b", "c", "d")) for name in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, path, save_as_external_data=has_data_beside, location=f"{path.name}.data", size_threshold=0)
    return path


def scaled(path: Path, factor: float = 0.5, **settings) -> Path:
    """`y = factor x`."""
    dtype = np.float16 if settings.get("kind") == HALF else np.float32
    return onnx_file(
        path, [("Mul", ["x", "factor"], ["y"], {})], constants={"factor": np.array(factor, dtype)}, **settings
    )


def torchscript_file(path: Path, network: torch.nn.Module) -> Path:
    torch.jit.script(network.eval()).save(str(path))
    return path


class Blocks(torch.nn.Module):
    """Half as bright, and only for sides that are multiples of 8."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        channels = functional.pixel_unshuffle(image, 8)
        image.zero_()  # as networks that work in place do
        return functional.pixel_shuffle(channels * 0.5, 8)


class Enlarged(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(image, scale_factor=2.0)


class Both(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return image, image


class Unsupplied(torch.nn.Module):
    def forward(self, image: torch.Tensor, sigma: float) -> torch.Tensor:
        return image * sigma


class InPlace(torch.nn.Module):
    """Spoils its input, then fails where sides are no multiples of 64."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        image.mul_(0.5)
        return functional.pixel_shuffle(functional.pixel_unshuffle(image, 64), 64)


def complaint(path: Path, image: torch.Tensor | None = None) -> str:
    """What is said of a file when it is opened, or when it is to restore."""
    with pytest.raises(MethodError) as caught:
        foreign_model(path).restore(picture() if image is None else image)
    message = str(caught.value)
    assert message.startswith("Expected ") and str(path) in message and "\n" not in message and message.endswith(".")
    return message


@pytest.mark.parametrize("shape", [ANY_SIZE, (1, 3, "height", "width"), (None, None, None, None)])
def test_an_onnx_network_is_run(tmp_path: Path, shape: tuple) -> None:
    contestant = foreign_model(scaled(tmp_path / "half.onnx", shape=shape))
    assert contestant.name == "half"
    assert torch.equal(contestant.restore(picture()), picture() * 0.5)


def test_a_convolution_is_torchs(tmp_path: Path) -> None:
    weight = torch.randn(3, 3, 3, 3, generator=torch.Generator().manual_seed(1)) / 5
    nodes = [("Conv", ["x", "weight"], ["y"], {"pads": [1, 1, 1, 1]})]
    path = onnx_file(tmp_path / "conv.onnx", nodes, constants={"weight": weight.numpy()})
    for image in (picture(), picture(31, 17, seed=2)):
        expected = functional.conv2d(image, weight, padding=1)
        torch.testing.assert_close(foreign_model(path).restore(image), expected, rtol=0, atol=1e-6)


def test_a_half_precision_network_is_handed_half_precision(tmp_path: Path) -> None:
    restored = foreign_model(scaled(tmp_path / "half.onnx", kind=HALF)).restore(picture())
    assert restored.dtype == torch.float32
    assert torch.equal(restored, (picture().half() * 0.5).float())


def test_half_precision_torchscript_is_run_in_float32(tmp_path: Path) -> None:
    network = torch.nn.Conv2d(3, 3, 3, padding=1)
    expected = network.half().float()(picture())
    restored = foreign_model(torchscript_file(tmp_path / "n.pt", network.half())).restore(picture())
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-6)
    assert not restored.requires_grad


def test_dropout_is_off(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Dropout(0.9).train()).save(str(tmp_path / "n.pt"))
    assert torch.equal(foreign_model(tmp_path / "n.pt").restore(picture()), picture())


@pytest.mark.parametrize("suffix", [suffix for suffix in FOREIGN_SUFFIXES if suffix != ".onnx"])
def test_sizes_that_a_network_does_not_take_are_padded(tmp_path: Path, suffix: str) -> None:
    contestant = foreign_model(torchscript_file(tmp_path / f"blocks{suffix}", Blocks()))
    for image in (picture(30, 45), picture(32, 48), picture(64, 128), picture(3, 200), picture(30, 45, seed=1)):
        given = image.clone()
        assert torch.equal(contestant.restore(image), given * 0.5)
        assert torch.equal(image, given)


def test_sizes_that_fit_are_not_padded_even_after_others_were(tmp_path: Path) -> None:
    """A mean over the picture would show it."""
    nodes = [
        ("SpaceToDepth", ["x"], ["small"], {"blocksize": 8}),
        ("DepthToSpace", ["small"], ["same"], {"blocksize": 8}),
        ("ReduceMean", ["same"], ["mean"], {"axes": [2, 3]}),
        ("Sub", ["same", "mean"], ["y"], {}),
    ]
    contestant = foreign_model(onnx_file(tmp_path / "mean.onnx", nodes))
    for image in (picture(30, 45), picture(32, 48), picture(30, 45)):
        padded, size = pad_to_multiple(image, 64) if image.shape[-1] == 45 else (image, image.shape[-2:])
        expected = crop_to(padded - padded.mean((2, 3), keepdim=True), (size[0], size[1]))
        torch.testing.assert_close(contestant.restore(image), expected, rtol=0, atol=1e-6)


def test_a_network_that_crops_is_padded(tmp_path: Path) -> None:
    """Pooling gives whole cells of 4 only: no error, another shape."""
    nodes = [
        ("AveragePool", ["x"], ["small"], {"kernel_shape": [4, 4], "strides": [4, 4]}),
        (
            "Resize",
            ["small", "", "scales"],
            ["y"],
            {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"},
        ),
    ]
    path = onnx_file(tmp_path / "cells.onnx", nodes, constants={"scales": np.array([1, 1, 4, 4], np.float32)})
    restored = foreign_model(path).restore(picture())
    whole = functional.interpolate(functional.avg_pool2d(picture(), 4), scale_factor=4.0)
    assert restored.shape == picture().shape
    torch.testing.assert_close(restored[..., :28, :44], whole, rtol=0, atol=1e-6)


def test_a_failed_attempt_leaves_the_picture_as_it_was(tmp_path: Path) -> None:
    contestant = foreign_model(torchscript_file(tmp_path / "n.pt", InPlace()))
    assert torch.equal(contestant.restore(picture()), picture() * 0.5)


def test_facts_say_what_was_run(tmp_path: Path) -> None:
    path = scaled(tmp_path / "a.onnx")
    facts = foreign_model(path).facts
    assert facts["sha256"] == sha256(path) and facts["version"]
    assert (facts["format"], facts["package"], facts["device"]) == ("ONNX", "onnxruntime", "cpu")
    path = torchscript_file(tmp_path / "b.pt", Blocks())
    facts = foreign_model(path).facts
    assert facts["sha256"] == sha256(path) and facts["version"] == torch.__version__
    assert (facts["format"], facts["package"], facts["device"]) == ("TorchScript", "torch", "cpu")


def test_weights_beside_the_file_are_hashed_too(tmp_path: Path) -> None:
    one = foreign_model(scaled(tmp_path / "one.onnx", 0.5, has_data_beside=True))
    assert one.facts["data_sha256"] == sha256(tmp_path / "one.onnx.data")
    assert torch.equal(one.restore(picture()), picture() * 0.5)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"shape": (1, 3, 64, 64)}, r"any size .* got \(1, 3, 64, 64\) alone: .* dynamic height and width"),
        ({"shape": (1, 3, "height", 64)}, r"got \(1, 3, height, 64\) alone"),
        ({"shape": (1, 1, "height", "width")}, r"\(1, 3, height, width\) of floats .* \(1, 1, height, width\): "),
        ({"shape": (4, 3, "height", "width")}, r"\(4, 3, height, width\): "),
        ({"shape": (3, "height", "width")}, r"got tensor\(float\) \(3, height, width\): "),
        ({"inputs": ("x", "sigma")}, r"one input and one output .* got 2 \(x, sigma\) to 1 \(y\): "),
        ({"outputs": ("y", "x")}, r"got 1 \(x\) to 2 \(y, x\): "),
    ],
)
def test_an_onnx_network_that_does_something_else_is_refused(tmp_path: Path, settings: dict, expected: str) -> None:
    path = scaled(tmp_path / "a.onnx", **settings)
    with pytest.raises(MethodError, match=expected):
        foreign_model(path)
    complaint(path)


def test_bytes_as_input_are_refused(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "a.onnx", [("Identity", ["x"], ["y"], {})], kind=2)
    assert "got tensor(uint8) (batch, 3, height, width)" in complaint(path)


def test_another_shape_is_refused(tmp_path: Path) -> None:
    nodes = [("ReduceMean", ["x"], ["y"], {"axes": [1]})]
    assert "got the shape (1, 1, 64, 64): " in complaint(onnx_file(tmp_path / "grey.onnx", nodes))
    path = torchscript_file(tmp_path / "large.pt", Enlarged())
    assert "Expected a picture (1, 3, 64, 64)" in complaint(path)
    assert "got the shape (1, 3, 128, 128): " in complaint(path)


def test_an_error_of_the_library_is_told_in_its_words(tmp_path: Path) -> None:
    weight = np.zeros((3, 1, 3, 3), np.float32)
    nodes = [("Conv", ["x", "weight"], ["y"], {})]
    path = onnx_file(tmp_path / "a.onnx", nodes, constants={"weight": weight}, shape=(1, "c", "h", "w"))
    assert "C: 3 kernel channels: 1" in complaint(path)
    grey = torchscript_file(tmp_path / "grey.pt", torch.nn.Conv2d(1, 1, 3))
    assert "to have 1 channels, but got 3 channels instead" in complaint(grey)


def test_torchscript_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert "got a tuple: " in complaint(torchscript_file(tmp_path / "both.pt", Both()))
    assert "'sigma'" in complaint(torchscript_file(tmp_path / "sigma.pt", Unsupplied()))


@pytest.mark.parametrize("is_zip", [True, False])
def test_pickles_are_refused_unopened(tmp_path: Path, is_zip: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.jit, "load", None)
    torch.save({"weight": torch.rand(3)}, tmp_path / "a.pth", _use_new_zipfile_serialization=is_zip)
    assert "pickles are not loaded, since they may run code" in complaint(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [b"", b"none of these"])
def test_files_of_something_else_are_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("a.pt", "a.onnx"):
        (tmp_path / name).write_bytes(content)
        complaint(tmp_path / name)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = torchscript_file(tmp_path / "a.pt", Blocks())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    complaint(path)
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b"pixel_unshuffle", b"pixel_unshovels"))
    assert "pixel_unshovels" in complaint(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    for name in ("none.onnx", "none.pt"):
        assert "found no such file" in complaint(tmp_path / name)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    assert ".onnx" in complaint(tmp_path / "a.tflite")


def test_a_missing_library_is_named_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scaled(tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # what importing does when a package is not there
    assert "install the extra onnx" in complaint(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("degraded", "clean"):
        (tmp_path / name).mkdir()
        for number in range(2):
            write_image(tmp_path / name / f"{number}.png", picture(seed=number) * (0.5 if name == "clean" else 1.0))
    return tmp_path / "degraded", tmp_path / "clean"


def test_files_are_measured_beside_the_input(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    (tmp_path / "run").mkdir()
    files = [
        scaled(tmp_path / "half.onnx"),
        torchscript_file(tmp_path / "half.PT", Blocks()),
        scaled(tmp_path / "run" / "weights.onnx", 0.9),
    ]
    evaluation = evaluate([str(file) for file in files], folders=folders)
    assert [result.contestant for result in evaluation.results] == ["input", "half", "half-2", "run"]
    darkened, first, second, last = (result.psnr for result in evaluation.results)
    assert first == pytest.approx(second) and min(first, second) > 50 > last > darkened
    assert evaluation.results[1].facts["format"] == "ONNX"


def test_a_missing_file_stops_before_anything_is_measured(folders: tuple[Path, Path]) -> None:
    with pytest.raises(MethodError, match=r"no such file"):
        evaluate(["none.onnx"], folders=folders)
