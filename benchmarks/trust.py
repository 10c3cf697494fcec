"""Whether the default model's map of trust is true: do its bounds hold, and does it know where the errors are?

    PELLUCID_DATA=... python benchmarks/trust.py --output benchmarks/results/trust

Test sets, degraded as their protocols say, or real pairs; none was trained on or calibrated by. Per family: the share
of values within the bound (mean over pictures, the worst, and how many pictures are below 80 %), the mean error and the
mean bound in levels of 255, and how well three maps tell where the errors are (AUSE, of every sixth picture): the
bound, |output - input|, and the spread over the eight flips and turns, which costs eight restorations. All pictures are
restored; those that `pellucid restore` would keep as they are count once more, with their own bound, in rows of their
own. Then what the share of belief says against what was removed, and what the map costs. Seed 0.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from measuring import seconds_of
from pellucid.app.do_no_harm import judged_after, judged_before
from pellucid.app.restore import restore
from pellucid.data.shared_pictures import clean_pictures, load_pairs
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.degradations.noise import as_stored
from pellucid.evaluation.trust_measures import coverage, sparsification_error
from pellucid.images.files import read_image, write_image
from pellucid.images.overview import views
from pellucid.images.padding import crop_to, pad_to_multiple
from pellucid.methods.load import Model, load, with_trust
from pellucid.methods.perceiver import Perceiver, load_perceiver
from pellucid.methods.trusted import TrustedRestorer

SEEN, UNSEEN = "seen in training", "not seen"

SYNTHESISED = {
    SEEN: (
        "clean", "gaussian-noise:sigma=15", "gaussian-noise:sigma=25", "gaussian-noise:sigma=50", "sensor-noise",
        "jpeg:quality=10", "jpeg:quality=40", "gaussian-blur:sigma=1.5", "motion-blur", "rain", "rain-faint",
        "sensor-noise+jpeg", "gaussian-blur+gaussian-noise+jpeg",
    ),
    UNSEEN: ("resize", "snow"),
}  # fmt: skip
"""Made of the clean pictures of CBSD68 and Kodak24, rounded to 8 bits, by domains of mixtures."""

CLEAN_SETS = ("CBSD68", "Kodak24")

PAIRS = (
    (UNSEEN, "Rain100L"),
    (UNSEEN, "Rain100H"),
    (UNSEEN, "PolyU"),
    (UNSEEN, "SOTS_indoor10"),
    (UNSEEN, "LowLight_SICE24"),
)
"""Sets of pairs that others made: rain of another make, real noise, haze, low light."""

EVERY_SIXTH, BELOW = 6, 0.8
LARGEST_SIDE = 768
"""Pixels; of larger pictures the middle is taken."""

KINDS = {
    "noise": ("gaussian-noise:sigma=15", "gaussian-noise:sigma=25", "gaussian-noise:sigma=50", "sensor-noise"),
    "JPEG": ("jpeg:quality=10", "jpeg:quality=40"),
    "blur": ("gaussian-blur:sigma=1.5", "motion-blur"),
    "rain": ("rain", "rain-faint"),
    "mixtures": ("sensor-noise+jpeg", "gaussian-blur+gaussian-noise+jpeg"),
}
"""Families seen in training, taken together by what people call them."""

LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Of the share of belief, between which pixels are taken together."""


@dataclass
class Family:
    """What was found of one kind of degraded pictures of one set."""

    name: str
    test_set: str
    seen: str
    coverage: list[float]
    error: list[float]
    bound: list[float]
    ause: dict[str, list[float]]


def families(limit: int | None) -> Iterator[tuple[Family, Iterator[tuple[Tensor, Tensor]]]]:
    """Every family with its pictures, degraded and clean, `(1, 3, H, W)`."""
    for seen, domains in SYNTHESISED.items():
        for domain in domains:
            for name in CLEAN_SETS:
                yield _family(domain, name, seen), islice(_made(name, domain), limit)
    for seen, name in PAIRS:
        yield _family("as it is", name, seen), islice(_given(name), limit)


def _family(name: str, test_set: str, seen: str) -> Family:
    return Family(name, test_set, seen, [], [], [], {})


def _made(name: str, domain: str) -> Iterator[tuple[Tensor, Tensor]]:
    generator, mixture = torch.Generator().manual_seed(0), Mixture({domain: 1.0})
    for _, pixels in clean_pictures(name):
        clean = _middle(pixels)[None].float() / 255
        degraded = apply_chains(clean, [mixture.draw_of(domain, generator)], generator)
        yield as_stored(degraded, clip=True, round_to_8_bits=True), clean


def _given(name: str) -> Iterator[tuple[Tensor, Tensor]]:
    for pair in load_pairs(name):
        degraded, clean = pair.load()
        yield _middle(degraded)[None].float() / 255, _middle(clean)[None].float() / 255


def _middle(picture: Tensor) -> Tensor:
    height, width = (min(LARGEST_SIDE, side) for side in picture.shape[-2:])
    top, left = (picture.shape[-2] - height) // 2, (picture.shape[-1] - width) // 2
    return picture[:, top : top + height, left : left + width]


def spread(model: Model, degraded: Tensor) -> Tensor:
    """Standard deviation over eight flips and turns, mean of the colours, `(1, 1, H, W)`."""
    restored = []
    for turn in range(4):
        for is_flipped in (False, True):
            shown = degraded.rot90(turn, (2, 3))
            shown = shown.flip(3) if is_flipped else shown
            image = model.restore(shown).image
            restored.append((image.flip(3) if is_flipped else image).rot90(-turn, (2, 3)))
    return torch.stack(restored).std(dim=0, correction=0).mean(dim=1, keepdim=True)


class Beliefs:
    """What is left of the squared departures, by the share of belief that was told."""

    def __init__(self) -> None:
        count = len(LEVELS) - 1
        self.after, self.before, self.pixels = (torch.zeros(count, dtype=torch.float64) for _ in range(3))

    def add(self, prior: Tensor, after: Tensor, before: Tensor) -> None:
        """One picture: phi `(1, 1, H, W)` and squared errors `(1, 3, H, W)`."""
        group = torch.bucketize(prior.flatten(), torch.tensor(LEVELS[1:-1]), right=True)
        for total, values in ((self.after, after.mean(dim=1)), (self.before, before.mean(dim=1))):
            total.index_add_(0, group, values.flatten().double())
        self.pixels.index_add_(0, group, torch.ones(group.numel(), dtype=torch.float64))

    def rows(self) -> list[list[float]]:
        """Least and greatest phi, share of the pixels, and `1 - E error^2 / E departure^2` there."""
        shares = self.pixels / self.pixels.sum()
        removed = 1 - self.after / self.before.clamp_min(1e-12)
        return [
            [LEVELS[number], LEVELS[number + 1], shares[number].item(), removed[number].item()]
            for number in range(len(LEVELS) - 1)
            if self.pixels[number] > 0
        ]


def look(
    model: Model,
    trusted: Model,
    family: Family,
    pictures: Iterator[tuple[Tensor, Tensor]],
    beliefs: Beliefs,
    kept: Family,
) -> None:
    """Restore the pictures of a family, and note what is found, also of those that would be kept."""
    perceiver = load_perceiver(device="cpu")
    for number, (degraded, clean) in enumerate(pictures):
        restoration = trusted.restore(degraded)
        restored, bound = restoration.image, restoration.maps["error"]
        error = (restored - clean).abs()
        _note(family, error, bound)
        if family.seen == SEEN:
            beliefs.add(restoration.maps["prior"], error.square(), (degraded - clean).square())
        bound_if_kept = _bound_if_kept(trusted, perceiver, degraded, restored)
        if bound_if_kept is not None:
            _note(kept, (degraded - clean).abs(), bound_if_kept)
        if number % EVERY_SIXTH == 0 and family.name != "clean":
            gone = error.mean(dim=1, keepdim=True)
            change = (restored - degraded).abs().mean(dim=1, keepdim=True)
            maps = {"bound": bound, "change": change, "spread": spread(model, degraded)}
            for name, doubt in maps.items():
                family.ause.setdefault(name, []).append(sparsification_error(gone, doubt).item())


def _note(family: Family, error: Tensor, bound: Tensor) -> None:
    family.coverage.append(coverage(error, bound).item())
    family.error.append(255 * error.mean().item())
    family.bound.append(255 * bound.mean().item())


def _bound_if_kept(trusted: Model, perceiver: Perceiver, degraded: Tensor, restored: Tensor) -> Tensor | None:
    """The bound on a picture's own error, if `pellucid restore` would keep the picture."""
    restorer = trusted.restorer
    assert isinstance(restorer, TrustedRestorer)
    context = restorer.context(views(degraded))
    judgement = judged_before(perceiver.perceive(degraded), is_sure=restorer.is_sure(context))
    if judgement.kept is None and judgement.before is not None:
        judgement = judged_after(judgement.before, perceiver.perceive(restored))
    if judgement.kept is None:
        return None
    size = (degraded.shape[-2], degraded.shape[-1])
    padded, _ = pad_to_multiple(degraded, restorer.size_multiple)
    return crop_to(restorer.error_of_original(padded, context), size)


def costs(model: Model, trusted: Model) -> dict[str, list[float]]:
    """Seconds of restoring two megapixels without and with maps, in memory and file to file with the drawn map and all.

    Four times each after one that does not count, who goes first in turn. Told is the median of the pairs' ratios: a
    machine that is busy for a second is in one pair.
    """
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("noisy.png", "rainy.jpg", "blurred.jpg"):
            picture = read_image(Path("examples") / name)
            times = -(-1024 // picture.shape[-2]), -(-2048 // picture.shape[-1])
            large = picture.repeat(1, 1, *times)[..., :1024, :2048]
            source, target = Path(folder) / "large.png", Path(folder) / "restored.png"
            write_image(source, large)
            ways = {
                "without": partial(model.restore, large),
                "with": partial(trusted.restore, large),
                "files without": partial(restore, source, target, model=model, always=True, overwrite=True),
                "files with": partial(restore, source, target, model=trusted, trust=True, always=True, overwrite=True),
            }
            for run in range(5):
                for way, function in list(ways.items())[:: -1 if run % 2 else 1]:
                    seconds = seconds_of(function)
                    if run:
                        found.setdefault(way, []).append(seconds)
    return found


def main() -> None:
    """Measure, and write the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="pictures of each family")
    parser.add_argument("--trust", default="default", help="weights of another map")
    parser.add_argument("--output", type=Path, required=True, help="folder for trust.md and trust.json")
    parser.add_argument("--without-costs", action="store_true", help="do not measure seconds")
    parser.add_argument("--only-costs", action="store_true", help="measure seconds alone, beside what was found before")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = load(device="cpu")
    trusted, beliefs, found = with_trust(model, arguments.trust), Beliefs(), []
    if arguments.only_costs:
        before = json.loads((arguments.output / "trust.json").read_text())
        found = [Family(**row) for row in before["families"]]
        _write(arguments.output, found, before["beliefs"], costs(model, trusted))
        return
    kept = {name: _family("kept as they are", name, "both") for name in (*CLEAN_SETS, *(name for _, name in PAIRS))}
    for family, pictures in families(arguments.limit):
        look(model, trusted, family, pictures, beliefs, kept[family.test_set])
        found.append(family)
        print(_row(family), flush=True)
    found += [family for family in kept.values() if family.coverage]
    seconds = {} if arguments.without_costs else costs(model, trusted)
    _write(arguments.output, found, beliefs.rows(), seconds)


def _write(folder: Path, found: list[Family], beliefs: list[list[float]], seconds: dict[str, list[float]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trust.md").write_text(_table(found, beliefs, seconds))
    values = {"families": [asdict(family) for family in found], "beliefs": beliefs, "seconds": seconds}
    values["machine"] = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    (folder / "trust.json").write_text(json.dumps(_rounded(values), indent=1) + "\n")


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def _row(family: Family) -> str:
    held, worst = statistics.mean(family.coverage), min(family.coverage)
    below = sum(one < BELOW for one in family.coverage)
    scatter = statistics.stdev(family.coverage) / len(family.coverage) ** 0.5 if len(family.coverage) > 1 else 0.0
    cells = [family.name, family.test_set, family.seen, f"{100 * held:.1f} ± {100 * scatter:.1f}", f"{100 * worst:.0f}"]
    cells += [f"{below} of {len(family.coverage)}"]
    cells += [f"{statistics.mean(family.error):.2f}", f"{statistics.mean(family.bound):.2f}"]
    for name in ("bound", "change", "spread"):
        cells.append(f"{statistics.mean(family.ause[name]):.3f}" if name in family.ause else "")
    return "| " + " | ".join(cells) + " |"


def _together(found: list[Family], names: tuple[str, ...]) -> str:
    """The share within the bound over several families of both clean sets, and its standard error.

    Photographs are what counts, each once: what is made of one in several ways is not independent.
    """
    its: list[float] = []
    for name in CLEAN_SETS:
        rows = [family.coverage for family in found if family.name in names and family.test_set == name]
        its += [statistics.mean(of_one) for of_one in zip(*rows, strict=True)]
    scatter = statistics.stdev(its) / len(its) ** 0.5 if len(its) > 1 else 0.0
    return f"{100 * statistics.mean(its):.1f} ± {100 * scatter:.1f}"


def _table(found: list[Family], beliefs: list[list[float]], seconds: dict[str, list[float]]) -> str:
    lines = [
        "Within the bound, of all values of a picture, in per cent, with the standard error of the mean over pictures: "
        "asked 90. Error and bound in levels of 255. AUSE "
        "of three maps, less is better: the bound, |output - input|, the spread of eight flips and turns.",
        "",
        "| degradation | set | | within | worst picture | below 80 % | error | bound | AUSE bound | change | spread |",
        "|---" * 11 + "|",
        *[_row(family) for family in found],
        "",
        "Families seen in training, without clean pictures: the photographs of both sets together, each once.",
        "",
        "| kind | within |",
        "|---|---|",
        *[f"| {kind} | {_together(found, names)} |" for kind, names in KINDS.items()],
        *[f"| {name} | {_together(found, (name,))} |" for names in KINDS.values() if len(names) > 1 for name in names],
        "",
        "Share of belief phi as told, and the share of the squared departure from the truth that restoring removed "
        "there (families seen in training, all pixels together).",
        "",
        "| phi | of the pixels | removed |",
        "|---|---|---|",
        *[f"| {row[0]:g} to {row[1]:g} | {100 * row[2]:.1f} % | {row[3]:.3f} |" for row in beliefs],
    ]
    if seconds:
        memory, files = (
            statistics.median(one / other for one, other in zip(*pair, strict=True))
            for pair in ((seconds[f"{kind}with"], seconds[f"{kind}without"]) for kind in ("", "files "))
        )
        lines += ["", f"Restoring with maps takes {memory:.3f} times as long as without, and file to file, with three"]
        lines += [
            f"maps and a drawn one written, {files:.3f} times (two megapixels, three examples, the median of twelve"
        ]
        lines += ["pairs of runs, one right after the other)."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
