"""Sets are opened as the archives hold them, and views are those of the papers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.errors import DataError
from pellucid.evaluation.benchmark_sets import benchmark_set, open_benchmark_set, open_two_folders


def as_image(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def test_clean_pictures_come_in_the_order_of_their_names(data_root: Path, photograph) -> None:
    pictures = open_benchmark_set("cbsd68", data_root)
    assert pictures.pictures == tuple(f"{100 + k}.png" for k in range(5))
    degraded, clean = pictures.read(3)
    assert degraded is None
    assert torch.equal(clean, as_image(photograph(43, 56, 3)))
    assert pictures.sizes() == [(40 + k, 56) for k in range(5)]


def test_the_root_may_come_from_the_environment(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(data_root))
    assert len(open_benchmark_set("rain100l").pictures) == 3


def test_pairs_are_degraded_and_clean(data_root: Path, photograph) -> None:
    degraded, clean = open_benchmark_set("Rain100L", data_root).read(1)
    assert torch.equal(clean, as_image(photograph(45, 61, 31)))
    assert degraded is not None and (degraded >= clean).all() and (degraded > clean).any()


def test_heavy_rain_is_light_added_to_the_clean_pictures_of_the_other_set(data_root: Path, photograph) -> None:
    degraded, clean = open_benchmark_set("rain100h", data_root).read(0)
    assert torch.equal(clean, as_image(photograph(45, 61, 30)[:44, :60]))
    assert degraded is not None and torch.allclose(degraded, (clean + 70 / 255).clamp(max=1), atol=1e-6)


def test_kodak_crops_are_ffdnets(data_root: Path, photograph) -> None:
    crops = open_benchmark_set("kodak24-500", data_root)
    assert torch.equal(crops.read(0)[1], as_image(photograph(512, 768, 20)[6:506, 134:634]))
    assert torch.equal(crops.read(1)[1], as_image(photograph(768, 512, 21)[134:634, 6:506]))
    assert open_benchmark_set("kodak24", data_root).sizes() == [(512, 768), (768, 512)]


def test_bsd68_is_grey(data_root: Path, photograph) -> None:
    _, clean = open_benchmark_set("bsd68", data_root).read(0)
    expected = np.floor(photograph(40, 56, 0) @ [0.298936021293775, 0.587043074451121, 0.114020904255103] + 0.5)
    assert torch.equal(clean[0, 0], clean[0, 2])
    assert np.array_equal(np.rint(clean[0, 1].numpy() * 255), expected)


def test_bedrooms_are_the_last_fifty_by_number(data_root: Path) -> None:
    assert open_benchmark_set("bedroom50", data_root).pictures == tuple(f"{k}.png" for k in range(10, 60))


def test_two_folders_are_matched_by_base_name(tmp_path: Path, photograph, encoded) -> None:
    for name, suffix, spread in (("noisy", "webp", 0.5), ("clean", "png", 1.0)):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(2):
            pixels = photograph(20, 24, number, spread)
            (folder / f"{number}.{suffix}").write_bytes(encoded(pixels, "WEBP" if suffix == "webp" else "PNG"))
    pairs = open_two_folders(tmp_path / "noisy", tmp_path / "clean")
    degraded, clean = pairs.read(1)
    assert (pairs.name, pairs.pictures) == ("noisy against clean", ("0", "1"))
    assert torch.equal(clean, as_image(photograph(20, 24, 1)))
    assert degraded is not None and torch.equal(degraded, as_image(photograph(20, 24, 1, 0.5)))


def test_names_may_be_typed_as_the_archives_are_called() -> None:
    assert benchmark_set("LowLight_SICE24").name == "sice24"
    assert benchmark_set("KODAK24").view == "whole"


def test_unknown_and_missing_sets_are_named(data_root: Path) -> None:
    with pytest.raises(DataError, match="rain100l"):
        benchmark_set("rain100x")
    with pytest.raises(DataError, match="PolyU"):
        open_benchmark_set("polyu", data_root)
