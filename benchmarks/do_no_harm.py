"""What keeping originals is worth: rules for when a result is kept, on held-out pictures. No test set is touched.

    PELLUCID_DATA=... python benchmarks/do_no_harm.py > benchmarks/results/do-no-harm.md

Pictures: the half of BSDS_rest and of the unfree HQPhotos400 that did not fit what the perceiver concludes, degraded by
the mixture of recipes/perceiver.yaml, and pairs of RainTrainL, SOTS_train15 and LowLight_SICE122, which what ships was
not trained on. Each is restored by the default model; every rule says which results are kept. Per rule: the mean PSNR
in dB (identical pictures count as 60), how many pictures are worse than their input by more than 0.05 dB, the worst of
them, and how many that restoring would have bettered by more than that stay as they were, and what they lose on
average.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from measuring import psnr
from pellucid.app.do_no_harm import is_better
from pellucid.app.recipe_file import read_run
from pellucid.data.shared_pictures import load_pairs
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.evaluation.perceiving import unseen_pictures
from pellucid.images.overview import views
from pellucid.methods.load import load
from pellucid.methods.perceiver import Perception, load_perceiver

SEED, DRAWS, MATTERS = 29, 2, 0.05

Rule = Callable[[Perception, Perception, bool], bool]
"""Of the original, its result, and whether the model itself takes the original for dark or hazy: is the result kept."""

RULES: dict[str, Rule] = {
    "restore always": lambda before, after, undone: True,
    "keep what is clean": lambda before, after, undone: not before.is_clean,
    "and what has no more quality": lambda before, after, undone: (
        not before.is_clean and after.quality > before.quality
    ),
    "and what has no less harm": lambda before, after, undone: not before.is_clean and after.harm < before.harm,
    "and what has neither": lambda before, after, undone: not before.is_clean and is_better(before, after),
    "the same, but nothing is clean that is dark or hazy to the model": lambda before, after, undone: (
        (undone or not before.is_clean) and is_better(before, after)
    ),
}
"""Which results are kept."""


def synthetic() -> Iterator[tuple[str, Tensor, Tensor]]:
    """Domain, degraded and clean picture, `(1, 3, H, W)`."""
    settings = read_run(Path("recipes/perceiver.yaml")).config.data
    mixture = Mixture(settings.mixture, settings.severity)
    pictures = unseen_pictures(1)
    generator = torch.Generator().manual_seed(SEED)
    domains = mixture.allotted(len(pictures) * DRAWS, generator)
    for number, place in enumerate(torch.randperm(len(domains), generator=generator).tolist()):
        clean = pictures[number % len(pictures)][None].float() / 255
        degraded = apply_chains(clean, [mixture.draw_of(domains[place], generator)], generator)
        yield domains[place], degraded.clamp(0, 1).mul(255).round().div(255), clean


def pairs() -> Iterator[tuple[str, Tensor, Tensor]]:
    """Of sets made by others."""
    for name, every in (("raintrainl", 5), ("sots_train15", 1), ("lowlight_sice122", 4)):
        for pair in load_pairs(name)[::every]:
            degraded, clean = pair.load()
            yield name, degraded[None].float() / 255, clean[None].float() / 255


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="another perceiver than the one that ships")
    arguments = parser.parse_args()
    model, perceiver = load(device="cpu"), load_perceiver(arguments.weights, "cpu")
    groups: dict[str, list[tuple[float, float, Perception, Perception, bool]]] = {}
    for name, source in (("synthetic", synthetic()), ("pairs of others", pairs())):
        for domain, degraded, clean in source:
            restored = model.restore(degraded).image.mul(255).round().div(255)
            seen = perceiver.perceive(degraded), perceiver.perceive(restored)
            undone = model.restorer.is_sure(model.restorer.context(views(degraded)))
            row = (psnr(degraded, clean), psnr(restored, clean), *seen, undone)
            groups.setdefault(name, []).append(row)
            if name != "synthetic" or domain == "clean":
                groups.setdefault(domain, []).append(row)
    for name, rows in groups.items():
        print(f"### {name}: {len(rows)} pictures, input {sum(row[0] for row in rows) / len(rows):.2f} dB\n")
        print("| rule | PSNR | kept as they were | worse than the input | worst | gains lost | by, mean |")
        print("|---|---|---|---|---|---|---|")
        for rule, keeps in RULES.items():
            print(line_of(rule, [(before, after, keeps(*seen)) for before, after, *seen in rows]))
        print(flush=True)


def line_of(rule: str, rows: list[tuple[float, float, bool]]) -> str:
    """One rule's row; of every picture PSNR before and after, and whether the result is kept."""
    mean = sum(after if kept else before for before, after, kept in rows) / len(rows)
    changes = [after - before for before, after, kept in rows if kept]
    worse = [change for change in changes if change < -MATTERS]
    lost = [after - before for before, after, kept in rows if not kept and after - before > MATTERS]
    cells = [rule, f"{mean:.2f}", str(len(rows) - len(changes)), str(len(worse)), f"{min(worse, default=0.0):+.2f}"]
    cells += [str(len(lost)), f"{sum(lost) / max(1, len(lost)):+.2f}"]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
