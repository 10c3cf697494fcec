"""The tables agree with each other, and crops are those of the source."""

import numpy as np
import pytest
import torch

from pellucid.errors import ConfigurationError
from pellucid.evaluation.benchmark_sets import BENCHMARK_SETS
from pellucid.evaluation.degrading import GivenPairs
from pellucid.evaluation.errata import ERRATA
from pellucid.evaluation.protocols import CARD, PROTOCOLS, Trial, find_protocol
from pellucid.evaluation.published import PUBLISHED, published_scores

SETS = {known.name: known for known in BENCHMARK_SETS}


def test_names_are_unique() -> None:
    assert len({protocol.name for protocol in PROTOCOLS}) == len(PROTOCOLS)
    assert len(SETS) == len(BENCHMARK_SETS)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_protocol_names_sets_of_its_kind_and_levels_if_any_vary(protocol) -> None:
    for name in protocol.test_sets:
        assert SETS[name].is_paired == isinstance(protocol.input, GivenPairs)
    assert bool(protocol.levels) == (protocol.level_name is not None)


@pytest.mark.parametrize("known", BENCHMARK_SETS, ids=lambda known: known.name)
def test_a_sets_own_protocol_is_for_it(known) -> None:
    assert known.name in find_protocol(known.protocol).test_sets


def test_the_card_is_made_of_known_trials() -> None:
    for protocol, test_set in CARD:
        assert test_set in find_protocol(protocol).test_sets


@pytest.mark.parametrize("table", PUBLISHED, ids=lambda table: f"{table.protocol}-{table.test_set}")
def test_a_published_table_is_of_a_known_trial_and_plausible(table) -> None:
    protocol = find_protocol(table.protocol)
    assert table.test_set in protocol.test_sets
    assert set(table.levels) <= set(protocol.levels or (None,))
    for score in published_scores(table.protocol, table.test_set):
        assert score.psnr is None or 10 < score.psnr < 50
        assert score.ssim is None or 0.2 < score.ssim <= 1
        assert score.auc is None or 50 < score.auc <= 100


def test_published_figures_fall_with_noise() -> None:
    """A row whose columns were swapped when it was typed would rise somewhere."""
    for table in PUBLISHED:
        if find_protocol(table.protocol).level_name not in ("sigma", "std"):
            continue
        rows: dict[str, list[float]] = {}
        for score in published_scores(table.protocol, table.test_set):
            rows.setdefault(f"{score.method} {score.source}", []).append(score.psnr or 0)
        for values in rows.values():
            assert values == sorted(values, reverse=True)


def test_perceive_irs_means_are_as_published() -> None:
    """32.63 / 0.917 is the mean of five columns; the haze column (30.87 / .975) is not measured here."""
    noise = [score for score in published_scores("adair3-noise", "cbsd68") if score.method == "Perceive-IR"]
    rain = [score for score in published_scores("adair3-rain", "rain100l") if score.method == "Perceive-IR"]
    assert np.mean([30.87, *(score.psnr for score in noise + rain)]) == pytest.approx(32.626, abs=1e-3)
    assert np.mean([0.975, *(score.ssim for score in noise + rain)]) == pytest.approx(0.9166, abs=1e-4)


def test_bm3d_and_dncnn_are_the_floor_and_the_aim() -> None:
    scores = published_scores("awgn", "cbsd68")
    assert [score.psnr for score in scores if score.method == "BM3D"] == [33.52, 30.71, 27.38]
    assert [score.psnr for score in scores if score.method == "DnCNN"] == [33.90, 31.24, 27.95]


def test_no_published_figures_is_an_empty_answer() -> None:
    assert published_scores("clean", "cbsd68") == ()


def test_every_erratum_stands_under_tables_that_have_published_figures() -> None:
    assert len({erratum.note for erratum in ERRATA}) == len(ERRATA)
    for erratum in ERRATA:
        assert erratum.tables
        for table in erratum.tables:
            assert published_scores(*table), f"{table} has none to doubt"


def test_the_centre_crop_is_that_of_the_three_task_protocol() -> None:
    image = torch.arange(37 * 50).float().view(1, 1, 37, 50).expand(1, 3, 37, 50)
    protocol = find_protocol("adair3-noise")
    chosen = protocol.selected(image)
    # 37 = 2 * 16 + 5 and 50 = 3 * 16 + 2: two rows and one column go at the start, the rest at the end.
    assert torch.equal(chosen, image[..., 2 : 2 + 32, 1 : 1 + 48])
    assert protocol.selected_size(37, 50) == (32, 48)
    assert torch.equal(find_protocol("awgn").selected(image), image)


def test_labels_say_what_varies() -> None:
    assert Trial(find_protocol("awgn"), "cbsd68", 25).label == "awgn on cbsd68, sigma 25"
    assert Trial(find_protocol("jpeg-grey"), "classic5", 10).label == "jpeg-grey on classic5, quality 10"
    assert Trial(find_protocol("pairs"), "polyu").label == "pairs on polyu"


def test_an_unknown_protocol_is_answered_with_the_choices() -> None:
    with pytest.raises(ConfigurationError, match="dil-noise"):
        find_protocol("nonsense")
