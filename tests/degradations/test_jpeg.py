"""JPEG against Pillow's encoder and decoder."""

import io

import pytest
import torch
from torch import Tensor

from pellucid.degradations.jpeg import CHROMINANCE_TABLE, LUMINANCE_TABLE, Jpeg, _table, jpeg

Image = pytest.importorskip("PIL.Image")


def through_pillow(image: Tensor, quality: int, subsampled: bool) -> tuple[Tensor, dict[int, list[int]]]:
    """The decoded picture, 8-bit levels `(3, H, W)`, and the file's quantisation tables."""
    np = pytest.importorskip("numpy")
    pixels = (image[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2 if subsampled else 0)
    with Image.open(io.BytesIO(file.getvalue())) as opened:
        tables = {number: list(table) for number, table in opened.quantization.items()}
        return torch.tensor(np.array(opened.convert("RGB"))).permute(2, 0, 1), tables


@pytest.mark.parametrize("subsampled", [True, False])
@pytest.mark.parametrize(("height", "width"), [(112, 128), (97, 64), (9, 17), (1, 1)])
@pytest.mark.parametrize("quality", [10, 50, 95])
def test_codec_is_pillows(patches: Tensor, quality: int, height: int, width: int, subsampled: bool) -> None:
    image = patches[:1, :, :height, :width]
    ours = (jpeg(image, quality, subsampled=subsampled, codec="libjpeg")[0] * 255).round()
    theirs, _ = through_pillow(image, quality, subsampled)
    # The same library in most builds, and then bit for bit; another build of it may round its transform differently.
    assert (ours - theirs).abs().mean() < 0.05
    assert (ours - theirs).abs().max() <= 3


@pytest.mark.parametrize("quality", [1, 10, 25, 49, 50, 51, 75, 95, 100])
def test_quantisation_tables_are_pillows(quality: int) -> None:
    _, tables = through_pillow(torch.rand(1, 3, 16, 16), quality, subsampled=True)
    qualities = torch.tensor([float(quality)])
    assert _table(LUMINANCE_TABLE, qualities).flatten().int().tolist() == tables[0]
    assert _table(CHROMINANCE_TABLE, qualities).flatten().int().tolist() == tables[1]


@pytest.mark.parametrize("subsampled", [True, False])
@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95])
def test_tensors_compute_what_the_codec_does(patches: Tensor, quality: int, subsampled: bool) -> None:
    codec = jpeg(patches, quality, subsampled=subsampled, codec="libjpeg") * 255
    tensors = jpeg(patches, quality, subsampled=subsampled, codec="tensor") * 255
    damage = (codec - patches * 255).abs().mean()
    difference = (codec - tensors).abs().mean()
    # A coefficient near the middle between two steps may fall to the other side: rare, then visible in one block.
    assert difference < 0.7
    assert difference < 0.35 * damage
    assert ((codec - tensors).abs() > 8).double().mean() < 0.01


@pytest.mark.parametrize("codec", ["libjpeg", "tensor"])
def test_samples_may_differ_in_quality(patches: Tensor, codec: str) -> None:
    qualities = torch.tensor([12.0, 55.4, 90.0])
    together = jpeg(patches, qualities, codec=codec)
    for row, quality in enumerate((12, 55, 90)):
        assert torch.equal(together[row : row + 1], jpeg(patches[row : row + 1], quality, codec=codec))


def test_result_is_8_bit_levels_within_the_range_whatever_came() -> None:
    image = torch.linspace(-0.5, 1.5, 3 * 20 * 24, dtype=torch.float64).view(1, 3, 20, 24)
    for codec in ("libjpeg", "tensor"):
        result = jpeg(image, 80, codec=codec) * 255
        assert result.dtype == torch.float64
        assert (result - result.round()).abs().max() < 1e-4
        assert result.min() >= 0 and result.max() <= 255 + 1e-4


def test_draw_covers_the_qualities() -> None:
    generator = torch.Generator().manual_seed(0)
    qualities = [Jpeg.draw(severity / 20, generator).quality for severity in range(21)]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[0] == 95 and qualities[-1] == pytest.approx(11.1, abs=0.1)
