"""DIL's claim on trial: strategies trained on weak noise, tested on strong noise and on what is not noise.

    python -m pellucid train recipes/dil/noise-plain.yaml --data.seed 0 --training.run_folder RUNS/noise-plain-s0
    PELLUCID_DATA=... python benchmarks/dil_study.py RUNS --output benchmarks/results/dil-noise

RUNS holds one run folder per recipe of recipes/dil/noise-*.yaml and seed, named RECIPE-sSEED, with a checkpoint every
1,000 steps. What is not in RUNS but in `curves.json` and `pictures.csv.gz` of the output was measured before and is
taken from there, its settings from its recipe, so that a seed can be added when the other runs are gone. For every
checkpoint: PSNR on held-out training pictures at the levels that were trained on, and at sigma 10, 20, 30, 40, 50 on
the centres of CBSD68 pictures (the curves). Of every run the checkpoint that is best on the *seen* levels goes into the
laboratory, which measures whole test sets. Averaged weights are measured beside the weights themselves. The verdict
follows a rule that was written down before anything was trained (`VERDICT`); what it asks for is measured on whole
sets, everything else on at most `--limit` pictures of each. What was measured is kept beside the runs, so that a run
added later costs only itself.
"""

import argparse
import csv
import gzip
import io
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from measuring import held_out_pictures
from pellucid.app.evaluate import measure
from pellucid.app.lab import report
from pellucid.data.config import DataSettings
from pellucid.data.degraded_batches import DegradedBatches
from pellucid.degradations.mixing import Mixture
from pellucid.evaluation.baselines import baseline
from pellucid.evaluation.benchmark_sets import OpenedSet, open_benchmark_set
from pellucid.evaluation.evaluate import INPUT, Contestant, PictureScore, Result, cases, spread_evenly
from pellucid.evaluation.kept_results import KeptResults
from pellucid.evaluation.laboratory.conditions import Condition, Subject, conditions, domains_of
from pellucid.evaluation.measures import psnr
from pellucid.evaluation.protocols import Trial, find_protocol
from pellucid.evaluation.records import csv_text
from pellucid.methods.restorer import NetworkRestorer
from pellucid.networks.catalog import build_network
from pellucid.training.checkpoint import checkpoints, load_checkpoint
from pellucid.training.run_folder import environment

CURVE_SIGMAS = (10, 20, 30, 40, 50)
CURVE_PICTURES, CURVE_SIDE = 16, 128
SEEN_PATCHES, SEEN_SIDE = 64, 96
KINDS = {"weights": "network", "averaged": "average"}
RECIPES = Path(__file__).parents[1] / "recipes" / "dil"
FAMILIES = ("noise", "blur", "rain", "jpeg", "hybrid", "real")

VERDICT = (
    "DIL_sf reproduces in direction if it is above plain empirical risk by at least 0.3 dB at sigma 40 and 50, on "
    "CBSD68 and on Kodak24, for both seeds, at equal patches seen; otherwise it did not."
)
VERDICT_SETS, VERDICT_SIGMAS, VERDICT_GAIN = ("cbsd68", "kodak24-500"), (40, 50), 0.3


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: RECIPE-sSEED.
        config: its settings.
        folder: where it is; `None` for a run that is gone, of which only what was committed is known.
        known: its curves as committed, empty where there are none.
    """

    name: str
    config: dict[str, Any]
    folder: Path | None
    known: dict[str, Any]

    @property
    def recipe(self) -> str:
        """Of all its seeds."""
        return self.name.rpartition("-s")[0]

    @property
    def seed(self) -> str:
        """As in its name."""
        return self.name.rpartition("-s")[2]

    @property
    def patches(self) -> int:
        """Seen by the whole training."""
        return self.config["training"]["steps"] * self.config["data"]["batch_size"]

    def present(self) -> Path:
        """Its folder, of a run that is still there."""
        if self.folder is None:
            raise FileNotFoundError(f"Expected the run {self.name}, which is gone: only committed figures are left.")
        return self.folder

    def checkpoint(self, step: str) -> Path:
        """Where one checkpoint lies."""
        return self.present() / "checkpoints" / f"step-{int(step):08d}"

    def begun(self) -> float:
        """When it began, by its log: another run of the same name began at another time."""
        log = self.present() / "log.jsonl"
        return json.loads(log.read_text().partition("\n")[0])["time"]


def runs_of(folder: Path, known: dict[str, Any]) -> list[Run]:
    """Those that are there, and those that only committed curves know; plain first."""
    here = {path.name: path for path in folder.iterdir() if checkpoints(path / "checkpoints")}
    found = []
    for name in sorted({*here, *known}):
        recipe = RECIPES / f"{name.rpartition('-s')[0]}.yaml"
        config = (here[name] / "config.yaml" if name in here else recipe).read_text()
        found.append(Run(name, yaml.safe_load(config), here.get(name), known.get(name, {})))
    return sorted(found, key=lambda run: not run.name.startswith("noise-plain"))


def network_of(run: Run, checkpoint: Path, kind: str) -> nn.Module:
    """The network of one checkpoint."""
    config = run.config["network"]
    network = build_network(config["name"], config["arguments"])
    _, state = load_checkpoint(checkpoint)
    tensors = state["recipe"][KINDS[kind]]
    network.load_state_dict(tensors if kind == "weights" else tensors["average"])
    return network.eval()


def seen_batch(run: Run) -> tuple[Tensor, Tensor]:
    """Held-out training pictures at the levels trained on, all alike."""
    data = DataSettings.model_validate(run.config["data"])
    pictures = [picture for picture in held_out_pictures(data) if min(picture.shape[-2:]) >= SEEN_SIDE]
    make = partial(DegradedBatches, pictures, Mixture(data.mixture, data.severity), is_balanced=True)
    batch = make(patch_size=SEEN_SIDE, batch_size=SEEN_PATCHES, seed=12345)(0)
    return batch.degraded, batch.clean


def curve_batches() -> dict[int, tuple[Tensor, Tensor]]:
    """Sigma to centres of pictures of CBSD68 under the noise of DIL's protocol."""
    opened = open_benchmark_set("cbsd68")
    found = {}
    for sigma in CURVE_SIGMAS:
        trial = Trial(find_protocol("dil-noise"), "cbsd68", float(sigma))
        taken = list(cases(trial, opened, spread_evenly(len(opened.pictures), CURVE_PICTURES), seed=0))
        found[sigma] = tuple(
            torch.cat([centre(getattr(case, part)) for case in taken]) for part in ("degraded", "clean")
        )
    return found


def centre(image: Tensor) -> Tensor:
    """The middle of a picture."""
    top, left = ((size - CURVE_SIDE) // 2 for size in image.shape[-2:])
    return image[..., top : top + CURVE_SIDE, left : left + CURVE_SIDE]


@torch.inference_mode()
def mean_psnr(network: nn.Module, degraded: Tensor, clean: Tensor) -> float:
    """Over the samples, outputs rounded to 8 bits; float32, on the device of the network."""
    device = next(network.parameters()).device
    restored = torch.cat([network(part.to(device)).cpu() for part in degraded.split(8)])
    return psnr(restored, clean, rounded=True).mean().item()


def curves_of(run: Run, noise: dict[int, tuple[Tensor, Tensor]], device: str) -> dict[str, Any]:
    """Per kind of weights and step: PSNR at the seen levels on held-out pictures, and at every sigma of the curves."""
    if run.folder is None:
        return run.known
    seen = seen_batch(run)
    known = run.known if run.known.get("begun") == run.begun() else {}
    found: dict[str, Any] = {kind: dict(known.get(kind, {})) for kind in KINDS}
    for checkpoint in checkpoints(run.folder / "checkpoints"):
        step = str(int(checkpoint.name.partition("-")[2]))
        for kind, rows in found.items():
            if step not in rows:
                network = network_of(run, checkpoint, kind).to(device)
                at = {str(sigma): mean_psnr(network, *pair) for sigma, pair in noise.items()}
                rows[step] = {"seen": mean_psnr(network, *seen), **at}
        told = {kind: {k: round(v, 2) for k, v in rows[step].items()} for kind, rows in found.items()}
        print(run.name, step, told, flush=True)
    return {"begun": run.begun(), "virtual": virtual_steps_of(run.folder), **found}


def best_step(curve: dict[str, dict[str, float]]) -> str:
    """The checkpoint that is best at the seen levels; nothing unseen is looked at."""
    return max(curve, key=lambda step: curve[step]["seen"])


def contestant(run: Run, subject: str, step: str, kind: str) -> Contestant:
    """One checkpoint as it would restore, float32; one of a run that is gone is only its name."""
    name = f"{subject}-s{run.seed}"
    facts = {"step": step, "weights": kind}
    if run.folder is None:
        return Contestant(name, _gone, facts=facts)
    restorer = NetworkRestorer(network_of(run, run.checkpoint(step), kind), dtype=torch.float32)
    return Contestant(name, lambda image: restorer.restore(image).image, facts=facts | {"begun": str(run.begun())})


def _gone(image: Tensor) -> Tensor:
    raise FileNotFoundError("Expected a run, which is gone: only committed figures are left.")


def subjects_of(runs: Sequence[Run], curves: dict[str, Any]) -> list[Subject]:
    """Rows of the laboratory: every recipe, its seeds together; plain first. A shorter run says how long it was."""
    most = max(run.patches for run in runs)
    groups: dict[str, list[Contestant]] = {}
    trained, patches = {}, {}
    for kind in KINDS:
        for run in runs:
            length = "" if run.patches == most else f", {run.config['training']['steps']} steps"
            arm = run.recipe + length + ("" if kind == "weights" else ", averaged")
            step = best_step(curves[run.name][kind])
            groups.setdefault(arm, []).append(contestant(run, arm, step, kind))
            trained[arm], patches[arm] = domains_of({"recipe": run.config}), run.patches
    return [Subject(name, tuple(found), trained[name], patches[name]) for name, found in groups.items()]


def committed_results(path: Path, columns: Sequence[Condition]) -> dict[tuple[str, Trial], Result]:
    """By contestant and trial, what `pictures.csv.gz` has; the sizes of whole sets are not in it."""
    trials = {_key(column.trial): column.trial for column in columns}
    rows: dict[tuple[str, Trial, int], list[PictureScore]] = {}
    text = gzip.decompress(path.read_bytes()).decode() if path.is_file() else ""
    for row in csv.DictReader(io.StringIO(text)):
        trial = trials.get((row["protocol"], row["test_set"], row["level"]))
        if trial is not None:
            rows.setdefault((row["contestant"], trial, int(row["seed"])), []).append(_score(row))
    return {
        (name, trial): Result(name, trial, seed, tuple(scores), len(scores))
        for (name, trial, seed), scores in rows.items()
    }


def _key(trial: Trial) -> tuple[str, str, str]:
    """As a trial stands in the table."""
    return trial.protocol.name, trial.test_set, "" if trial.level is None else f"{trial.level:g}"


def _score(row: dict[str, str]) -> PictureScore:
    ssim = {key.removeprefix("ssim_"): float(value) for key, value in row.items() if key.startswith("ssim_") and value}
    return PictureScore(
        row["picture"],
        int(row["index"]),
        int(row["height"]),
        int(row["width"]),
        float(row["psnr"]),
        ssim,
        float(row["seconds"]),
        float(row["auc"]) if row["auc"] else None,
    )


def limit_of(trial: Trial, limit: int | None) -> int | None:
    """How many pictures of its set: all where the verdict depends on them."""
    decides = trial.protocol.name == "dil-noise" and trial.test_set in VERDICT_SETS and trial.level in VERDICT_SIGMAS
    return None if decides else limit


def measured(
    one: Contestant,
    columns: Sequence[Condition],
    limit: int | None,
    opened: dict[str, OpenedSet],
    kept: KeptResults,
) -> list[Result]:
    """A contestant under every condition."""
    trials = [column.trial for column in columns]
    return [measure([one], [trial], opened=opened, limit=limit_of(trial, limit), kept=kept)[0] for trial in trials]


def by_seed(results: Sequence[Any], runs: Sequence[Run]) -> tuple[list[str], bool | None]:
    """What each comparison of the rule gave, and whether it is met; `None` unless two seeds have them all."""
    psnr_of = {
        (result.contestant, result.trial.test_set, result.trial.level): result.psnr
        for result in results
        if result.trial.protocol.name == "dil-noise"
    }
    lines, gains, whole_seeds = [], [], 0
    names = {run.name: run for run in runs}
    for seed in sorted({name.rpartition("-s")[2] for name in names}):
        arms = [f"noise-sf-s{seed}", f"noise-plain-s{seed}"]
        if not set(arms) <= set(names) or len({names[arm].patches for arm in arms}) > 1:
            continue
        own = [
            (test_set, sigma, *(psnr_of.get((arm, test_set, sigma)) for arm in arms))
            for test_set in VERDICT_SETS
            for sigma in VERDICT_SIGMAS
        ]
        whole_seeds += all(None not in row for row in own)
        for test_set, sigma, ours, theirs in own:
            if ours is not None and theirs is not None:
                gains.append(ours - theirs)
                lines.append(f"seed {seed}, {test_set}, sigma {sigma}: {gains[-1]:+.2f} dB")
    return lines, None if whole_seeds < 2 else min(gains) >= VERDICT_GAIN


def curve_table(curves: dict[str, Any], every: int) -> str:
    """The curves as Markdown, mean over seeds; the chosen steps; the virtual steps.

    A row per recipe and step, and one of the averaged weights at the end.
    """
    head = ["recipe", "step", "seeds", "seen levels, held out", *(f"sigma {sigma}" for sigma in CURVE_SIGMAS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    names = dict.fromkeys(name.rpartition("-s")[0] for name in curves)
    for name in names:
        own = [curve for run, curve in curves.items() if run.rpartition("-s")[0] == name]
        steps = list(own[0]["weights"])
        shown = [("weights", step) for step in steps if int(step) % every == 0 or step in (steps[0], steps[-1])]
        for kind, step in [*shown, ("averaged", steps[-1])]:
            found = [curve[kind][step] for curve in own if step in curve[kind]]
            values = [f"{statistics.fmean(row[key] for row in found):.2f}" for key in ("seen", *map(str, CURVE_SIGMAS))]
            label = name if kind == "weights" else f"{name}, averaged"
            lines.append("| " + " | ".join([label, step, str(len(found)), *values]) + " |")
    lines += [
        "",
        "| run | chosen step, weights | averaged | virtual step over the weights' norm | change of the loss by it |",
    ]
    lines += ["|---|---|---|---|---|"]
    for run, curve in curves.items():
        virtual = [
            f"{curve['virtual'][key]:.2g}" if key in curve["virtual"] else "-" for key in ("size", "loss_change")
        ]
        chosen = [best_step(curve[kind]) for kind in KINDS]
        lines.append("| " + " | ".join([run, *chosen, *virtual]) + " |")
    return "\n".join(lines) + "\n"


def virtual_steps_of(folder: Path) -> dict[str, float]:
    """Means over the log: size of the virtual step, and the relative change of the loss that it causes."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    found = {
        key: [line[f"virtual/{key}"] for line in lines if f"virtual/{key}" in line] for key in ("size", "loss_change")
    }
    return {key: statistics.fmean(values) for key, values in found.items() if values}


def draw(curves: dict[str, Any], runs: Sequence[Run], path: Path) -> None:
    """PSNR over patches seen at each sigma, a colour per recipe, a line per seed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = ("seen", *map(str, CURVE_SIGMAS))
    figure = Figure(figsize=(4 * len(keys), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(name.rpartition("-s")[0] for name in curves))
    batch_sizes = {run.name: run.config["data"]["batch_size"] for run in runs}
    for axes, key in zip(figure.subplots(1, len(keys)), keys, strict=True):
        for run, curve in curves.items():
            name, _, seed = run.rpartition("-s")
            rows = curve["weights"]
            label = name if seed == "0" else None
            patches = [int(step) * batch_sizes[run] / 1000 for step in rows]
            values = [row[key] for row in rows.values()]
            axes.plot(patches, values, color=f"C{names.index(name)}", label=label, lw=1)
        axes.set_title("seen levels, held out" if key == "seen" else f"CBSD68, sigma {key}", fontsize=9)
        axes.set_xlabel("thousand patches seen")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--curves-only", action="store_true")
    parser.add_argument("--device", default="cpu", help="of the curves")
    parser.add_argument("--limit", type=int, help="pictures per set in the laboratory")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    written = output / "curves.json"
    runs = runs_of(arguments.runs, json.loads(written.read_text())["curves"] if written.is_file() else {})
    noise = curve_batches()
    curves = {run.name: curves_of(run, noise, arguments.device) for run in runs}
    chosen = {name: {kind: best_step(curve[kind]) for kind in KINDS} for name, curve in curves.items()}
    machine = {key: value for key, value in environment().items() if key != "command"}
    content = {"machine": machine, "chosen on seen levels": chosen, "curves": curves}
    written.write_text(json.dumps(content, indent=1) + "\n")
    (output / "curves.md").write_text(curve_table(curves, 5000))
    draw(curves, runs, output / "curves-over-training.png")
    if arguments.curves_only:
        return
    subjects = subjects_of(runs, curves)
    columns = conditions(FAMILIES)
    kept = KeptResults(arguments.runs / "measured.jsonl")
    opened: dict[str, OpenedSet] = {}
    committed = committed_results(output / "pictures.csv.gz", columns)
    gone = {one.name for subject in subjects for one in subject.contestants if one.restore is _gone}
    results: list[Result] = []
    for one in [baseline(INPUT), *(one for subject in subjects for one in subject.contestants)]:
        print(one.name, flush=True)
        if one.name in gone:
            results += [replace(committed[one.name, column.trial], facts=one.facts) for column in columns]
        else:
            results += measured(one, columns, arguments.limit, opened, kept)
    report(subjects, columns, results, output)
    for large in ("results.json", "pictures.csv"):  # beside the runs; here in the small
        (output / large).unlink()
    (output / "pictures.csv.gz").write_bytes(gzip.compress(csv_text(results).encode(), mtime=0))
    lines, is_met = by_seed(results, runs)
    answer = {
        None: "Not decided: two seeds are needed, with every comparison, at equal patches.",
        True: "It holds.",
        False: "It does not hold.",
    }[is_met]
    (output / "verdict.md").write_text("\n".join([VERDICT, "", *(f"- {line}" for line in lines), "", answer, ""]))
    print(answer)


if __name__ == "__main__":
    main()
