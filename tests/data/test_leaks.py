import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from pellucid.data.leaks import Thumbnails, find_leaks, refuse_leaks, thumbnails
from pellucid.errors import DataError

NUM_PICTURES = 8


def landscape(seed: int, height: int = 161, width: int = 241) -> torch.Tensor:
    """A random picture with as much at every scale as photographs have, uint8."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [(3, 4), (6, 9), (12, 18), (24, 36), (48, 72), (96, 144), (height, width)]
    layers = [
        F.interpolate(torch.randn(1, 3, *size, generator=generator), (height, width), mode="bicubic") for size in sizes
    ]
    mixed = sum(layer * 0.6**octave for octave, layer in enumerate(layers))[0]
    return (mixed * 40 + 128).clamp(0, 255).to(torch.uint8)


def sky(seed: int) -> torch.Tensor:
    """A smooth picture: bright above, dark below, and hardly anything else."""
    ramp = torch.linspace(220, 40, 160)[None, :, None].expand(3, 160, 240)
    return (ramp + torch.randn(3, 160, 240, generator=torch.Generator().manual_seed(seed))).to(torch.uint8)


def stripes(seed: int) -> torch.Tensor:
    """Straight layers from edge to edge, as in a sunset over the sea."""
    levels = torch.rand(7, generator=torch.Generator().manual_seed(seed)) * 25 + torch.tensor(
        [200, 90, 160, 60, 150, 40, 20]
    )
    rows = F.interpolate(levels[None, None], 160, mode="nearest")[0, 0]
    noise = torch.randn(3, 160, 240, generator=torch.Generator().manual_seed(seed + 100)) * 4
    return (rows[None, :, None] + noise).clamp(0, 255).to(torch.uint8)


def jpeg(pixels: torch.Tensor, quality: int) -> torch.Tensor:
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)


def noisy(pixels: torch.Tensor) -> torch.Tensor:
    noise = 15 * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0))
    return (pixels + noise).clamp(0, 255).to(torch.uint8)


COPIES = {
    "itself": lambda p: p,
    "jpeg": lambda p: jpeg(p, 25),
    "noise": noisy,
    "mirrored": lambda p: p.flip(-1),
    "turned": lambda p: torch.rot90(p, 1, (1, 2)),
    "mirrored and turned": lambda p: torch.rot90(p.flip(-1), 3, (1, 2)),
    "one row and column less": lambda p: p[:, :-1, :-1],
    "off the corner": lambda p: p[:, : int(0.93 * 161), int(0.07 * 241) :],
    "inner nine tenths, turned, jpeg": lambda p: jpeg(torch.rot90(p[:, 8:-8, 12:-12], 2, (1, 2)), 40),
    "middle square": lambda p: p[:, :, 40:201],
    "half size": lambda p: F.avg_pool2d(p.float(), 2).to(torch.uint8),
    "dark": lambda p: (p.float() * 0.3).to(torch.uint8),
    "floats": lambda p: p.double() / 255,
}


@pytest.fixture(scope="module")
def originals() -> list[tuple[str, torch.Tensor]]:
    return [(f"test {seed}", landscape(seed)) for seed in range(NUM_PICTURES)]


@pytest.fixture(scope="module")
def test_set(originals) -> Thumbnails:
    return thumbnails(originals)


@pytest.mark.parametrize("kind", COPIES)
def test_every_copy_is_found_and_named_among_innocent_pictures(originals, test_set, kind):
    train = [(f"innocent {seed}", landscape(1000 + seed)) for seed in range(3)]
    train += [(name.replace("test", "train"), COPIES[kind](pixels)) for name, pixels in originals]
    leaks = find_leaks(thumbnails(train), test_set)
    assert [(leak.train, leak.test) for leak in leaks] == [
        (f"train {row}", f"test {row}") for row in range(NUM_PICTURES)
    ]


def test_a_true_copy_has_similarity_one(test_set):
    assert [leak.similarity for leak in find_leaks(test_set, test_set)] == pytest.approx([1.0] * NUM_PICTURES, abs=1e-3)


@pytest.mark.parametrize("draw", [landscape, sky, stripes])
def test_unrelated_pictures_are_not_refused_however_smooth(draw):
    train = thumbnails((f"train {seed}", draw(seed)) for seed in range(10))
    test = thumbnails((f"test {seed}", draw(500 + seed)) for seed in range(10))
    assert find_leaks(train, test) == []
    refuse_leaks(train, {"Nowhere": test})


def test_a_flat_picture_is_no_leak_of_another():
    flat = thumbnails((str(level), torch.full((3, 40, 60), level, dtype=torch.uint8)) for level in (0, 200))
    assert find_leaks(flat, flat) == []


def test_the_refusal_names_the_test_set_and_the_first_pictures(originals, test_set):
    train = thumbnails([("mine", landscape(77)), *originals[:5]])
    innocent = thumbnails([("else", landscape(88))])
    with pytest.raises(DataError, match=r"test set Rain100L, got test 0 \(there test 0\), .* and 2 more: exclude"):
        refuse_leaks(train, {"CBSD68": innocent, "Rain100L": test_set})


def test_no_pictures_are_refused():
    with pytest.raises(DataError, match="got none"):
        thumbnails([])
