import numpy as np
import pytest

from pellucid.data.shared_pictures import clean_pictures, load_pairs, open_rain_layers, open_set
from pellucid.data.shared_sets import ROOT_VARIABLE, SHARED_SETS, TEST_SETS, data_root, shared_set
from pellucid.errors import DataError


@pytest.fixture
def root(tmp_path, write_files, pack_files, encode, noise_picture):
    """A small stand-in for the real sets, some packed and some not."""
    picture = encode(noise_picture(1))
    layer = encode(noise_picture(2, 11, 15)[..., 0])
    both = encode(noise_picture(3, 8, 20))
    photos = {f"HQPhotos400/{name}_000.jpg": picture for name in ("budgie", "mei", "lomiri", "pop", "elementary")}
    pack_files(tmp_path / "train/HQPhotos400.tar", photos | {"HQPhotos400/INDEX.tsv": b"x"})
    pack_files(tmp_path / "test/Rain100L.tar", {f"Rain100L/{part}/001.png": picture for part in ("gt", "input")})
    pack_files(tmp_path / "test/Rain100H.tar", {"Rain100H/streak/001.webp": layer})
    pack_files(tmp_path / "train/RainStreaksH.tar", {"RainStreaksH/streak/h1.png": layer})
    write_files(tmp_path / "train/RainTrainL", {"gt/1.png": picture, "streak/1.png": layer, "streak/2.png": layer})
    write_files(tmp_path / "train/Rain800_110", {"pairs/5.png": both})
    write_files(
        tmp_path / "train/SOTS_train15", {"gt/14.png": picture, "input/14_2.png": picture, "input/14_7.png": picture}
    )
    write_files(tmp_path / "CBSD68", {"a.png": picture, "b.png": picture})
    return tmp_path


def test_the_table_is_consistent():
    names = [known.name for known in SHARED_SETS]
    assert len(set(map(str.lower, names))) == len(names)
    assert all(known.note.endswith(".") for known in SHARED_SETS)
    assert all(known.clean_set is None or known.clean_set in names for known in SHARED_SETS)
    assert {known.name for known in SHARED_SETS if known.licence == "free-to-use"} == {"HQPhotos400-free"}
    assert "Rain100H" in TEST_SETS
    assert "RainTrainL" not in TEST_SETS


def test_the_free_part_leaves_out_what_has_no_known_licence(root):
    assert open_set("hqphotos400-free", root).names == tuple(
        f"{name}_000.jpg" for name in ("budgie", "lomiri", "mei", "pop")
    )
    assert len(open_set("HQPhotos400", root).names) == 5


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Rain100L", ["001"]),
        ("Rain100H", ["001"]),
        ("RainTrainL", ["1"]),
        ("Rain800_110", ["5"]),
        ("SOTS_train15", ["14_2", "14_7"]),
    ],
)
def test_pairs_of_every_form_load_in_one_size(root, name, names):
    pairs = load_pairs(name, root)
    assert [pair.name for pair in pairs] == names
    for pair in pairs:
        degraded, clean = pair.load()
        assert degraded.shape == clean.shape


def test_heavy_rain_is_put_on_the_pictures_of_the_light_one(root, noise_picture):
    degraded, clean = load_pairs("Rain100H", root)[0].load()
    assert np.array_equal(clean.permute(1, 2, 0).numpy(), noise_picture(1)[:11, :15])
    layer = noise_picture(2, 11, 15)[..., 0].astype(int)
    assert np.array_equal(degraded.numpy(), np.minimum(255, clean.numpy() + layer))


@pytest.mark.parametrize("name", ["RainStreaksH", "CBSD68"])
def test_sets_without_pairs_say_what_they_hold(root, name):
    with pytest.raises(DataError, match=shared_set(name).storage):
        load_pairs(name, root)


@pytest.mark.parametrize(
    ("name", "names", "shape"),
    [
        ("CBSD68", ["a.png", "b.png"], (3, 12, 16)),
        ("Rain100H", ["001.png"], (3, 12, 16)),
        ("SOTS_train15", ["14.png"], (3, 12, 16)),
        ("Rain800_110", ["5.png"], (3, 8, 10)),
    ],
)
def test_clean_pictures_come_once_each(root, name, names, shape):
    found = list(clean_pictures(name, root))
    assert [name for name, _ in found] == names
    assert all(tuple(pixels.shape) == shape for _, pixels in found)


def test_rain_layers(root):
    assert open_rain_layers("RainStreaksH", root).names == ("h1.png",)
    assert open_rain_layers("RainTrainL", root).names == ("1.png", "2.png")
    with pytest.raises(DataError, match="rain layers"):
        next(clean_pictures("RainStreaksH", root))


def test_what_is_not_known_or_not_there_is_named(root, monkeypatch):
    with pytest.raises(DataError, match="choose HQPhotos400-free, "):
        shared_set("rain200")
    with pytest.raises(DataError, match=r"test/Kodak24\.tar"):
        open_set("Kodak24", root)
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    with pytest.raises(DataError, match=ROOT_VARIABLE):
        data_root()
    with pytest.raises(DataError, match="which is none"):
        data_root(root / "nowhere")
    monkeypatch.setenv(ROOT_VARIABLE, str(root))
    assert data_root() == root
