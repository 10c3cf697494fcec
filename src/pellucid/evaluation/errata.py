"""Known contradictions in the published record, for whoever sets figures side by side."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Erratum:
    """One contradiction.

    Attributes:
        note: one sentence.
        tables: protocol and test set of the tables that it concerns.
    """

    note: str
    tables: tuple[tuple[str, str], ...]


_THREE_NOISE, _THREE_RAIN = ("adair3-noise", "cbsd68"), ("adair3-rain", "rain100l")
_FIVE_NOISE, _FIVE_RAIN = ("adair5-noise", "cbsd68"), ("adair5-rain", "rain100l")

ERRATA: tuple[Erratum, ...] = (
    Erratum(
        "A survey swaps the haze and rain columns of InstructIR-5D (prints 36.84 / 27.10; the authors have "
        "27.10 / 36.84).",
        (_FIVE_RAIN,),
    ),
    Erratum(
        "The survey's five-task row of Art_PromptIR is shuffled (Rain100L 22.09); left out of our tables.",
        (_FIVE_NOISE, _FIVE_RAIN),
    ),
    Erratum(
        "Perceive-IR circulates as 32.56 (preprint) and 32.63 (final) on three tasks; 30.11/.905 on five is VLU-Net's.",
        (_THREE_NOISE, _THREE_RAIN, _FIVE_NOISE, _FIVE_RAIN),
    ),
    Erratum("NAFNet at sigma 15, three tasks, is 33.03 in one place and 33.18 in another.", (_THREE_NOISE,)),
    Erratum(
        "Restormer's SSIM at sigma 15, three tasks, repeats its value at 25 (.865), surely a slip; left out of our "
        "tables.",
        (_THREE_NOISE,),
    ),
    Erratum(
        "Several Restormers exist on Rain100L (33.78, 34.81 all-in-one; 36.74, 38.99, 39.10, 39.60 alone): always name "
        "the training set and the channel.",
        (_THREE_RAIN, _FIVE_RAIN, ("rain-y", "rain100l")),
    ),
    Erratum(
        "PromptIR's published weights give 37.44 on Rain100L where its tables have 36.37.",
        (_THREE_RAIN,),
    ),
    Erratum(
        "Restormer at sigma 15, 25, 50 (34.03, 31.49, 28.11) is all-in-one in one survey and for one task in another; "
        "left out of our tables.",
        (_THREE_NOISE, ("awgn", "cbsd68")),
    ),
    Erratum(
        "MMagic gets 34.35 dB from Restormer's weights on CBSD68 at sigma 15 where the paper has 34.40 (unverified).",
        (("awgn", "cbsd68"),),
    ),
    Erratum(
        "BM3D on Kodak24 at sigma 25 (32.15) is above DnCNN and FFDNet, unlike at 15 and 50: perhaps a misprint.",
        (("awgn", "kodak24-500"),),
    ),
    Erratum(
        "DIL, Table 3 prints one pair of figures in two cells (26.19/.766); Table 6 has 30.28 where Table 1 has 30.29.",
        (("dil-noise", "cbsd68"),),
    ),
)
"""All of them."""


def errata(protocol: str, test_set: str) -> tuple[str, ...]:
    """The notes that concern the published figures of a protocol on a test set."""
    return tuple(erratum.note for erratum in ERRATA if (protocol, test_set) in erratum.tables)
