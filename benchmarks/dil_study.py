"""DIL's claim on trial: strategies trained on weak noise, tested on strong noise and on what is not noise.

    python -m pellucid train recipes/dil/noise-plain.yaml --data.seed 0 --training.run_folder RUNS/noise-plain-s0
    PELLUCID_DATA=... python benchmarks/dil_study.py RUNS --output benchmarks/results/dil-noise

RUNS holds one run folder per recipe of recipes/dil/noise-*.yaml and seed, named RECIPE-sSEED, with a checkpoint every
1,000 steps. For every checkpoint: PSNR on held-out training pictures at the levels that were trained on, and at sigma
10, 20, 30, 40, 50 on the centres of CBSD68 pictures (the curves). Of every run the checkpoint that is best on the
*seen* levels goes into the laboratory, which measures whole test sets. Averaged weights are measured beside the weights
themselves. The verdict follows a rule that was written down before anything was trained (`VERDICT`); what it asks for
is measured on whole sets, everything else on at most `--limit` pictures of each. What was measured is kept beside the
runs, so that a run added later costs only itself.
"""

import argparse
import gzip
import json
import statistics
from collections.abc import Sequence
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
from pellucid.evaluation.evaluate import INPUT, Contestant, Result, cases, spread_evenly
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
FAMILIES = ("noise", "blur", "rain", "jpeg", "hybrid", "real")

VERDICT = (
    "DIL_sf reproduces in direction if it is above plain empirical risk by at least 0.3 dB at sigma 40 and 50, on "
    "CBSD68 and on Kodak24, for both seeds, at equal patches seen; otherwise it did not."
)
VERDICT_SETS, VERDICT_SIGMAS, VERDICT_GAIN = ("cbsd68", "kodak24-500"), (40, 50), 0.3


def config_of(run: Path) -> dict[str, Any]:
    """The settings of a run."""
    return yaml.safe_load((run / "config.yaml").read_text())


def begun(run: Path) -> float:
    """When the run began, by its log: another run of the same name began at another time."""
    return json.loads((run / "log.jsonl").read_text().partition("\n")[0])["time"]


def network_of(run: Path, checkpoint: Path, kind: str) -> nn.Module:
    """The network of one checkpoint."""
    config = config_of(run)["network"]
    network = build_network(config["name"], config["arguments"])
    _, state = load_checkpoint(checkpoint)
    tensors = state["recipe"][KINDS[kind]]
    network.load_state_dict(tensors if kind == "weights" else tensors["average"])
    return network.eval()


def seen_batch(run: Path) -> tuple[Tensor, Tensor]:
    """Held-out training pictures at the levels trained on, all alike."""
    data = DataSettings.model_validate(config_of(run)["data"])
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


def curves_of(run: Path, known: dict[str, Any], noise: dict[int, tuple[Tensor, Tensor]], device: str) -> dict[str, Any]:
    """Per kind of weights and step: PSNR at the seen levels on held-out pictures, and at every sigma of the curves."""
    seen = seen_batch(run)
    known = known if known.get("begun") == begun(run) else {}
    found: dict[str, Any] = {kind: dict(known.get(kind, {})) for kind in KINDS}
    for checkpoint in checkpoints(run / "checkpoints"):
        step = str(int(checkpoint.name.partition("-")[2]))
        for kind, rows in found.items():
            if step not in rows:
                network = network_of(run, checkpoint, kind).to(device)
                at = {str(sigma): mean_psnr(network, *pair) for sigma, pair in noise.items()}
                rows[step] = {"seen": mean_psnr(network, *seen), **at}
        told = {kind: {k: round(v, 2) for k, v in rows[step].items()} for kind, rows in found.items()}
        print(run.name, step, told, flush=True)
    return {"begun": begun(run), "virtual": virtual_steps_of(run), **found}


def best_step(curve: dict[str, dict[str, float]]) -> str:
    """The checkpoint that is best at the seen levels; nothing unseen is looked at."""
    return max(curve, key=lambda step: curve[step]["seen"])


def arm_of(run: Path, most: int) -> str:
    """What the seeds of a recipe are called; a run that saw fewer patches says how long it was."""
    steps = config_of(run)["training"]["steps"]
    return run.name.rpartition("-s")[0] + ("" if patches_seen(run) == most else f", {steps} steps")


def contestant(run: Path, arm: str, step: str, kind: str) -> Contestant:
    """One checkpoint as it would restore, float32."""
    network = network_of(run, run / "checkpoints" / f"step-{int(step):08d}", kind)
    restorer = NetworkRestorer(network, dtype=torch.float32)
    name = f"{arm}-s{run.name.rpartition('-s')[2]}"
    facts = {"step": step, "weights": kind, "begun": str(begun(run))}
    return Contestant(name, lambda image: restorer.restore(image).image, facts=facts)


def subjects_of(runs: Sequence[Path], curves: dict[str, Any]) -> list[Subject]:
    """Rows of the laboratory: every recipe, its seeds together; plain first."""
    most = max(patches_seen(run) for run in runs)
    groups: dict[str, list[Contestant]] = {}
    trained, patches = {}, {}
    for kind in KINDS:
        for run in runs:
            arm = arm_of(run, most) + ("" if kind == "weights" else ", averaged")
            step = best_step(curves[run.name][kind])
            groups.setdefault(arm, []).append(contestant(run, arm, step, kind))
            trained[arm], patches[arm] = domains_of({"recipe": config_of(run)}), patches_seen(run)
    return [Subject(name, tuple(found), trained[name], patches[name]) for name, found in groups.items()]


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


def patches_seen(run: Path) -> int:
    """By the whole run."""
    config = config_of(run)
    return config["training"]["steps"] * config["data"]["batch_size"]


def by_seed(results: Sequence[Any], runs: Sequence[Path]) -> tuple[list[str], bool | None]:
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
        if not set(arms) <= set(names) or len({patches_seen(names[arm]) for arm in arms}) > 1:
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


def virtual_steps_of(run: Path) -> dict[str, float]:
    """Means over the log: size of the virtual step, and the relative change of the loss that it causes."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    found = {
        key: [line[f"virtual/{key}"] for line in lines if f"virtual/{key}" in line] for key in ("size", "loss_change")
    }
    return {key: statistics.fmean(values) for key, values in found.items() if values}


def draw(curves: dict[str, Any], runs: Sequence[Path], path: Path) -> None:
    """PSNR over patches seen at each sigma, a colour per recipe, a line per seed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = ("seen", *map(str, CURVE_SIGMAS))
    figure = Figure(figsize=(4 * len(keys), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(name.rpartition("-s")[0] for name in curves))
    batch_sizes = {run.name: config_of(run)["data"]["batch_size"] for run in runs}
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
    runs = sorted(path for path in arguments.runs.iterdir() if checkpoints(path / "checkpoints"))
    runs.sort(key=lambda run: not run.name.startswith("noise-plain"))
    written = output / "curves.json"
    known = json.loads(written.read_text())["curves"] if written.is_file() else {}
    noise = curve_batches()
    curves = {run.name: curves_of(run, known.get(run.name, {}), noise, arguments.device) for run in runs}
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
    results: list[Result] = []
    for one in [baseline(INPUT), *(one for subject in subjects for one in subject.contestants)]:
        print(one.name, flush=True)
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
