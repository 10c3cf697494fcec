"""Perceive-IR's parts on trial: each arm against the one that lacks its part, and against as many parameters.

    python -m pellucid train recipes/perceive-ir/medium.yaml --training.precision bf16
    ARM=a0-plain
    python -m pellucid train recipes/perceive-ir/study-stack/$ARM.yaml --training.run_folder RUNS/$ARM-s0 --data.seed 0
    PELLUCID_DATA=... python benchmarks/perceive_ir_study.py RUNS --output benchmarks/results/perceive-ir-stack

RUNS holds a run folder per recipe of recipes/perceive-ir/study-stack and seed, named ARM-sSEED. All arms see the same
patches in the same order. They are measured by their averaged weights after the last step on pictures that none was
trained on: Kodak24 in crops of 500 pixels, under noise, haze and rain as training has them, three degrees of each; and
every fourth picture of Rain100L and all of SOTS_indoor10, whose rain and haze are of another make; on a CPU, in
float32. Arms with semantic vectors are measured as their recipes have it, by the vectors of parts as large as
training's patches, and as Perceive-IR does it, by those of the whole picture (ARM-whole): training is the same. Nothing
is selected. What is in `pictures.csv.gz` of the output was measured before and stays, so that a seed
can be added when the other runs are gone; a run that is not finished is left out.

The verdict follows a rule that was written down before anything was measured (`VERDICT`). Beside it: SSIM; the distance
of VGG-16's features, since two of the losses are not after PSNR; and what a linear probe reads from the codes.
"""

import argparse
import csv
import gzip
import io
import json
import math
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.app.recipe_file import read_run
from pellucid.evaluation.benchmark_sets import open_benchmark_set
from pellucid.evaluation.evaluate import Case, cases, spread_evenly
from pellucid.evaluation.laboratory.bootstrap import Interval, paired_bootstrap
from pellucid.evaluation.measures import psnr, rounded_to_8_bits, ssim
from pellucid.evaluation.protocols import Trial, find_protocol
from pellucid.methods.load import Model
from pellucid.methods.restorer import NetworkRestorer, restorer_from_weights
from pellucid.networks.catalog import build_network
from pellucid.networks.vgg16 import VGG16
from pellucid.training.run_folder import environment
from pellucid.weights.files import load_into, load_weights

TASKS: dict[str, list[tuple[str, str, float | None]]] = {
    "noise": [("dil-noise", "kodak24-500", sigma) for sigma in (15.0, 25.0, 50.0)],
    "haze": [("haze-synthetic", "kodak24-500", severity) for severity in (0.2, 0.5, 0.8)],
    "rain": [("rain-synthetic", "kodak24-500", severity) for severity in (0.2, 0.5, 0.8)],
    "Rain100L": [("rain-rgb", "rain100l", None)],
    "SOTS indoor": [("pairs", "sots-indoor10", None)],
}
"""By task its conditions: protocol, set, level."""

TRAINED_ON = ("noise", "haze", "rain")
"""Tasks that the verdict is about; the others are of another make."""

COMPARISONS = (
    ("a2-empty", "a0-plain", "blocks that could be guided, without anything to be guided by"),
    ("a3-code", "a2-empty", "the code and its contrast (CFE, L_cl)"),
    ("a4-semantics-whole", "a2-empty", "semantic vectors (SGM) of the whole picture, as released"),
    ("a4-semantics", "a2-empty", "semantic vectors of parts as large as training's patches"),
    ("a4-semantics", "a4s-shuffled", "that these are the picture's own, not another one's"),
    ("a5-both", "a0-plain", "code and semantics"),
    ("a5-both", "a1-wide", "code and semantics, against as many parameters of a plain network"),
    ("a9-perceived", "a5-both", "what the perceiver that ships sees, in place of semantic vectors"),
    ("a9-perceived", "a1-wide", "code and what the perceiver sees, against as many parameters of a plain network"),
    ("a8-all", "a5-both", "the quality loss and the difficulty-adaptive loss"),
    ("a8-all", "a1-wide", "the whole system, against as many parameters of a plain network"),
)
"""An arm, the arm that it is compared with, and what that isolates."""

VERDICT = (
    "A part helps if the arm with it less the arm without it, in PSNR, noise, haze and rain counting alike, has a 95 % "
    "interval (bootstrap over pictures, paired) above 0 with every seed; it harms if the interval is below 0 with "
    "every seed; otherwise nothing is shown. The whole helps if that holds against the plain network of as many "
    "parameters."
)
WITHOUT = "input"
RECIPES = Path(__file__).parents[1] / "recipes" / "perceive-ir" / "study-stack"
VGG_SIDE = 224
LIMIT = 25
"""Pictures of a set, spread evenly."""


class Row(NamedTuple):
    """One picture under one condition by one arm."""

    arm: str
    seed: str
    task: str
    level: str
    picture: str
    psnr: float
    ssim: float
    vgg: float


def conditions() -> Iterator[tuple[str, str, list[Case]]]:
    """Task, level and pictures, one condition after the other."""
    for task, trials in TASKS.items():
        for protocol, test_set, level in trials:
            trial = Trial(find_protocol(protocol), test_set, level)
            opened = open_benchmark_set(test_set)
            yield (
                task,
                f"{level:g}" if level else "",
                list(cases(trial, opened, spread_evenly(len(opened.pictures), LIMIT), seed=0)),
            )


def is_finished(folder: Path) -> bool:
    """Whether a run was trained to its end; one that was stopped has weights, too."""
    if not (folder / "weights.safetensors").is_file():
        return False
    _, description = load_weights(folder / "weights.safetensors")
    return description["step"] == description["recipe"]["training"]["steps"]


def variants(arm: str) -> dict[str, dict[str, Any]]:
    """Names to network arguments: the arm as its recipe has it, and with vectors of whole pictures where it has any."""
    arguments = read_run(RECIPES / f"{arm}.yaml").config.network.arguments
    semantics = arguments.get("guidance", {}).get("semantics", {})
    if "cut" not in semantics:
        return {arm: arguments}
    whole = {key: value for key, value in semantics.items() if key != "cut"}
    return {arm: arguments, f"{arm}-whole": {**arguments, "guidance": {**arguments["guidance"], "semantics": whole}}}


def restore_by(folder: Path, arguments: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    """As the weights of a run would restore in a network with these arguments, on a CPU, in float32."""
    tensors, description = load_weights(folder / "weights.safetensors")
    network = build_network(description["network"]["name"], arguments)
    load_into(network, tensors, folder)
    restorer = NetworkRestorer(network, dtype=torch.float32)
    return lambda image: Model(folder.name, restorer, description, "", "cpu").restore(image).image


def measured(arm: str, seed: str, restore: Callable[[Tensor], Tensor] | None, features: VGG16) -> list[Row]:
    """An arm, or the input for `None`, under every condition."""
    rows = []
    for task, level, pictures in conditions():
        for case in pictures:
            with torch.inference_mode():
                restored = case.degraded if restore is None else restore(case.degraded.clone())
                restored = rounded_to_8_bits(restored)
                away = statistics.fmean(
                    (F.l1_loss(mine, its) / its.abs().mean()).item()
                    for mine, its in zip(features(centre(restored)), features(centre(case.clean)), strict=True)
                )
                quality = psnr(restored, case.clean).item(), ssim(restored, case.clean, variant="skimage-7x7").item()
            if not all(map(math.isfinite, quality)):
                raise SystemExit(f"Expected finite figures of {arm} on {case.picture}, got {quality}: look at the run.")
            rows.append(Row(arm, seed, task, level, case.picture, *quality, away))
    return rows


def centre(image: Tensor) -> Tensor:
    """The middle of a picture: features of whole ones would take longer than all else."""
    height, width = image.shape[-2:]
    top, left = (height - VGG_SIDE) // 2, (width - VGG_SIDE) // 2
    return image[..., top : top + VGG_SIDE, left : left + VGG_SIDE]


@torch.inference_mode()
def probed(weights: Path) -> dict[str, float] | None:
    """What a linear probe reads from codes: shares told right of held-out pictures, `None` for an arm without a code.

    Codes of the pictures of Kodak24, ridge regression to one-hot answers on every other picture, tested on the rest.
    """
    restorer = restorer_from_weights(*load_weights(weights), "cpu")
    guidance: Any = getattr(restorer.network, "guidance", None)
    if guidance is None or guidance.code is None:
        return None
    codes: list[Tensor] = []
    answers: list[tuple[int, int, bool]] = []
    for number, task in enumerate(TRAINED_ON):
        for degree, (protocol, test_set, level) in enumerate(TASKS[task]):
            opened = open_benchmark_set(test_set)
            trial = Trial(find_protocol(protocol), test_set, level)
            for case in cases(trial, opened, range(len(opened.pictures)), seed=0):
                codes.append(guidance.codes(case.degraded)[0])
                answers.append((number, degree, case.index % 2 == 0))
    table = torch.stack(codes).double()
    kinds, degrees, is_fitted = (torch.tensor(column) for column in zip(*answers, strict=True))
    found = {"kind": _probe(table, kinds, is_fitted.bool())}
    for number, task in enumerate(TRAINED_ON):
        own = kinds == number
        found[f"degree of {task}"] = _probe(table[own], degrees[own], is_fitted[own].bool())
    return found


def _probe(codes: Tensor, answers: Tensor, is_fitted: Tensor, ridge: float = 1e-3) -> float:
    inputs = torch.cat([codes, torch.ones(len(codes), 1, dtype=codes.dtype)], dim=1)
    fitted, wanted = inputs[is_fitted], F.one_hot(answers[is_fitted]).double()
    weights = torch.linalg.solve(fitted.T @ fitted + ridge * torch.eye(inputs.shape[1]).double(), fitted.T @ wanted)
    told = (inputs[~is_fitted] @ weights).argmax(dim=1)
    return (told == answers[~is_fitted]).double().mean().item()


def difference(
    rows: Sequence[Row], arm: str, other: str, seeds: Sequence[str], tasks: Sequence[str]
) -> Interval | None:
    """PSNR of one arm less another's, tasks alike, mean over seeds; `None` where something was not measured."""
    found: dict[tuple[str, str, str, str, str], float] = {row[:5]: row.psnr for row in rows}
    sets: dict[tuple[str, ...], list[list[float | None]]] = {}
    for task in tasks:
        levels = sorted({row.level for row in rows if row.task == task})
        pictures = tuple(sorted({row.picture for row in rows if row.task == task}))
        own = []
        for picture in pictures:
            keys = [(seed, task, level, picture) for seed in seeds for level in levels]
            pairs = [(found.get((arm, *key)), found.get((other, *key))) for key in keys]
            if any(None in pair for pair in pairs):
                return None
            own.append(statistics.fmean(mine - its for mine, its in pairs))  # pyright: ignore[reportOperatorIssue]
        sets.setdefault(pictures, []).append(own)  # tasks on the same pictures are drawn together
    return paired_bootstrap(*sets.values())


def verdict(rows: Sequence[Row], arm: str, other: str, seeds: Sequence[str]) -> str:
    """In a word, by the rule."""
    found = [difference(rows, arm, other, [seed], TRAINED_ON) for seed in seeds]
    if not found or None in found:
        return "not measured"
    whole = [one for one in found if one is not None]
    told = "helps" if all(one.low > 0 for one in whole) else "harms" if all(one.high < 0 for one in whole) else ""
    return f"{told or 'not shown'}{', one seed' if len(seeds) == 1 else ''}"


def report(rows: Sequence[Row], facts: dict[str, dict[str, Any]]) -> str:
    """Everything as Markdown."""
    arms = sorted({row.arm for row in rows} - {WITHOUT})
    facts = {arm: facts[arm.removesuffix("-whole")] for arm in arms}
    seeds_of = {arm: sorted({row.seed for row in rows if row.arm == arm}) for arm in arms}
    tasks = list(TASKS)
    lines = ["### PSNR in dB, mean over pictures, degrees and seeds", ""]
    lines += _head(["arm", "parameters", "seeds", *tasks, "mean of noise, haze, rain"])
    for arm in [WITHOUT, *arms]:
        means = [_mean(rows, arm, task, "psnr") for task in tasks]
        cells = [f"{mean:.2f}" for mean in means] + [f"{statistics.fmean(means[: len(TRAINED_ON)]):.2f}"]
        told = ["", ""] if arm == WITHOUT else [f"{facts[arm]['parameters'] / 1e6:.2f} M", str(len(seeds_of[arm]))]
        lines.append(_line([arm, *told, *cells]))
    lines += ["", "### What each part is worth: PSNR in dB, 95 % intervals over pictures", ""]
    lines += _head(["arm", "less", "isolates", "seeds", *tasks, "noise, haze, rain", "by seed", "verdict"])
    for arm, other, what in COMPARISONS:
        seeds = [seed for seed in seeds_of.get(arm, []) if seed in seeds_of.get(other, [])]
        if not seeds:
            continue
        cells = [_interval(difference(rows, arm, other, seeds, [task])) for task in tasks]
        each = [difference(rows, arm, other, [seed], TRAINED_ON) for seed in seeds]
        by_seed = " / ".join("" if one is None else f"{one.mean:+.2f}" for one in each)
        whole = _interval(difference(rows, arm, other, seeds, TRAINED_ON))
        lines.append(
            _line([arm, other, what, str(len(seeds)), *cells, whole, by_seed, verdict(rows, arm, other, seeds)])
        )
    lines += ["", VERDICT, "", "### By other measures, mean over noise, haze and rain", ""]
    lines += _head(["arm", "SSIM", "distance of VGG-16's features", "seconds per step, two trainings on two cores"])
    for arm in [WITHOUT, *arms]:
        values = [statistics.fmean(_mean(rows, arm, task, name) for task in TRAINED_ON) for name in ("ssim", "vgg")]
        cost = "" if arm == WITHOUT else f"{facts[arm]['seconds_per_step']:.2f}"
        lines.append(_line([arm, f"{values[0]:.4f}", f"{values[1]:.4f}", cost]))
    probes = {arm: facts[arm]["probe"] for arm in arms if facts[arm]["probe"] and not arm.endswith("-whole")}
    if probes:
        names = list(next(iter(probes.values())))
        lines += ["", "### What a linear probe reads from the code: share told right of held-out pictures", ""]
        lines += _head(["arm", *names])
        lines += [_line([arm, *(f"{probe[name]:.2f}" for name in names)]) for arm, probe in probes.items()]
    return "\n".join(lines) + "\n"


def _mean(rows: Sequence[Row], arm: str, task: str, name: str) -> float:
    return statistics.fmean(getattr(row, name) for row in rows if row.arm == arm and row.task == task)


def _interval(found: Interval | None) -> str:
    return "" if found is None else f"{found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), "|" + "---|" * len(cells)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def facts_of(folder: Path) -> dict[str, Any]:
    """Of one run: parameters that were trained, time of a step, what its code tells."""
    weights = folder / "weights.safetensors"
    _, description = load_weights(weights)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    rates = [line["images_per_second"] for line in lines if "images_per_second" in line]
    batch = description["recipe"]["data"]["batch_size"]
    network = build_network(description["network"]["name"], description["network"]["arguments"])
    parameters = sum(value.numel() for value in network.parameters() if value.requires_grad)
    cost = batch / statistics.median(rates)
    return {"parameters": parameters, "seconds_per_step": cost, "probe": probed(weights)}


def curve_of(folder: Path) -> dict[str, float]:
    """Step to gain over the input in dB, on patches held out in training, by averaged weights."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {str(line["step"]): line["validation/gain"] for line in lines if "validation/gain" in line}


def draw(curves: dict[str, dict[str, float]], path: Path) -> None:
    """A line per run."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    arms = sorted({run.rpartition("-s")[0] for run in curves})
    for run, curve in sorted(curves.items()):
        arm, _, seed = run.rpartition("-s")
        label = arm if seed == "0" else None
        axes.plot([int(step) for step in curve], list(curve.values()), color=f"C{arms.index(arm)}", label=label, lw=1.2)
    axes.set(xlabel="step", ylabel="gain over the input on held-out patches, dB")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    kept, told = output / "pictures.csv.gz", output / "facts.json"
    rows = _read(kept) if kept.is_file() else []
    facts: dict[str, Any] = (
        json.loads(told.read_text()) if told.is_file() else {"machine": {}, "arms": {}, "curves": {}}
    )
    known = {(row.arm, row.seed) for row in rows}
    named = re.compile(f"({'|'.join(path.stem for path in RECIPES.glob('*.yaml'))})-s([0-9]+)")
    features = VGG16()
    if (WITHOUT, "") not in known:
        rows += measured(WITHOUT, "", None, features)
    for folder in sorted(arguments.runs.iterdir()):
        match = named.fullmatch(folder.name)
        if match is None or not is_finished(folder):
            continue
        arm, seed = match[1], match[2]
        for name, its in variants(arm).items():
            if (name, seed) not in known:
                print(f"{name}-s{seed}", flush=True)
                rows += measured(name, seed, restore_by(folder, its), features)
        facts["curves"][folder.name] = curve_of(folder)
        if arm not in facts["arms"]:
            facts["arms"][arm] = facts_of(folder)
        facts["machine"] = {key: value for key, value in environment().items() if key != "command"}
        told.write_text(json.dumps(facts, indent=1) + "\n")
        kept.write_bytes(gzip.compress(_written(rows).encode(), mtime=0))
    draw(facts["curves"], output / "curves.png")
    text = report(rows, facts["arms"])
    (output / "study.md").write_text(text)
    print(text)


def _read(path: Path) -> list[Row]:
    lines = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    numbers = ("psnr", "ssim", "vgg")
    return [Row(**{**line, **{name: float(line[name]) for name in numbers}}) for line in lines]


def _written(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows([*row[:5], *(f"{value:.4f}" for value in row[5:])] for row in rows)
    return text.getvalue()


if __name__ == "__main__":
    main()
