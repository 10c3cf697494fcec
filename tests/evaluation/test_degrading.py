"""Every way of making inputs against NumPy, Pillow, OpenCV or a formula, and its randomness against itself."""

import io

import numpy as np
import pytest
import torch

from pellucid.degradations.contract import apply
from pellucid.degradations.hybrid import TIERS, draw_hybrid
from pellucid.degradations.text import drawing
from pellucid.errors import ConfigurationError
from pellucid.evaluation import degrading
from pellucid.evaluation.degrading import (
    AddedNoise,
    Desaturated,
    GaussianBlurred,
    GivenPairs,
    HybridDistorted,
    JpegCompressed,
    MotionBlurred,
    NoiseDrawnInTurn,
    Synthesised,
    Untouched,
    weighted_grey,
)


def picture(height: int = 48, width: int = 64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    return (smooth * 255).round() / 255


def levels(image: torch.Tensor) -> np.ndarray:
    """`(H, W, 3)` on the 8-bit scale, and proof that the picture holds nothing but whole levels."""
    scaled = image[0].permute(1, 2, 0).double().numpy() * 255
    assert np.abs(scaled - np.rint(scaled)).max() < 1e-3
    return np.rint(scaled).astype(np.uint8)


def no_sizes() -> list[tuple[int, int]]:
    raise AssertionError("sizes are asked for only where randomness depends on them")


def test_unclipped_noise_has_its_sigma_and_leaves_the_range() -> None:
    clean = torch.ones(1, 3, 200, 200)
    noisy = AddedNoise().maker(25, seed=0, sizes=no_sizes)(clean, 0)
    assert (noisy - clean).std().item() == pytest.approx(25 / 255, rel=0.01)
    assert noisy.max() > 1.2


def test_noise_depends_on_seed_and_index_alone() -> None:
    make = AddedNoise().maker(25, seed=0, sizes=no_sizes)
    clean = picture()
    assert torch.equal(make(clean, 3), AddedNoise().maker(25, seed=0, sizes=no_sizes)(clean, 3))
    assert not torch.equal(make(clean, 3), make(clean, 4))
    assert not torch.equal(make(clean, 3), AddedNoise().maker(25, seed=1, sizes=no_sizes)(clean, 3))


def test_noise_is_the_stream_of_a_torch_generator() -> None:
    """A golden rule: figures of one release must be those of the next."""
    clean = picture()
    expected = clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2 * 1_000_003 + 5))
    noisy = AddedNoise().maker(25, seed=2, sizes=no_sizes)(clean, 5)
    assert torch.allclose(noisy, expected, atol=1e-6)


@pytest.mark.parametrize("storage", ["clipped", "rounded"])
def test_what_is_stored_is_what_numpy_would_store(storage: str) -> None:
    clean = picture()
    noisy = levels_in_float(AddedNoise().maker(50, seed=0, sizes=no_sizes)(clean, 0))
    kept = AddedNoise(storage).maker(50, seed=0, sizes=no_sizes)(clean, 0)
    if storage == "clipped":
        assert np.allclose(levels_in_float(kept), noisy.clip(0, 255), atol=1e-3)
    else:
        assert (levels(kept) != np.rint(noisy.clip(0, 255)).astype(np.uint8)).mean() < 1e-3  # halves may differ


def levels_in_float(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy() * 255


@pytest.mark.parametrize("grey", [False, True])
def test_truncation_is_numpys_cast_to_the_last_pixel(grey: bool) -> None:
    clean = picture(600, 800)
    clean = clean[:, :1].expand_as(clean) if grey else clean
    noise = torch.randn((1, 1 if grey else 3, 600, 800), generator=torch.Generator().manual_seed(3407))
    levels_of_clean = np.rint(clean.double().numpy() * 255)
    expected = np.clip(levels_of_clean + 25 * noise.double().numpy(), 0, 255).astype(np.uint8)
    kept = AddedNoise("truncated", grey=grey, first_seed=3407).maker(25, seed=0, sizes=no_sizes)(clean, 0)
    assert np.array_equal(levels(kept), expected[0].transpose(1, 2, 0))


def test_truncation_does_not_lose_whole_levels() -> None:
    every = torch.arange(256).float().view(1, 1, 16, 16).expand(1, 3, 16, 16) / 255
    kept = AddedNoise("truncated").maker(0, seed=0, sizes=no_sizes)(every, 0)
    assert torch.equal(kept, every)


def test_grey_noise_is_one_draw_for_all_channels() -> None:
    noisy = AddedNoise(grey=True).maker(25, seed=0, sizes=no_sizes)(picture()[:, :1].expand(1, 3, 48, 64), 0)
    assert torch.equal(noisy[:, 0], noisy[:, 1])
    assert torch.equal(noisy[:, 0], noisy[:, 2])


def test_noise_in_turn_is_numpys_stream_over_the_set() -> None:
    sizes = [(6, 8), (4, 4), (5, 7)]
    clean = [picture(*size, seed=number) for number, size in enumerate(sizes)]
    state = np.random.RandomState(0)
    expected = {}
    for sigma in (15, 25, 50):
        for index, image in enumerate(clean):
            noise = state.randn(*sizes[index], 3)
            expected[sigma, index] = np.clip(levels(image) + sigma * noise, 0, 255).astype(np.uint8)
    for sigma in (50, 15):
        make = NoiseDrawnInTurn().maker(sigma, seed=0, sizes=lambda: sizes)
        for index in (0, 2, 1, 1):  # skipping ahead and going back give the same pictures
            assert np.array_equal(levels(make(clean[index], index)), expected[sigma, index])


def test_noise_in_turn_knows_no_other_sigma() -> None:
    with pytest.raises(ConfigurationError, match="drawn in turn"):
        NoiseDrawnInTurn().maker(30, seed=0, sizes=lambda: [(8, 8)])


@pytest.mark.parametrize("quality", [10, 40])
def test_grey_jpeg_is_pillows(quality: int) -> None:
    image = pytest.importorskip("PIL.Image")
    clean = weighted_grey(picture(), (0.3, 0.6, 0.1), offset=0.5)
    file = io.BytesIO()
    image.fromarray(levels(clean)[..., 0]).save(file, "JPEG", quality=quality)
    theirs = np.asarray(image.open(file)).astype(int)
    ours = levels(JpegCompressed().maker(quality, seed=0, sizes=no_sizes)(clean, 0)).astype(int)
    assert np.array_equal(ours[..., 0], ours[..., 2])
    assert np.abs(ours[..., 0] - theirs).max() <= 1  # two builds of libjpeg may use different integer transforms


def test_gaussian_blur_is_opencvs() -> None:
    opencv = pytest.importorskip("cv2")
    clean = picture()
    for kernel_size, way in ((21, GaussianBlurred(kernel_size=21)), (33, GaussianBlurred())):
        theirs = opencv.GaussianBlur(
            levels_in_float(clean), (kernel_size, kernel_size), 4.0, borderType=opencv.BORDER_REPLICATE
        )
        ours = levels_in_float(way.maker(4, seed=0, sizes=no_sizes)(clean, 0))
        assert np.abs(ours - theirs).max() <= 0.51  # ours is rounded to 8 bits


@pytest.mark.parametrize("std", [1, 2.5, 4, 4.2, 5])
@pytest.mark.parametrize(("kernel_size", "typed"), [(21, ",kernel_size=21"), (None, "")])
def test_blur_is_trained_as_it_is_tested(
    std: float, kernel_size: int | None, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, before anything is rounded."""
    monkeypatch.setattr(degrading, "stored", lambda image, storage: image)
    clean = picture()
    tested = GaussianBlurred(kernel_size).maker(std, seed=0, sizes=no_sizes)(clean, 0)
    chain = drawing(f"gaussian-blur:sigma={std}{typed}", (0.0, 1.0))(torch.Generator())
    assert torch.equal(apply(clean, chain, torch.Generator()), tested)


@pytest.mark.parametrize(("level", "tier"), [(1, "mild"), (2.0, "moderate"), (3, "severe")])
def test_hybrid_distortion_is_its_tiers_chain_step_by_step(level: float, tier: str) -> None:
    """A golden rule: figures of one release must be those of the next."""
    clean = picture()
    generator = torch.Generator().manual_seed(7 + 2 * 1_000_003 + 5)
    expected = clean
    for degradation in draw_hybrid(tier, generator):
        expected = apply(expected, [degradation], generator)
    distorted = HybridDistorted(first_seed=7).maker(level, seed=2, sizes=no_sizes)(clean, 5)
    assert torch.equal(distorted, expected)
    assert levels(distorted).shape == (48, 64, 3)  # whole levels, as JPEG leaves them


def test_hybrid_distortion_depends_on_seed_and_index_alone() -> None:
    make = HybridDistorted().maker(3, seed=0, sizes=no_sizes)
    clean, before = picture(), picture()
    assert torch.equal(make(clean, 3), HybridDistorted().maker(3, seed=0, sizes=no_sizes)(clean, 3))
    assert not torch.equal(make(clean, 3), make(clean, 4))
    assert not torch.equal(make(clean, 3), HybridDistorted().maker(3, seed=1, sizes=no_sizes)(clean, 3))
    assert torch.equal(clean, before)


def test_hybrid_tiers_grow_and_are_those_of_the_degradations() -> None:
    clean = picture()
    errors = []
    for level in (1, 2, 3):
        make = HybridDistorted().maker(level, seed=0, sizes=no_sizes)
        errors.append(np.mean([(make(clean, index) - clean).square().mean().item() for index in range(12)]))
    assert errors == sorted(errors)
    assert set(HybridDistorted.tiers.values()) <= set(TIERS)


@pytest.mark.parametrize("level", [0, 4, 1.5])
def test_hybrid_distortion_knows_no_other_tier(level: float) -> None:
    with pytest.raises(ConfigurationError, match=r"1 \(mild\), 2 \(moderate\), 3 \(severe\)"):
        HybridDistorted().maker(level, seed=0, sizes=no_sizes)


def test_motion_blur_keeps_the_mean_and_turns_from_picture_to_picture() -> None:
    clean = torch.zeros(1, 3, 41, 41)
    clean[..., 20, 20] = 1
    make = MotionBlurred().maker(9, seed=0, sizes=no_sizes)
    first, second = make(clean, 0), make(clean, 1)
    assert first.sum().item() == pytest.approx(3, rel=0.05)
    assert first[0, 0, 20].sum() > 0.9  # the first moves along the row
    assert second[0, 0, 20].sum() < 0.5


def test_grey_weights_are_those_of_matlab_and_bigprior() -> None:
    clean = picture()
    pixels = levels(clean).astype(float)
    rounded = np.floor(pixels @ [0.298936021293775, 0.587043074451121, 0.114020904255103] + 0.5)
    ours = weighted_grey(clean, (0.298936021293775, 0.587043074451121, 0.114020904255103), offset=0.5)
    assert np.array_equal(levels(ours)[..., 1], rounded)
    cut = levels(Desaturated().maker(None, seed=0, sizes=no_sizes)(clean, 0))
    assert np.array_equal(cut[..., 0], np.floor(pixels @ [0.299, 0.587, 0.114] + 1e-9))


def test_a_grey_picture_stays_as_it_is_when_turned_grey() -> None:
    every = torch.arange(256).float().view(1, 1, 16, 16).expand(1, 3, 16, 16) / 255
    assert torch.equal(weighted_grey(every, (0.299, 0.587, 0.114), offset=0.0), every)


def test_untouched_is_untouched() -> None:
    clean = picture()
    assert torch.equal(Untouched().maker(None, seed=0, sizes=no_sizes)(clean, 0), clean)


@pytest.mark.parametrize("way", [AddedNoise(), JpegCompressed(), GaussianBlurred(), MotionBlurred(), HybridDistorted()])
def test_a_missing_level_is_named(way: AddedNoise) -> None:
    with pytest.raises(ConfigurationError, match=str(way.level_name)):
        way.maker(None, seed=0, sizes=no_sizes)


def test_pairs_cannot_be_made() -> None:
    with pytest.raises(ConfigurationError, match="degraded pictures of its own"):
        GivenPairs().maker(None, seed=0, sizes=no_sizes)


def test_what_training_draws_is_drawn_at_one_severity() -> None:
    """Against the two steps that training takes: drawn from the catalog, then applied."""
    clean = picture()
    make = Synthesised("haze").maker(0.5, seed=0, sizes=no_sizes)
    generator = torch.Generator().manual_seed(3)
    haze = drawing("haze", (0.5, 0.5))(generator)
    expected = (apply(clean, list(haze), generator) * 255).round().clamp(0, 255) / 255
    torch.testing.assert_close(make(clean, 3), expected)
    levels(make(clean, 3))
    strong = Synthesised("haze").maker(0.9, seed=0, sizes=no_sizes)
    assert (strong(clean, 3) - clean).square().mean() > (make(clean, 3) - clean).square().mean()
