"""Published figures on sets that are not at hand: of the kind of ours, beside which they stand under their names.

Cells are written as in `pellucid.evaluation.published`, whose rows are on the very sets that we measure.
"""

from pellucid.evaluation.published import PublishedScore, PublishedTable, scores_of

_TABLE_3 = "DIL (CVPR 2023), Table 3, trained on severe"
_HYBRID: dict[str, dict[str, str]] = {
    "BSD100": {"ERM": "25.31/.687 24.62/.642 25.27/.617", "DIL": "26.37/.691 25.23/.645 25.22/.613"},
    "Urban100": {"ERM": "23.97/.736 22.51/.674 23.38/.655", "DIL": "25.00/.747 23.13/.682 23.20/.645"},
    # Two cells below hold the same pair of figures, 26.19/.766; one of them is likely a slip.
    "Manga109": {"ERM": "27.43/.863 24.85/.808 26.50/.815", "DIL": "28.41/.868 25.30/.810 26.19/.766?"},
    "DIV2K": {"ERM": "26.19/.766? 25.94/.744 27.42/.742", "DIL": "27.84/.785 26.89/.756 27.38/.737"},
}

ELSEWHERE: tuple[PublishedTable, ...] = tuple(
    PublishedTable("dil-hybrid", test_set, _TABLE_3, (1, 2, 3), rows) for test_set, rows in _HYBRID.items()
)


def published_elsewhere(protocol: str) -> dict[str, tuple[PublishedScore, ...]]:
    """The figures for a protocol on sets that are not at hand, by the set's name."""
    return {table.test_set: tuple(scores_of(table)) for table in ELSEWHERE if table.protocol == protocol}
