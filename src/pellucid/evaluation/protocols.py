"""Protocols as data: for every published way of measuring, how inputs are made and how outputs are compared.

Two figures may stand in one table only if these rows agree. `PROTOCOLS` is the whole list; nothing about measuring is
decided anywhere else.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid.errors import ConfigurationError
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
    Way,
)
from pellucid.evaluation.measures import MeasuredColor, SsimVariant

Output = Literal["rounded", "clamped"]


@dataclass(frozen=True)
class Protocol:
    """One way of measuring.

    Attributes:
        name: as typed at the command line.
        source: paper and section, or "Pellucid".
        test_sets: those it is meant for; others of the same kind can be measured by it too.
        input: how the pictures to restore are made.
        levels: those of the published tables; empty when nothing varies.
        color: what is compared, see `measures.measured_channels`.
        ssim: the window that the source used, see `measures.ssim`.
        output: `"rounded"`: clamped to `[0, 1]` and rounded to 8 bits before comparing; `"clamped"`: clamped only.
        crop: pixels left out along every border when comparing.
        multiple: pictures are first cropped at their centre to multiples of it; `None` for whole pictures.
        has_auc: whether the area under the colour curve is measured too.
        differs: what is known to deviate from the source, or not to be known.
    """

    name: str
    source: str
    test_sets: tuple[str, ...]
    input: Way
    levels: tuple[float, ...] = ()
    color: MeasuredColor = "rgb"
    ssim: SsimVariant = "gaussian-11x11"
    output: Output = "rounded"
    crop: int = 0
    multiple: int | None = None
    has_auc: bool = False
    differs: str | None = None

    @property
    def has_raw_input(self) -> bool:
        """Whether what is to be restored is no 8-bit picture: its own figures are then those of the raw values."""
        return isinstance(self.input, AddedNoise) and self.input.storage == "float"

    @property
    def level_name(self) -> str | None:
        """What varies (`"sigma"`), or `None`."""
        return self.input.level_name

    def selected(self, image: Tensor) -> Tensor:
        """The part of a picture that is used: all of it, or the centre at multiples of `multiple`."""
        if self.multiple is None:
            return image
        height, width = image.shape[-2:]
        rows, columns = self.selected_size(height, width)
        top, left = (height - rows) // 2, (width - columns) // 2
        return image[..., top : top + rows, left : left + columns].contiguous()

    def selected_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the part that is used."""
        multiple = self.multiple or 1
        return height - height % multiple, width - width % multiple


@dataclass(frozen=True)
class Trial:
    """One line of work: a protocol on a set at a level."""

    protocol: Protocol
    test_set: str
    level: float | None = None

    @property
    def label(self) -> str:
        """Such as `awgn on cbsd68, sigma 25`."""
        start = f"{self.protocol.name} on {self.test_set}"
        return start if self.level is None else f"{start}, {self.protocol.level_name} {self.level:g}"


_NOISE_SETS = ("cbsd68", "kodak24-500", "kodak24", "set5", "set14")
_OUR_SEEDS = "The papers draw with NumPy, most from seed 0 for every picture; here every picture has its own generator."

PROTOCOLS: tuple[Protocol, ...] = (
    Protocol(
        "awgn",
        "DnCNN, FFDNet, DRUNet, SwinIR: colour denoising; noise leaves [0, 1] and is kept as floats",
        _NOISE_SETS,
        AddedNoise(),
        (15, 25, 50),
        differs=_OUR_SEEDS,
    ),
    Protocol(
        "awgn-8bit",
        "Pellucid: the noise of awgn, clipped and rounded to 8 bits, which is what files hold",
        _NOISE_SETS,
        AddedNoise("rounded"),
        (15, 25, 50),
    ),
    Protocol(
        "awgn-grey",
        "DnCNN, FFDNet, SwinIR: grey denoising; one draw of noise for the three equal channels",
        ("bsd68", "set12"),
        AddedNoise(grey=True),
        (15, 25, 50),
        "grey",
        differs=f"{_OUR_SEEDS} A colour restorer's three channels are averaged before comparing.",
    ),
    Protocol(
        "awgn-8bit-grey",
        "Pellucid: the noise of awgn-grey, clipped and rounded to 8 bits",
        ("bsd68", "set12"),
        AddedNoise("rounded", grey=True),
        (15, 25, 50),
        "grey",
    ),
    Protocol(
        "dil-noise",
        "DIL, Table 1: trained on sigma 5-20, tested on unseen sigma; noise clipped, not rounded",
        ("cbsd68", "kodak24-500", "set5"),
        AddedNoise("clipped"),
        (30, 40, 50),
        differs="DIL does not seed its noise (about 0.01 dB), nor say whether its Kodak24 is cropped.",
    ),
    Protocol(
        "dil-blur",
        "DIL, Table 2: trained on blur 1-4, tested on stronger blur",
        ("set5", "set14"),
        GaussianBlurred(kernel_size=21),
        (4.2, 4.4, 4.6, 4.8, 5.0),
        differs="DIL does not say how large its kernel is nor whether inputs are rounded; 21x21 with replicated "
        "borders and 8 bits is taken from RL-Restore, which the authors follow elsewhere.",
    ),
    Protocol(
        "dil-hybrid",
        "DIL, Table 3: blur, noise and JPEG at once; trained on severe (tier 3), tested on mild and moderate (1, 2), Y",
        ("cbsd68", "kodak24", "set14", "set5"),
        HybridDistorted(),
        (1, 2, 3),
        "y",
        differs="DIL's sets are BSD100, Urban100, Manga109 and DIV2K. Whether whole pictures, as here, or patches of "
        "63x63 as in RL-Restore, whose levels these are, is not known; its blur kernel is 21x21, here wide enough.",
    ),
    Protocol(
        "adair3-noise",
        "PromptIR, AdaIR, Perceive-IR: three degradations, noise",
        ("cbsd68",),
        NoiseDrawnInTurn(),
        (15, 25, 50),
        ssim="skimage-7x7",
        output="clamped",
        multiple=16,
        differs="PromptIR and AdaIR draw over the unsorted listing of a folder; Perceive-IR sorts it.",
    ),
    Protocol(
        "adair3-rain",
        "PromptIR, AdaIR, Perceive-IR: three degradations, rain; RGB",
        ("rain100l",),
        GivenPairs(),
        ssim="skimage-7x7",
        output="clamped",
        multiple=16,
    ),
    Protocol(
        "adair5-noise",
        "AdaIR, Perceive-IR: five degradations, noise",
        ("cbsd68",),
        AddedNoise("truncated", first_seed=3407),
        (25,),
        ssim="skimage-7x7",
        output="clamped",
        differs="As in Perceive-IR's evaluator; AdaIR's own five-task test draws as for three tasks.",
    ),
    Protocol(
        "adair5-rain",
        "AdaIR, Perceive-IR: five degradations, rain; RGB",
        ("rain100l",),
        GivenPairs(),
        ssim="skimage-7x7",
        output="clamped",
    ),
    Protocol(
        "rain-rgb",
        "Pellucid: all pairs whole, RGB; what a viewer sees",
        ("rain100l", "rain100h"),
        GivenPairs(),
        ssim="skimage-7x7",
    ),
    Protocol(
        "rain-y",
        "PReNet, MPRNet, Restormer, DIL Table 4: deraining on Y",
        ("rain100l", "rain100h"),
        GivenPairs(),
        color="y",
        differs="MATLAB rounds Y to 8 bits, this does not (below 0.01 dB). Some crop Rain100L to 480x320.",
    ),
    Protocol(
        "pairs",
        "Pellucid: degraded pictures as they are given, RGB",
        ("polyu", "sots-indoor10", "sice24", "gopro2"),
        GivenPairs(),
        ssim="skimage-7x7",
    ),
    Protocol(
        "pairs-grey",
        "Pellucid: grey pairs as they are given",
        ("levin32",),
        GivenPairs(),
        color="grey",
        differs="Tables of deblurring align by a shift and cut the border; nothing of the kind is done here.",
    ),
    Protocol(
        "jpeg-grey",
        "ARCNN, DnCNN, SwinIR: grey JPEG artefacts",
        ("classic5", "set12", "bsd68"),
        JpegCompressed(),
        (10, 20, 30, 40),
        "grey",
        differs="Tables before 2019 compress by MATLAB's codec, this is libjpeg's (hundredths of a dB).",
    ),
    Protocol(
        "jpeg",
        "Pellucid: colour JPEG artefacts, chroma at half resolution",
        ("kodak24", "cbsd68", "set14"),
        JpegCompressed(),
        (10, 20, 30, 40),
    ),
    Protocol(
        "gaussian-blur",
        "Pellucid: Gaussian blur of the whole picture, rounded to 8 bits, no noise",
        ("set14", "set5"),
        GaussianBlurred(),
        (1.0, 2.0, 3.0),
    ),
    Protocol(
        "motion-blur",
        "Pellucid: straight camera movement, a direction per picture, rounded to 8 bits",
        ("set14", "set5"),
        MotionBlurred(),
        (9, 15),
    ),
    *(
        Protocol(
            f"{kind}-synthetic",
            f"Pellucid: {kind} as training draws it, at three severities, rounded to 8 bits",
            ("kodak24-500", "kodak24", "cbsd68", "set14", "set5"),
            Synthesised(kind),
            (0.2, 0.5, 0.8),
            ssim="skimage-7x7",
        )
        for kind in ("rain", "haze")
    ),
    Protocol(
        "clean",
        "Pellucid: a clean picture must come back as it was",
        ("cbsd68", "kodak24", "kodak24-500", "set14", "set5"),
        Untouched(),
    ),
    Protocol(
        "bigprior-colorization",
        "BIGPrior, Table 1 (bedroom): AuC on 8-bit pictures, PSNR and SSIM by scikit-image",
        ("bedroom50",),
        Desaturated(),
        ssim="skimage-7x7",
        has_auc=True,
    ),
)
"""All protocols."""

CARD: tuple[tuple[str, str], ...] = (
    ("awgn", "cbsd68"),
    ("awgn-8bit", "cbsd68"),
    ("rain-rgb", "rain100l"),
    ("rain-rgb", "rain100h"),
    ("pairs", "sots-indoor10"),
    ("pairs", "sice24"),
    ("pairs", "polyu"),
    ("jpeg-grey", "classic5"),
    ("gaussian-blur", "set14"),
    ("motion-blur", "set14"),
    ("clean", "cbsd68"),
    ("clean", "kodak24"),
)
"""What a model card of an all-in-one restorer reports: protocol and test set."""


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ConfigurationError: when there is none.

    Example:
        >>> find_protocol("dil-noise").levels
        (30, 40, 50)
    """
    for protocol in PROTOCOLS:
        if protocol.name == name.lower().replace("_", "-"):
            return protocol
    choices = ", ".join(protocol.name for protocol in PROTOCOLS)
    raise ConfigurationError(f"Expected a protocol, got {name!r}: choose one of {choices}.")
