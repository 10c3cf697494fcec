"""Checkpoints: what goes in comes out, in small files, whole or not at all."""

from pathlib import Path

import pytest
import torch

from pellucid.errors import WeightsError
from pellucid.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint


def state(count: int = 1) -> dict:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 3, 3)).to(
        memory_format=torch.channels_last
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        network(torch.rand(1, 3, 9, 9, generator=generator)).sum().backward()
        optimiser.step()
    large = [torch.rand(1_000_000, generator=generator) for _ in range(count)]
    return {
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "large": large,
        "nothing": None,
        "number": 3,
        "half": torch.rand(4, generator=generator).bfloat16(),
        "name": "ä",
        "empty": {},
    }


def assert_same(one, other) -> None:
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for item, same in zip(one, other, strict=True):
            assert_same(item, same)
    else:
        assert one == other and type(one) is type(other)


def test_state_comes_back_as_it_was(tmp_path: Path) -> None:
    written = state()
    path = save_checkpoint(tmp_path, written, 1234)
    assert path.name == "step-00001234"
    step, read = load_checkpoint(path)
    assert step == 1234
    assert_same(written, read)


def test_an_optimiser_takes_its_state_back(tmp_path: Path) -> None:
    _, read = load_checkpoint(save_checkpoint(tmp_path, state(), 1))
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 3, 3))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.5)
    optimiser.load_state_dict(read["optimiser"])
    assert optimiser.param_groups[0]["lr"] == 0.1
    assert_same(state()["optimiser"], optimiser.state_dict())


def test_files_are_small(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, state(count=11), 1)
    sizes = [file.stat().st_size for file in path.iterdir()]
    assert sum(sizes) > 44e6 and len(sizes) >= 4
    assert max(sizes) < 16 * 2**20


def test_older_ones_are_deleted(tmp_path: Path) -> None:
    for step in (1, 2, 10, 30):
        save_checkpoint(tmp_path, {"step": step}, step, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000010", "step-00000030"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-00000030"]


def test_the_same_step_may_be_written_again(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"value": 1}, 5)
    assert load_checkpoint(save_checkpoint(tmp_path, {"value": 2}, 5))[1] == {"value": 2}


def test_what_is_not_whole_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, {"value": 1}, 1)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_space)
        with pytest.raises(OSError, match="No space"):
            save_checkpoint(tmp_path, {"value": 2}, 2)
    (tmp_path / "step-00000003").mkdir()  # without its state
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000001"]
    save_checkpoint(tmp_path, {"value": 2}, 2)  # the leftover of the failure is no obstacle
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000001", "step-00000002"]
    assert checkpoints(tmp_path / "missing") == []


def test_damage_is_named(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, state(), 1)
    shard = next(path.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-8])
    with pytest.raises(WeightsError, match="whole checkpoint"):
        load_checkpoint(path)
    shard.unlink()
    with pytest.raises(WeightsError, match="delete it to go on from an older one"):
        load_checkpoint(path)


def test_later_changes_do_not_reach_what_was_saved(tmp_path: Path) -> None:
    weight = torch.ones(3)
    path = save_checkpoint(tmp_path, {"weight": weight, "shared": weight}, 1)
    weight.zero_()
    _, read = load_checkpoint(path)
    assert read["weight"].tolist() == read["shared"].tolist() == [1, 1, 1]
