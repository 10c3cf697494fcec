"""One file to one file, against the same model on the same pixels in memory."""

import dataclasses
import hashlib
import mmap
from collections.abc import Callable
from math import isqrt
from pathlib import Path

import pytest
import torch

from pellucid.app import budget
from pellucid.app import restore_file as restore_module
from pellucid.app.restore_file import restore_file
from pellucid.errors import ConfigurationError, DeviceError, ImageError
from pellucid.images.files import read_image, read_picture
from pellucid.images.overview import Views
from pellucid.methods.base import Restoration
from pellucid.methods.load import Model
from pellucid.methods.restorer import NetworkRestorer
from pellucid.networks.residual_stack import ResidualStack

MakePhoto = Callable[..., Path]


class Spy:
    """A restorer that returns what it gets plus its context, and keeps what it saw."""

    size_multiple, tile_grid, receptive_radius, bytes_per_pixel, needs_context = 4, 4, 3, 100.0, False

    def __init__(self) -> None:
        self.parts: list[tuple[int, ...]] = []
        self.contexts: list[tuple[tuple[int, ...], ...]] = []

    def context(self, views: Views) -> torch.Tensor:
        self.contexts.append((tuple(views.overview.shape[-2:]), tuple(views.details.shape[1:]), views.size))
        return torch.zeros(1, 1, 1, 1)

    def reach(self, context: torch.Tensor | None) -> int:
        return self.receptive_radius

    def taken_for(self, context: torch.Tensor | None) -> str:
        return "a test"

    def is_sure(self, context: torch.Tensor | None) -> bool:
        return False

    def observe(self, views: Views) -> tuple[torch.Tensor, torch.Tensor]:
        return self.context(views), torch.zeros(1, 0)

    def restore(self, image: torch.Tensor, context: torch.Tensor | None = None) -> Restoration:
        assert context is not None
        self.parts.append(tuple(image.shape[-2:]))
        return Restoration(image + context)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_holds_what_the_model_makes_of_its_pixels(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png", size=(37, 51)), tmp_path / "b.png"
    restore_file(source, target, tiny)
    wanted = tiny.restore(read_image(source)).image
    assert (read_image(target) - wanted).abs().max() <= 0.5001 / 255  # rounded to 8 bits, once
    assert (wanted - read_image(source)).abs().max() > 2 / 255, "the model changes something"


def test_sixteen_bits_stay_sixteen(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.tif", depth=16), tmp_path / "b.tif"
    restore_file(source, target, tiny)
    wanted = tiny.restore(read_image(source)).image
    assert (read_image(target) - wanted).abs().max() <= 0.51 / 65535


@pytest.mark.parametrize("peak", [1.0, 4.0])
def test_tiles_of_a_guided_network_agree_above_white_too(tmp_path: Path, peak: float) -> None:
    """Light as measured says nothing of how bright a picture should be, but what guides a network it must say."""
    import numpy as np
    import pyvips

    torch.manual_seed(0)
    network = ResidualStack(width=4, blocks=2, guidance={"code_width": 8})
    for modulation in network.guidance.modulations:  # pyright: ignore[reportOptionalMemberAccess]
        torch.nn.init.normal_(modulation.second.weight, std=0.5)  # pyright: ignore
    with torch.no_grad():
        network.tail.weight.mul_(20)
    model = Model("guided", NetworkRestorer(network, dtype=torch.float32), {}, "", "cpu")
    pixels = peak * np.random.default_rng(0).random((64, 160, 3), dtype=np.float32)
    pyvips.Image.new_from_array(pixels).copy(interpretation="scrgb").write_to_file(str(tmp_path / "light.tif"))
    restore_file(tmp_path / "light.tif", tmp_path / "whole.tif", model)
    restore_file(tmp_path / "light.tif", tmp_path / "tiled.tif", model, tile=64)
    whole, tiled = (pyvips.Image.new_from_file(str(tmp_path / name)).numpy() for name in ("whole.tif", "tiled.tif"))
    assert np.abs(whole - pixels).max() > 0.01
    assert np.abs(whole - tiled).max() < 1e-4


def test_tiles_change_nothing(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.png", size=(70, 333))
    whole = restore_file(source, tmp_path / "whole.png", tiny)
    tiled = restore_file(source, tmp_path / "tiled.png", tiny, tile=120)
    assert (whole.tile, tiled.tile) == (None, 120)
    # bf16 kernels may sum in another order for another shape; a rounding to 8 bits may then fall to the other side.
    assert (read_image(tmp_path / "whole.png") - read_image(tmp_path / "tiled.png")).abs().max() <= 1.001 / 255


def test_a_restorer_sees_the_whole_picture_once(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source = make_photo(tmp_path / "a.png", size=(30, 1601))
    whole, tiled = Spy(), Spy()
    receipt = restore_file(source, tmp_path / "whole.png", dataclasses.replace(tiny, restorer=whole))
    assert receipt.taken_for == "a test"
    restore_file(source, tmp_path / "tiled.png", dataclasses.replace(tiny, restorer=tiled), tile=100)
    assert whole.parts == [(32, 1604)]
    assert whole.contexts == tiled.contexts == [((10, 534), (4, 3, 30, 128), (30, 1601))], (
        "every third pixel, so that tiles and the whole agree"
    )
    assert len(tiled.parts) > 5
    assert torch.equal(read_image(tmp_path / "tiled.png"), read_image(source))


def test_the_receipt_says_what_was_done(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.png", size=(21, 33)), tmp_path / "deep" / "er" / "b.jpg"
    receipt = restore_file(source, target, tiny)
    assert (receipt.source.sha256, receipt.target.sha256) == (sha256(source), sha256(target))
    assert (receipt.source.bytes, receipt.target.bytes) == (source.stat().st_size, target.stat().st_size)
    assert (receipt.height, receipt.width, receipt.device) == (21, 33, "cpu")
    assert receipt.model_sha256 == tiny.weights_sha256
    assert receipt.not_kept == () and receipt.taken_for is None


def test_the_receipt_names_what_was_not_kept(tmp_path: Path, tiny: Model) -> None:
    image_module = pytest.importorskip("PIL.Image")
    image_module.new("RGBA", (32, 24), (200, 100, 50, 128)).save(tmp_path / "a.png")
    receipt = restore_file(tmp_path / "a.png", tmp_path / "b.jpg", tiny)
    assert len(receipt.not_kept) == 1 and "opacity" in receipt.not_kept[0]


def test_progress_ends_at_one(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    told: list[float] = []
    source = make_photo(tmp_path / "a.png", size=(90, 400))
    restore_file(source, tmp_path / "b.png", tiny, tile=120, progress=told.append)
    assert len(told) > 1 and told == sorted(told) and told[-1] == 1


def test_a_failure_leaves_the_target_as_it_was(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    source, target = make_photo(tmp_path / "a.jpg"), tmp_path / "b.jpg"
    source.write_bytes(source.read_bytes()[:-200])
    target.write_bytes(b"before")
    with pytest.raises(ImageError):
        restore_file(source, target, tiny)
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]


def test_a_budget_decides_the_tile(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = read_picture(make_photo(tmp_path / "a.png", size=(500, 900)))
    monkeypatch.setattr(budget, "resident_bytes", lambda: 100_000_000)
    samples = 2 * 500 * 900 * 3  # of the input and of the output, one byte each
    for wanted in (200, 296):
        work = int(tiny.restorer.bytes_per_pixel * wanted**2)
        assert budget.plan_tile(picture, tiny, memory=100_000_000 + samples + work) == wanted
        assert budget.plan_tile(picture, tiny, memory=100_000_000 + samples + work - 1) == wanted - 8
    assert budget.plan_tile(picture, tiny, memory="1T") is None
    assert budget.plan_tile(picture, tiny, memory="1T", tile=64) == 64


def test_without_a_budget_half_of_what_is_free_is_taken(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = read_picture(make_photo(tmp_path / "a.jpg", size=(2500, 2500)))
    monkeypatch.setattr(budget, "resident_bytes", lambda: 100_000_000)
    tiles = {}
    for spare in (1 << 30, 1 << 40):
        monkeypatch.setattr(budget, "spare_memory", lambda spare=spare: spare)
        tiles[spare] = budget.plan_tile(picture, tiny)
    left = 2 * 2500 * 2500 * 3
    assert tiles[1 << 30] == isqrt(int(((1 << 29) - left) / tiny.restorer.bytes_per_pixel)) // 8 * 8
    assert tiles[1 << 40] == isqrt(int(((2 << 30) - 100_000_000 - left) / tiny.restorer.bytes_per_pixel)) // 8 * 8


def test_what_the_process_holds_grows_with_what_it_holds() -> None:
    before = budget.resident_bytes()
    with mmap.mmap(-1, 64 << 20) as held:  # from the system: an allocator may have as much left from other tests
        held.write(b"1" * len(held))
        assert budget.resident_bytes() - before > len(held) // 2


def test_a_budget_that_is_too_small_says_what_would_do(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    with pytest.raises(DeviceError, match=r"at least \d+M"):
        restore_file(make_photo(tmp_path / "a.png"), tmp_path / "b.png", tiny, memory="1M")
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: Error code 12"),
        RuntimeError("std::bad_alloc"),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_a_full_memory_says_what_would_do(
    error: Exception, tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise error

    monkeypatch.setattr(tiny.restorer.network, "forward", full)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(DeviceError, match="its memory is full: give a smaller --memory"):
        restore_file(make_photo(tmp_path / "a.png"), tmp_path / "b.png", tiny)


def test_an_error_of_another_kind_stays_what_it_is(
    tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("sizes of tensors must match")

    monkeypatch.setattr(tiny.restorer.network, "forward", broken)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(RuntimeError, match="sizes"):
        restore_file(make_photo(tmp_path / "a.png"), tmp_path / "b.png", tiny)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_full_memory_outside_the_network_is_told_as_well(
    error: Exception, tmp_path: Path, tiny: Model, make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise error

    monkeypatch.setattr(restore_module, "Canvas", full)
    with pytest.raises(DeviceError, match="the memory is full"):
        restore_file(make_photo(tmp_path / "a.png"), tmp_path / "b.png", tiny)


def test_a_tile_that_is_too_small_says_what_would_do(tmp_path: Path, tiny: Model, make_photo: MakePhoto) -> None:
    with pytest.raises(ConfigurationError, match=r"--tile \d+"):
        restore_file(make_photo(tmp_path / "a.png", size=(300, 300)), tmp_path / "b.png", tiny, tile=8)
