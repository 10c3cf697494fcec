import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import ConfigurationError, DeviceError
from pellucid.images import memory
from pellucid.images.memory import parse_memory, plan_tile_size, spare_memory
from pellucid.images.tiling import plan_tiles, smallest_tile


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2G", 2 << 30),
        ("1500M", 1500 << 20),
        ("1.5g", 3 << 29),
        ("512 MiB", 512 << 20),
        ("4kb", 4096),
        ("7", 7),
        (9, 9),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "0", "two", "1,5G", "2P", "1e9"])
def test_other_texts_are_refused(text):
    with pytest.raises(ConfigurationError, match="like 2G or 1500M"):
        parse_memory(text)


@settings(deadline=None)
@given(
    height=st.integers(1, 200), width=st.integers(1, 200), budget=st.integers(1, 1 << 18),
    cost=st.floats(0.5, 200), fixed=st.integers(0, 1 << 16), multiple=st.sampled_from([1, 4, 8, 16]),
    radius=st.integers(0, 60),
)  # fmt: skip
def test_the_plan_fits_and_no_larger_one_would(height, width, budget, cost, fixed, multiple, radius):
    def needs(tile: int | None) -> float:
        source = plan_tiles(height, width, tile=tile, multiple=multiple, radius=radius)[0].source
        return fixed + cost * source.height * source.width

    arguments = {
        "budget_bytes": budget, "bytes_per_pixel": cost, "fixed_bytes": fixed, "multiple": multiple, "radius": radius,
    }  # fmt: skip
    least = smallest_tile(multiple, radius)
    try:
        tile = plan_tile_size(height, width, **arguments)
    except DeviceError:
        assert needs(least) > budget
        return
    assert needs(tile) <= budget
    if tile is not None:
        padded = [side + -side % multiple for side in (height, width)]
        larger = tile + multiple
        assert fixed + cost * larger**2 > budget or min(padded) < least


def test_the_error_names_a_budget_that_works():
    arguments = {"bytes_per_pixel": 900.0, "fixed_bytes": 50 << 20, "multiple": 8, "radius": 60}
    with pytest.raises(DeviceError, match=r"at least (\d+)M") as caught:
        plan_tile_size(4000, 6000, budget_bytes=10 << 20, **arguments)
    named = int(str(caught.value).split("at least ")[1].split("M")[0])
    assert plan_tile_size(4000, 6000, budget_bytes=named << 20, **arguments) == 136
    with pytest.raises(DeviceError):
        plan_tile_size(4000, 6000, budget_bytes=(named - 1) << 20, **arguments)


def test_a_container_leaves_less_than_the_machine_has(tmp_path, monkeypatch):
    files = [tmp_path / name for name in ("meminfo", "max", "current")]
    for file, text in zip(files, ("MemTotal: 9 kB\nMemAvailable:    8192 kB\n", "5000000\n", "1000000\n"), strict=True):
        file.write_text(text)
    monkeypatch.setattr(memory, "_MEMINFO", files[0])
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", ((files[1], files[2]),))
    assert spare_memory() == 4_000_000
    files[1].write_text("max\n")
    assert spare_memory() == 8192 * 1024
    files[0].unlink()
    assert spare_memory() > 0
