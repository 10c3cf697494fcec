import hashlib
import json

import pytest
import torch

from pellucid.data.fingerprint import fingerprint_pixels, fingerprint_source
from pellucid.data.sources import open_source, read_pixels


@pytest.fixture(scope="module")
def files(encode, noise_picture):
    return {"s/a.png": encode(noise_picture(1)), "s/b.bmp": encode(noise_picture(2, 5, 7), ".bmp")}


def test_it_is_the_hash_that_the_docstring_says(tmp_path, pack_files, files, encode):
    found = fingerprint_source(open_source(pack_files(tmp_path / "s.tar", files)))
    lines = "".join(f"{name[2:]}\t{hashlib.sha256(data).hexdigest()}\n" for name, data in files.items())
    assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert (found.num_pictures, found.num_pixels, found.content) == (2, 12 * 16 + 5 * 7, "files")
    assert json.loads(json.dumps(found.to_json()))["num_pixels"] == 227


def test_folder_and_archive_agree_and_any_change_shows(tmp_path, write_files, pack_files, files):
    first = fingerprint_source(open_source(write_files(tmp_path, files) / "s"))
    assert first == fingerprint_source(open_source(pack_files(tmp_path / "s.tar", files)))
    renamed = {"s/a.png": files["s/a.png"], "s/c.bmp": files["s/b.bmp"]}
    assert first != fingerprint_source(open_source(pack_files(tmp_path / "t.tar", renamed)))


def test_of_pixels_does_not_depend_on_order_or_on_the_file_format(tmp_path, write_files, encode, noise_picture):
    pictures = {"a": noise_picture(1), "b": noise_picture(2)}
    found = []
    for suffix in (".png", ".bmp"):
        folder = write_files(tmp_path / suffix[1:], {name + suffix: encode(p, suffix) for name, p in pictures.items()})
        source = open_source(folder)
        found.append(fingerprint_pixels([(name[0], read_pixels(source, name)) for name in reversed(source.names)]))
    assert found[0] == found[1]
    assert found[0].num_pixels == 2 * 12 * 16


def test_of_pixels_sees_the_shape():
    line = torch.zeros(3, 2, 8, dtype=torch.uint8)
    assert fingerprint_pixels([("a", line)]) != fingerprint_pixels([("a", line.reshape(3, 4, 4))])
