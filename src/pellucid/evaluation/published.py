"""Published figures as one literal table with their sources, to stand beside ours under the same protocol.

A cell is written as in the papers, `PSNR`, `PSNR/SSIM` or `PSNR/SSIM/AuC`; `-` where the source has
none, `?` after what is likely a slip of the source. SSIM is the variant of the protocol. Figures that are known to be
wrong where they circulate are left out; see `errata`.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedTable:
    """Rows of one source for one protocol on one test set.

    Attributes:
        protocol: name of the protocol.
        test_set: name of the test set.
        source: where the figures were printed.
        levels: what the columns are; `(None,)` where nothing varies.
        rows: method to cells, one per level, separated by spaces.
    """

    protocol: str
    test_set: str
    source: str
    levels: tuple[float | None, ...]
    rows: dict[str, str]


@dataclass(frozen=True)
class PublishedScore:
    """One method's figures.

    Attributes:
        method: its name.
        level: sigma, quality or the like; `None` where nothing varies.
        psnr: in dB, `None` where the source has none.
        ssim: in the protocol's variant, `None` where the source has none.
        auc: in percent, `None` where the source has none.
        source: where they were printed.
        is_doubtful: whether they are likely a slip of the source.
    """

    method: str
    level: float | None
    psnr: float | None
    ssim: float | None
    auc: float | None
    source: str
    is_doubtful: bool = False


_SCUNET = "tables of SwinIR and SCUNet, which agree digit for digit"
_MMAGIC = "MMagic's re-run of the official weights"
_DNCNN = "DnCNN's own repository"
_PRENET = "PReNet's readme, two variants trained on this set's own training pairs"
_DIL = "DIL (CVPR 2023)"
_THREE = "three-task tables of later papers; PSNR from two sources but for Restormer"
_FIVE = "five-task tables of later papers"

PUBLISHED: tuple[PublishedTable, ...] = (
    PublishedTable(
        "awgn",
        "cbsd68",
        _SCUNET,
        (15, 25, 50),
        {
            "BM3D": "33.52 30.71 27.38",
            "DnCNN": "33.90 31.24 27.95",
            "FFDNet": "33.87 31.21 27.96",
            "BRDNet": "34.10 31.43 28.16",
            "DRUNet": "34.30 31.69 28.51",
            "SwinIR": "34.42 31.78 28.56",
            "SCUNet": "34.40 31.79 28.61",
        },
    ),
    PublishedTable(
        "awgn",
        "cbsd68",
        _MMAGIC,
        (15, 25, 50),
        {"Restormer, one per sigma": "34.35 31.75 28.56", "Restormer, blind": "34.34 31.74 28.56"},
    ),
    PublishedTable(
        "awgn",
        "kodak24-500",
        _SCUNET,
        (15, 25, 50),
        {
            "BM3D": "34.28 32.15 28.46",
            "DnCNN": "34.60 32.14 28.95",
            "FFDNet": "34.63 32.13 28.98",
            "BRDNet": "34.88 32.41 29.22",
            "DRUNet": "35.31 32.89 29.86",
            "SwinIR": "35.34 32.89 29.79",
            "SCUNet": "35.34 32.92 29.87",
        },
    ),
    PublishedTable(
        "awgn",
        "kodak24-500",
        _MMAGIC,
        (15, 25, 50),
        {"Restormer, one per sigma": "35.49 33.05 30.01", "Restormer, blind": "35.45 33.04 30.01"},
    ),
    PublishedTable(
        "awgn-grey",
        "bsd68",
        _DNCNN,
        (15, 25, 50),
        {
            "BM3D": "31.08/.8722 28.57/.8017 25.62/.6869",
            "DnCNN": "31.73 29.23 26.23",
            "DnCNN-3": "31.46/.8826 29.02/.8190 26.10/.7076",
        },
    ),
    PublishedTable(
        "jpeg-grey",
        "classic5",
        _DNCNN,
        (10, 20, 30, 40),
        {
            "ARCNN": "29.03/.7929 31.15/.8517 32.51/.8806 33.34/.8953",
            "DnCNN-3": "29.40/.8026 31.63/.8610 32.91/.8861 33.77/.9003",
        },
    ),
    PublishedTable(
        "jpeg-grey",
        "classic5",
        _MMAGIC,
        (10, 20, 30, 40),
        {"SwinIR": "30.27/.8254 32.53/.8753 33.75/.8966 34.54/.9087"},
    ),
    PublishedTable("rain-y", "rain100l", _MMAGIC, (None,), {"Restormer, trained on Rain13k": "39.10/.979"}),
    PublishedTable("rain-y", "rain100h", _MMAGIC, (None,), {"Restormer, trained on Rain13k": "31.48/.906"}),
    PublishedTable("rain-y", "rain100l", _PRENET, (None,), {"PReNet": "37.48/.979", "PReNet_r": "37.10/.977"}),
    PublishedTable("rain-y", "rain100h", _PRENET, (None,), {"PReNet": "29.46/.899", "PReNet_r": "28.98/.892"}),
    PublishedTable(
        "rain-y",
        "rain100l",
        "DerainCycleGAN, Table I, as shown in its repository",
        (None,),
        {
            "JORDER": "36.61/.974",
            "RESCAN": "38.52/.981",
            "SIRR, semi-supervised": "32.37/.926",
            "CycleGAN, unpaired": "24.61/.834",
            "DerainCycleGAN, unpaired": "32.31/.946",
        },
    ),
    PublishedTable(
        "rain-y", "rain100l", "the stored outputs of its repository, measured", (None,), {"Rain2Avoid": "29.26"}
    ),
    PublishedTable(
        "rain-rgb", "rain100l", "the stored outputs of its repository, measured", (None,), {"Rain2Avoid": "26.84"}
    ),
    PublishedTable(
        "rain-y",
        "rain100l",
        f"{_DIL}, Table 4, trained on three other rain sets",
        (None,),
        {"ERM": "27.61/.8577", "DIL_sf": "28.15/.8679", "DIL_ps": "28.37/.8739"},
    ),
    PublishedTable(
        "dil-noise",
        "cbsd68",
        f"{_DIL}, Table 1, RRDB trained on sigma 5-20",
        (30, 40, 50),
        {
            "ERM": "24.90/.581 21.12/.400 18.96/.307",
            "DIL_sf": "30.29/.866 28.35/.825 26.64/.779",
            "DIL_pf": "29.92/.858 28.10/.812 26.61/.766",
            "DIL_ss": "27.48/.809 25.90/.746 24.63/.686",
            "DIL_ps": "29.14/.802 25.74/.629 23.34/.501",
        },
    ),
    PublishedTable(
        "dil-noise",
        "kodak24-500",
        f"{_DIL}, Table 1, RRDB trained on sigma 5-20",
        (30, 40, 50),
        {
            "ERM": "25.12/.533 21.22/.352 19.02/.263",
            "DIL_sf": "31.39/.867 29.49/.831 27.76/.788",
            "DIL_pf": "30.87/.858 29.15/.817 27.67/.775",
            "DIL_ss": "27.92/.801 26.46/.738 25.24/.677",
            "DIL_ps": "29.86/.782 26.13/.588 23.60/.457",
        },
    ),
    PublishedTable(
        "dil-blur",
        "set5",
        f"{_DIL}, Table 2, trained on blur 1-4",
        (4.2, 4.4, 4.6, 4.8, 5.0),
        {
            "ERM": "29.31/.844 26.55/.776 24.43/.709 22.96/.648 22.00/.602",
            "DIL": "29.58/.848 27.52/.802 25.66/.751 24.38/.708 23.46/.671",
        },
    ),
    PublishedTable(
        "dil-blur",
        "set14",
        f"{_DIL}, Table 2, trained on blur 1-4",
        (4.2, 4.4, 4.6, 4.8, 5.0),
        {
            "ERM": "27.22/.781 24.93/.726 23.16/.671 21.89/.624 20.88/.583",
            "DIL": "27.24/.778 25.78/.746 24.35/.708 23.23/.672 22.37/.640",
        },
    ),
    PublishedTable(
        "adair3-noise",
        "cbsd68",
        _THREE,
        (15, 25, 50),
        {
            "NAFNet": "33.03/.918 30.47/.865 27.12/.754",
            "Restormer": "33.72/- 30.67/.865 27.63/.792",
            "AirNet": "33.92/.933 31.26/.888 28.00/.797",
            "FSNet": "33.81/.930 30.84/.872 27.69/.792",
            "MambaIR": "33.88/.931 30.95/.874 27.74/.793",
            "NDR": "34.01/.932 31.36/.887 28.10/.798",
            "IDR": "33.89/.931 31.32/.884 28.04/.798",
            "ProRes": "32.10/.907 30.18/.863 27.58/.779",
            "PromptIR": "33.98/.933 31.31/.888 28.06/.799",
            "GridFormer": "33.93/.931 31.37/.887 28.11/.801",
            "InstructIR-3D": "34.15/.933 31.52/.890 28.30/.804",
            "Perceive-IR": "34.13/.934 31.53/.890 28.31/.804",
            "AdaIR": "34.12/.935 31.45/.892 28.19/.802",
            "MoCE-IR": "34.11/.932 31.45/.888 28.18/.800",
            "VLU-Net": "34.13/.935 31.48/.892 28.23/.804",
            "ClearAIR": "34.18/.935 31.50/.891 28.31/.804",
            "DFPIR": "34.14/.935 31.47/.893 28.25/.806",
        },
    ),
    PublishedTable(
        "adair3-rain",
        "rain100l",
        _THREE,
        (None,),
        {
            "NAFNet": "33.64/.956",
            "Restormer": "33.78/.958",
            "AirNet": "34.90/.967",
            "FSNet": "35.61/.969",
            "MambaIR": "35.42/.969",
            "NDR": "35.42/.969",
            "IDR": "36.03/.971",
            "ProRes": "33.68/.954",
            "PromptIR": "36.37/.972",
            "GridFormer": "37.15/.972",
            "InstructIR-3D": "37.98/.978",
            "Perceive-IR": "38.29/.980",
            "AdaIR": "38.64/.983",
            "MoCE-IR": "38.57/.984",
            "VLU-Net": "38.93/.984",
            "ClearAIR": "38.61/.984",
            "DFPIR": "38.65/.982",
        },
    ),
    PublishedTable(
        "adair5-noise",
        "cbsd68",
        _FIVE,
        (25,),
        {
            "SwinIR": "30.59/.868",
            "TransWeather": "29.00/.841",
            "AirNet": "30.91/.882",
            "Retinexformer": "30.84/.880",
            "Restormer": "31.49/.884",
            "NAFNet": "31.02/.883",
            "IDR": "31.60/.887",
            "FSNet": "31.33/.883",
            "PromptIR": "31.47/.886",
            "GridFormer": "31.45/.885",
            "InstructIR-5D": "31.40/.887",
            "Perceive-IR": "31.44/.887",
            "VLU-Net": "31.43/.891",
            "AdaIR": "31.35/.889",
            "MoCE-IR": "31.34/.887",
            "DFPIR": "31.29/.889",
        },
    ),
    PublishedTable(
        "adair5-rain",
        "rain100l",
        _FIVE,
        (None,),
        {
            "SwinIR": "30.78/.923",
            "TransWeather": "29.43/.905",
            "AirNet": "32.98/.951",
            "Retinexformer": "32.68/.940",
            "Restormer": "34.81/.960",
            "NAFNet": "35.56/.967",
            "IDR": "35.63/.965",
            "FSNet": "36.07/.968",
            "PromptIR": "36.37/.970",
            "GridFormer": "36.61/.971",
            "InstructIR-5D": "36.84/.973",
            "Perceive-IR": "37.25/.977",
            "VLU-Net": "38.54/.982",
            "AdaIR": "38.02/.981",
            "MoCE-IR": "38.04/.982",
            "DFPIR": "37.62/.978",
        },
    ),
    PublishedTable(
        "bigprior-colorization",
        "bedroom50",
        "BIGPrior (TIP 2022), Table 1",
        (None,),
        {
            "Colorful colorization": "-/-/88.55",
            "Deep image prior": "-/-/84.33",
            "Feature-map optimisation": "-/-/85.41",
            "mGAN prior": "-/-/88.52",
            "BIGPrior": "-/-/89.27",
        },
    ),
    PublishedTable(
        "bigprior-colorization",
        "bedroom50",
        "measured beside the released weights; the constant is the best one of the 250 training pictures",
        (None,),
        {
            "one constant phi of 0.543": "23.07/.9262/89.11",
            "one constant phi per channel": "23.07/.9262/89.19",
            "best phi of every pixel": "25.76/.9400/91.49",
            "BIGPrior": "23.08/.9250/89.28",
        },
    ),
)
"""All published tables of protocols that exist here."""


def published_scores(protocol: str, test_set: str) -> tuple[PublishedScore, ...]:
    """All published figures for a protocol on a test set, in the order of `PUBLISHED`; empty when there are none.

    Example:
        >>> [score.psnr for score in published_scores("awgn", "cbsd68") if score.method == "BM3D"]
        [33.52, 30.71, 27.38]
    """
    return tuple(
        score
        for table in PUBLISHED
        if (table.protocol, table.test_set) == (protocol, test_set)
        for score in scores_of(table)
    )


def scores_of(table: PublishedTable) -> Iterator[PublishedScore]:
    """The figures of one table, one by one."""
    for method, cells in table.rows.items():
        for level, cell in zip(table.levels, cells.split(), strict=True):
            psnr, ssim, auc = (*(_number(part) for part in cell.rstrip("?").split("/")), None, None)[:3]
            yield PublishedScore(method, level, psnr, ssim, auc, table.source, cell.endswith("?"))


def _number(text: str) -> float | None:
    return None if text == "-" else float(text)
