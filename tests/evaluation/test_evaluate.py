"""Contestants through trials on a small root: figures, seeds, order, and what is refused."""

from pathlib import Path

import pytest
import torch

from pellucid.errors import ConfigurationError, MethodError
from pellucid.evaluation.benchmark_sets import open_benchmark_set
from pellucid.evaluation.evaluate import Contestant, cases, evaluate, spread_evenly
from pellucid.evaluation.measures import LARGEST_PSNR, psnr, rounded_to_8_bits
from pellucid.evaluation.protocols import Trial, find_protocol

INPUT = Contestant("input", lambda image: image)
HALF_GREY = Contestant("half-grey", lambda image: image * 0 + 0.5)


def trial(protocol: str = "awgn", test_set: str = "cbsd68", level: float | None = 25) -> Trial:
    return Trial(find_protocol(protocol), test_set, level)


def test_one_row_per_picture_and_one_result_per_contestant(data_root: Path) -> None:
    pictures = open_benchmark_set("cbsd68", data_root)
    told: list[tuple[int, int]] = []
    results = evaluate(
        [INPUT, HALF_GREY], trial(), pictures, progress=lambda done, total, _: told.append((done, total))
    )
    assert [result.contestant for result in results] == ["input", "half-grey"]
    assert [score.picture for score in results[0].scores] == list(pictures.pictures)
    assert told == [(done, 10) for done in range(1, 11)]
    assert results[0].psnr > results[1].psnr
    assert all(score.seconds > 0 for score in results[1].scores)


def test_the_figures_are_the_measures_on_the_protocols_input(data_root: Path) -> None:
    pictures = open_benchmark_set("cbsd68", data_root)
    idle = Contestant("idle", INPUT.restore)
    result, unclipped = evaluate([idle, INPUT], trial(), pictures, seed=3)
    noise = torch.randn(1, 3, 41, 56, generator=torch.Generator().manual_seed(3 * 1_000_003 + 1))
    _, clean = pictures.read(1)
    noisy = clean + 25 / 255 * noise
    assert result.scores[1].psnr == pytest.approx(psnr(rounded_to_8_bits(noisy), clean).item(), abs=1e-4)
    # Noise that leaves [0, 1] is in the input as it is: 20 log10(255 / 25) dB.
    assert unclipped.scores[1].psnr == pytest.approx(psnr(noisy, clean).item(), abs=1e-4)
    assert unclipped.psnr == pytest.approx(20.17, abs=0.1)
    idle_8_bits, input_8_bits = evaluate([idle, INPUT], trial("awgn-8bit"), pictures)
    assert idle_8_bits.psnr == input_8_bits.psnr
    assert result.psnr == pytest.approx(sum(score.psnr for score in result.scores) / 5)


def test_some_pictures_give_the_rows_of_all(data_root: Path) -> None:
    for protocol in ("awgn", "adair3-noise"):
        pictures = open_benchmark_set("cbsd68", data_root)
        (whole,) = evaluate([INPUT], trial(protocol), pictures)
        (some,) = evaluate([INPUT], trial(protocol), pictures, limit=2)
        assert [score.index for score in some.scores] == [0, 3]
        assert [score.psnr for score in some.scores] == [whole.scores[index].psnr for index in (0, 3)]
        assert (len(some.scores), some.num_in_set) == (2, 5)


def test_a_clean_picture_left_alone_scores_the_most(data_root: Path) -> None:
    (result,) = evaluate([INPUT], trial("clean", level=None), open_benchmark_set("cbsd68", data_root))
    assert result.psnr == LARGEST_PSNR
    assert result.ssim == pytest.approx(1)


def test_the_output_is_rounded_only_where_the_protocol_says(data_root: Path) -> None:
    nearly = Contestant("nearly", lambda image: image + 0.001)  # a quarter of a level: lost in rounding
    pictures = open_benchmark_set("rain100l", data_root)
    rain = [evaluate([INPUT, nearly], trial(name, "rain100l", None), pictures) for name in ("rain-rgb", "adair5-rain")]
    assert rain[0][0].psnr == rain[0][1].psnr
    assert rain[1][0].psnr != rain[1][1].psnr


def test_y_and_rgb_differ_on_the_same_pairs(data_root: Path) -> None:
    pictures = open_benchmark_set("rain100l", data_root)
    (rgb,) = evaluate([INPUT], trial("rain-rgb", "rain100l", None), pictures)
    (y,) = evaluate([INPUT], trial("rain-y", "rain100l", None), pictures)
    assert y.psnr > rgb.psnr + 1


def test_auc_is_measured_where_the_protocol_has_it(data_root: Path) -> None:
    (result,) = evaluate(
        [INPUT], trial("bigprior-colorization", "bedroom50", None), open_benchmark_set("bedroom50", data_root), limit=2
    )
    assert result.auc is not None and 50 < result.auc < 100


def test_an_informed_contestant_is_told_the_trial(data_root: Path) -> None:
    heard: list[str] = []

    def informed(told: Trial):
        heard.append(told.label)
        return lambda image: image

    evaluate([Contestant("oracle", INPUT.restore, informed)], trial(), open_benchmark_set("cbsd68", data_root), limit=1)
    assert heard == ["awgn on cbsd68, sigma 25"]


def test_nobody_can_spoil_the_input_of_the_next(data_root: Path) -> None:
    vandal = Contestant("vandal", lambda image: image.zero_())
    pictures = open_benchmark_set("cbsd68", data_root)
    alone = evaluate([INPUT], trial(), pictures, limit=1)[0]
    after = evaluate([vandal, INPUT], trial(), pictures, limit=1)[1]
    assert alone.psnr == after.psnr


def test_pairs_and_clean_sets_are_not_confused(data_root: Path) -> None:
    with pytest.raises(ConfigurationError, match="clean pictures only"):
        list(cases(trial("pairs", level=None), open_benchmark_set("cbsd68", data_root), [0], seed=0))
    with pytest.raises(ConfigurationError, match="with pairs"):
        list(cases(trial("awgn", "rain100l"), open_benchmark_set("rain100l", data_root), [0], seed=0))


@pytest.mark.parametrize(
    ("restore", "complaint"),
    [(lambda image: image[..., 1:, :], "same shape"), (lambda image: image * float("nan"), "NaN")],
)
def test_a_broken_contestant_is_named(data_root: Path, restore, complaint: str) -> None:
    with pytest.raises(MethodError, match=f"broken.*{complaint}|{complaint}.*broken"):
        evaluate([Contestant("broken", restore)], trial(), open_benchmark_set("cbsd68", data_root), limit=1)


def test_every_nth_picture_is_spread_over_the_set() -> None:
    assert list(spread_evenly(68, None)) == list(range(68))
    assert list(spread_evenly(5, 99)) == [0, 1, 2, 3, 4]
    assert all(len(spread_evenly(count, limit)) <= limit for count in range(1, 30) for limit in range(1, 30))
    with pytest.raises(ConfigurationError, match="at least one"):
        spread_evenly(5, 0)
