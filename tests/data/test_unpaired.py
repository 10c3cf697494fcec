import torch

from pellucid.data.sources import open_source
from pellucid.data.unpaired import UnpairedPictures


def test_both_sides_are_drawn_alone_evenly_and_again_from_the_same_seed(tmp_path, write_files):
    rainy = open_source(write_files(tmp_path / "rainy", {f"{number}.png": b"" for number in range(3)}))
    clean = open_source(write_files(tmp_path / "clean", {f"{number}.png": b"" for number in range(2)}))
    pictures = UnpairedPictures(rainy, clean)
    drawn = pictures.draw(6000, torch.Generator().manual_seed(1))
    assert drawn == pictures.draw(6000, torch.Generator().manual_seed(1))
    counts = {pair: drawn.count(pair) for pair in set(drawn)}
    assert len(counts) == 6
    # 1000 expected of each; five standard deviations of a binomial count are 145
    assert all(abs(count - 1000) < 145 for count in counts.values())
