"""Put the network that guesses colours into the package, and calibrate the bound on its error.

    PELLUCID_DATA=... python scripts/calibrate_colorize.py RUN

RUN is a run folder of `pellucid train recipes/colorize.yaml`. Pictures that nothing which ships was trained on (the
first half of `unseen_pictures`) lose their colours, get those that are guessed, and their errors give the factors.
Writes `colorize.safetensors` and `colorize-bound.json` into `src/pellucid/weights/bundle`; measured on the other half
and on Kodak24 and CBSD68, which gave nothing: `benchmarks/results/colorize.md`.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from pellucid.data.shared_pictures import clean_pictures
from pellucid.degradations.grayscale import grayscale
from pellucid.degradations.noise import as_stored
from pellucid.evaluation.measures import area_under_ab_curve
from pellucid.evaluation.perceiving import unseen_pictures
from pellucid.images.atomic import replacing
from pellucid.methods.load import Model, load
from pellucid.trust.colour import colour_scale
from pellucid.trust.error_bound import ErrorBound, Sample, calibrated
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_weights, save_weights, sha256

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "colorize.md"

LEVEL, THINNED = 0.9, 2
"""Share of the values within the bound; every so many-th row and column counts: neighbours say nearly the same."""

LICENCE = "Apache-2.0"


def guessed(model: Model, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A picture `(3, H, W)` of bytes: as it was, grey, and with guessed colours, each `(1, 3, H, W)`."""
    clean = pixels[None].float() / 255
    grey = as_stored(grayscale(clean), clip=True, round_to_8_bits=True)
    return clean, grey, model.restore(grey).image


def samples(model: Model, pictures: Sequence[Tensor]) -> list[Sample]:
    """Scale and error of each picture, thinned."""
    found = []
    thin = (..., slice(None, None, THINNED), slice(None, None, THINNED))
    for number, pixels in enumerate(pictures):
        clean, grey, coloured = guessed(model, pixels)
        scale, error = colour_scale(grey[:, :1], coloured), (coloured - clean).abs()
        found.append(Sample(scale[thin], error[thin], number))
    return found


def main() -> None:
    """Bundle, calibrate, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    weights = arguments.run / "weights.safetensors"
    model = load(weights, device="cpu")
    bound = calibrated({"colours": samples(model, unseen_pictures(0))}, LEVEL)
    bundled = bundled_file("colorize.safetensors")
    _bundle(weights, bundled)
    told = {**bound.as_json(), "colours_sha256": sha256(bundled)}
    with replacing(bundled_file("colorize-bound.json")) as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sets = {"the other half of the unseen": unseen_pictures(1)}
    sets |= {name: [pixels for _, pixels in clean_pictures(name)] for name in ("Kodak24", "CBSD68")}
    names = ("pictures", "PSNR", "grey", "AuC, %", "grey", "from grey", "truth from grey", "within the bound", "worst")
    lines = [f"| set | {' | '.join(names)} | bound |", "|---" * (len(names) + 2) + "|"]
    lines += [_row(model, name, pictures, bound) for name, pictures in sets.items()]
    lines += [
        "",
        "From grey: how far colours are from it on average, and how far the truth is. Levels of 255; PSNR at most 60.",
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULTS.read_text())


def _bundle(source: Path, target: Path) -> None:
    tensors, description = load_weights(source)
    description["recipe"]["training"]["run_folder"] = None
    save_weights(target, tensors, {**description, "licence": LICENCE})


def _row(model: Model, name: str, pictures: Sequence[Tensor], bound: ErrorBound) -> str:
    columns: list[list[float]] = [[] for _ in range(9)]
    for pixels in pictures:
        clean, grey, coloured = guessed(model, pixels)
        its_bound, error = bound(colour_scale(grey[:, :1], coloured), None), (coloured - clean).abs()
        stored = as_stored(coloured, clip=True, round_to_8_bits=True)
        values = [
            *(-10 * (made - clean).square().mean().clamp_min(1e-6).log10().item() for made in (coloured, grey)),
            *(area_under_ab_curve(made, clean).item() for made in (stored, grey)),
            *(255 * (made - grey).abs().mean().item() for made in (coloured, clean)),
            100 * (error <= its_bound).double().mean().item(),
            255 * its_bound.mean().item(),
        ]
        for column, value in zip(columns, values, strict=False):
            column.append(value)
    psnr, grey_psnr, auc, grey_auc, away, true_away, held, width = (
        sum(column) / len(pictures) for column in columns[:8]
    )
    cells = [f"{psnr:.2f}", f"{grey_psnr:.2f}", f"{auc:.2f}", f"{grey_auc:.2f}", f"{away:.1f}", f"{true_away:.1f}"]
    cells += [f"{held:.1f} %", f"{min(columns[6]):.0f} %", f"{width:.1f}"]
    return f"| {name} | {len(pictures)} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
