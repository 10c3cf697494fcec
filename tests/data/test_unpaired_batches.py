"""Batches of what does not belong together."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from pellucid.data.clean_pictures import split_validation
from pellucid.data.config import PictureSource
from pellucid.data.unpaired_batches import UnpairedBatches, _held_out_share, unpaired_batches
from pellucid.errors import DataError


def pictures(count: int, level: int) -> list[torch.Tensor]:
    """Of one level each, so that a patch tells its picture."""
    return [torch.full((3, 40, 50), level + number, dtype=torch.uint8) for number in range(count)]


def batches(**others) -> UnpairedBatches:
    settings = {"patch_size": 32, "batch_size": 4, "seed": 3, **others}
    return UnpairedBatches(pictures(5, 10), pictures(4, 100), **settings)


def test_both_are_drawn_alone_and_a_step_is_a_pure_function_of_its_number() -> None:
    made, again = batches(), batches()
    seen = set()
    for step in range(60):
        batch, same = made(step), again(step)
        assert torch.equal(batch.degraded, same.degraded) and torch.equal(batch.clean, same.clean)
        assert batch.step == step and batch.degraded.shape == (4, 3, 32, 32)
        seen |= set(
            zip((255 * batch.degraded[:, 0, 0, 0]).tolist(), (255 * batch.clean[:, 0, 0, 0]).tolist(), strict=True)
        )
    assert len(seen) == 5 * 4  # every rainy picture met every clean one
    assert not torch.equal(batches(rank=1)(0).degraded, made(0).degraded)


def test_nothing_is_turned_unless_asked_for() -> None:
    slope = torch.arange(40, dtype=torch.uint8)[None, None].expand(3, 40, 40)
    plain = UnpairedBatches([slope], [slope], patch_size=32, batch_size=16)
    turned = UnpairedBatches([slope], [slope], patch_size=32, batch_size=16, is_turned=True)
    steps = [(its(0).degraded[..., 1:] - its(0).degraded[..., :-1]) * 255 for its in (plain, turned)]
    assert torch.allclose(steps[0], torch.ones_like(steps[0]), atol=1e-4)
    assert not torch.allclose(steps[1], torch.ones_like(steps[1]), atol=1e-4)


@pytest.mark.parametrize("memory", [1 << 20, 0])
def test_folders_are_read_held_out_and_fingerprinted(tmp_path: Path, memory: int) -> None:
    for kind, level in (("rainy", 50), ("clean", 150)):
        (tmp_path / kind).mkdir()
        for number in range(6):
            Image.new("RGB", (48, 40), (level + number,) * 3).save(tmp_path / kind / f"{number}.png")
    sources = [(PictureSource(path=tmp_path / kind),) for kind in ("rainy", "clean")]
    settings = {"patch_size": 32, "batch_size": 2, "is_turned": False, "seed": 0, "device": "cpu", "rank": 0}
    made, held_out, prints = unpaired_batches(
        *sources, None, validation_share=0.34, refuse_leaks=(), memory_bytes=memory, **settings
    )
    trained = {round(255 * made(step).degraded[row, 0, 0, 0].item()) for step in range(40) for row in range(2)}
    kept = {round(255 * its.item()) for its in held_out.degraded[:, 0, 0, 0]}
    assert trained | kept == set(range(50, 56)) and not trained & kept
    assert {round(255 * its.item()) for its in held_out.clean[:, 0, 0, 0]} <= set(range(150, 156))
    assert set(prints) == {"degraded", "clean"} and prints["degraded"] != prints["clean"]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        UnpairedBatches([], pictures(1, 0), patch_size=32, batch_size=1)


@pytest.mark.parametrize(("count", "held_out"), [(5, 1), (8, 2), (15, 3), (16, 4), (19, 4), (79, 4), (200, 10)])
def test_of_a_small_collection_four_are_held_out_or_a_quarter(count: int, held_out: int) -> None:
    pictures: Any = list(range(count))
    assert len(split_validation(pictures, _held_out_share(0.05, count))[1]) == held_out
    assert _held_out_share(0.0, count) == 0
