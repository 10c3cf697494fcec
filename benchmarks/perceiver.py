"""How well the perceiver that ships perceives: calibration on held-out pictures, and the real photographs.

    PELLUCID_DATA=... python benchmarks/perceiver.py --output benchmarks/results/perceiver

Held out: half of BSDS_rest and of the unfree HQPhotos400 (the network was trained on other pictures, what it concludes
for a whole picture fitted on the other half), degraded by the mixture of recipes/perceiver.yaml, four times each.
Writes `perceiver.md` (balanced accuracy and severity per kind, the confusion matrix, the reliability curve, and what
the folders of RealPhotos are taken for), `reliability.png` and `perceiver.json`. `--sheets FOLDER` writes the contact
sheet of the real photographs, which are not free to be shown, into a folder that git ignores. With `--medium`, weights
of recipes/perceive-ir/medium-free.yaml, also the acceptance gates of Perceive-IR's first stage, on whole pictures.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import torch

from pellucid.app.perceived import PerceivedPicture
from pellucid.app.perceived_page import perceived_page, thumbnail
from pellucid.app.recipe_file import read_run
from pellucid.data.shared_pictures import open_set
from pellucid.data.sources import read_pixels
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.evaluation.perceiving import Judged, samples, unseen_pictures
from pellucid.images.overview import views
from pellucid.methods.load import load
from pellucid.methods.perceiver import LEAST_PRESENCE, Perceiver, Perception, load_perceiver
from pellucid.networks.quality_perceiver import TIERS
from pellucid.training.run_folder import environment

SEED, DRAWS = 23, 4

TRUTH = {"blur": "blur", "haze": "haze", "lowlight": "low-light", "noise": "noise", "rain": "rain"}
"""Folders of RealPhotos whose names are a kind that is looked for."""


def judged(perceiver: Perceiver) -> tuple[Judged, dict[str, list[float]]]:
    """What the perceiver says of held-out pictures, and their quality by domain."""
    settings = read_run(Path("recipes/perceiver.yaml")).config.data
    pictures = unseen_pictures(1)
    kinds = perceiver.network.kinds
    rows: list[list[list[float]]] = []
    qualities: dict[str, list[float]] = {}
    for sample in samples(pictures, Mixture(settings.mixture, settings.severity), draws=DRAWS, seed=SEED):
        seen = perceiver.perceive_views(sample.views)
        own = [
            [seen.kinds[kind].presence, seen.kinds[kind].severity, sample.severities.get(kind, 0.0)] for kind in kinds
        ]
        rows.append(own)
        qualities.setdefault(sample.domain, []).append(seen.quality)
    table = torch.tensor(rows)
    return Judged(kinds, table[..., 0], table[..., 1], table[..., 2]), qualities


def photographs(perceiver: Perceiver) -> dict[str, Perception]:
    """The real ones, by name."""
    source = open_set("RealPhotos")
    return {name: perceiver.perceive(read_pixels(source, name)[None].float() / 255) for name in source.names}


def kinds_table(found: Judged) -> list[str]:
    """Per kind."""
    lines = [
        "| kind | with it | told | without | told | balanced accuracy | calibration error | severity error | "
        "rank correlation |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    accuracies = []
    for column, kind in enumerate(found.kinds):
        there, absent = found.recall(kind)
        accuracies.append((there + absent) / 2)
        counts = int(found.is_there[:, column].sum()), int((found.severity[:, column] == 0).sum())
        cells = [
            kind,
            str(counts[0]),
            f"{there:.3f}",
            str(counts[1]),
            f"{absent:.3f}",
            f"{accuracies[-1]:.3f}",
            f"{found.calibration_error(kind):.3f}",
            f"{found.severity_error(kind):.3f}",
            f"{found.severity_correlation(kind):.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", f"Mean balanced accuracy {sum(accuracies) / len(accuracies):.3f}."]


def confusion_table(found: Judged) -> list[str]:
    """True kinds in rows."""
    names, counts = found.confusion()
    lines = [
        "| true, one kind alone | " + " | ".join(f"as {name}" for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    return [
        *lines,
        *(f"| {name} | " + " | ".join(map(str, row)) + " |" for name, row in zip(names, counts.tolist(), strict=True)),
    ]


def reliability_table(found: Judged) -> list[str]:
    """Said against true."""
    lines = ["| presence said, mean | share that is there | judgements |", "|---|---|---|"]
    lines += [f"| {said:.2f} | {true:.2f} | {count} |" for said, true, count in found.reliability()]
    return [*lines, "", f"Expected calibration error {found.calibration_error():.3f} over ten bins."]


def real_table(seen: dict[str, Perception]) -> list[str]:
    """What the photographs of each folder are taken for."""
    groups: dict[str, list[Perception]] = {}
    for name, its in seen.items():
        groups.setdefault(name.partition("/")[0], []).append(its)
    kinds = list(next(iter(seen.values())).kinds)
    head = ["folder", "photographs", *(f"{kind} named" for kind in kinds), "clean", "its kind named", "its kind first"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    totals = [0, 0, 0]
    for group, own in groups.items():
        counts = Counter(kind for its in own for kind in its.wrong)
        truth = TRUTH.get(group)
        named = sum(truth in its.wrong for its in own)
        first = sum(truth is not None and _first(its) == truth for its in own)
        if truth is not None:
            totals = [total + more for total, more in zip(totals, (len(own), named, first), strict=True)]
        cells = [group, str(len(own)), *(str(counts[kind]) for kind in kinds), str(sum(its.is_clean for its in own))]
        lines.append("| " + " | ".join([*cells, *(["-"] * 2 if truth is None else [str(named), str(first)])]) + " |")
    count, named, first = totals
    said = f"Of {count} photographs whose folder is a kind that is looked for, {named} have it named, {first} as the "
    return [*lines, "", f"{said}most probable one."]


def _first(seen: Perception) -> str | None:
    """The most probable kind."""
    name, found = max(seen.kinds.items(), key=lambda item: item[1].presence)
    return name if found.presence >= LEAST_PRESENCE else None


def quality_table(qualities: dict[str, list[float]]) -> list[str]:
    """Mean quality by domain, best first."""
    means = sorted(((sum(own) / len(own), name, len(own)) for name, own in qualities.items()), reverse=True)
    lines = ["| degraded by | quality, mean | pictures |", "|---|---|---|"]
    return [*lines, *(f"| {name} | {mean:.2f} | {count} |" for mean, name, count in means)]


def gates(perceiver: Perceiver, medium: Path) -> list[str]:
    """How often degraded, half restored and clean pictures are told apart and put in order, by kind of degradation."""
    settings = read_run(Path("recipes/perceive-ir/prompts-degradations.yaml")).config.data
    restorer = load(medium, "cpu")
    generator = torch.Generator().manual_seed(SEED)
    rows: dict[str, list[tuple[list[bool], bool]]] = {}
    domains = list(settings.mixture)
    for number, pixels in enumerate(unseen_pictures(1)):
        clean, domain = pixels[None].float() / 255, domains[number % len(domains)]
        chain = Mixture(settings.mixture, settings.severity).draw_of(domain, generator)
        degraded = apply_chains(clean, [chain], generator).clamp(0, 1).mul(255).round().div(255)
        half = restorer.restore(degraded).image.mul(255).round().div(255)
        seen = [perceiver.perceive(image) for image in (degraded, half, clean)]
        right = [one.tier == tier for one, tier in zip(seen, TIERS, strict=True)]
        rises = seen[0].quality < seen[1].quality < seen[2].quality
        rows.setdefault(domain, []).append((right, rises))
    lines = ["| degraded by | pictures | tiers told right | all three | in order |", "|---|---|---|---|---|"]
    means = []
    for domain, own in rows.items():
        accuracy = sum(sum(right) for right, _ in own) / 3 / len(own)
        means.append(
            [accuracy, sum(all(right) for right, _ in own) / len(own), sum(rises for _, rises in own) / len(own)]
        )
        lines.append(f"| {domain} | {len(own)} | " + " | ".join(f"{value:.3f}" for value in means[-1]) + " |")
    accuracy, triplets, order = (sum(column) / len(means) for column in zip(*means, strict=True))
    worst, _, least = (min(column) for column in zip(*means, strict=True))
    said = (
        f"Accuracy {accuracy:.3f} (asked 0.85), of the worst kind {worst:.3f} (0.75), triplets {triplets:.3f} (0.70), "
    )
    return [*lines, "", f"{said}in order {order:.3f} (0.90), of the worst kind {least:.3f} (0.80)."]


def draw(found: Judged, path: Path) -> None:
    """The reliability curve."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", lw=1)
    said, true, _ = zip(*found.reliability(), strict=True)
    axes.plot(said, true, marker="o")
    axes.set_xlabel("presence said")
    axes.set_ylabel("share that is there")
    figure.savefig(path, dpi=110)


def as_json(seen: Perception) -> dict[str, object]:
    """Plain values."""
    kinds = {kind: [one.presence, one.severity] for kind, one in seen.kinds.items()}
    return {"quality": seen.quality, "tier": seen.tier, "kinds": kinds}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="another perceiver than the one that ships")
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--medium", type=Path)
    arguments = parser.parse_args()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    perceiver = load_perceiver(arguments.weights, "cpu")
    found, qualities = judged(perceiver)
    real = photographs(perceiver)
    text = [
        "### Kinds, on held-out pictures",
        "",
        *kinds_table(found),
        "",
        "### Pictures with one kind or none",
        "",
        *confusion_table(found),
        "",
        "### Is it as probable as it is said to be",
        "",
        *reliability_table(found),
        "",
        "### RealPhotos",
        "",
        *real_table(real),
        "",
        "### Quality",
        "",
        *quality_table(qualities),
        "",
        *([] if arguments.medium is None else ["### Tiers", "", *gates(perceiver, arguments.medium), ""]),
        f"- {len(found.presence)} degraded pictures, {DRAWS} of each, seed {SEED}.",
    ]
    (output / "perceiver.md").write_text("\n".join(text) + "\n")
    draw(found, output / "reliability.png")
    machine = {key: value for key, value in environment().items() if key != "command"}
    content = {
        "machine": machine,
        "weights": perceiver.weights_sha256,
        "real": {name: as_json(its) for name, its in real.items()},
    }
    (output / "perceiver.json").write_text(json.dumps(content, indent=1) + "\n")
    print("\n".join(text))
    if arguments.sheets is not None:
        write_sheet(real, arguments.sheets / "contact-sheet.html")


def write_sheet(real: dict[str, Perception], page: Path) -> None:
    """As `pellucid perceive` writes it of a folder."""
    source = open_set("RealPhotos")
    ordered = sorted(real.items(), key=lambda item: item[1].quality)
    pictures, thumbnails = [], {}
    for name, seen in ordered:
        image = read_pixels(source, name)[None].float() / 255
        pictures.append(PerceivedPicture(Path(name), image.shape[-2], image.shape[-1], seen))
        thumbnails[Path(name)] = thumbnail(views(image).overview)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(perceived_page(pictures, thumbnails, [], page))


if __name__ == "__main__":
    main()
