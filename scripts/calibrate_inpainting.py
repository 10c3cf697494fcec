"""Calibrate the bound on the error of what fills a hole, for every prior of `pellucid inpaint`.

    PELLUCID_DATA=... python scripts/calibrate_inpainting.py

Pictures that nothing which ships was trained on (the first half of `unseen_pictures`), cut to 320 pixels, with holes as
`pellucid.degradations.mask` draws them. Writes `src/pellucid/weights/bundle/inpainting-bound.json`; measured on the
other half, `benchmarks/results/inpainting.md`.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pellucid.degradations.mask import Mask as Hole
from pellucid.degradations.mask import hole
from pellucid.evaluation.perceiving import unseen_pictures
from pellucid.methods.catalog import prior as prior_called
from pellucid.trust.error_bound import ErrorBound, Sample, calibrated
from pellucid.trust.hole import hole_scale
from pellucid.trust.operators.mask import Mask
from pellucid.weights.bundled import bundled_file

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "inpainting.md"

SIDE, LEVEL = 320, 0.9
PRIORS = ("harmonic",)
"""Plug-and-play gives the same filling to a hundredth of a decibel, so that it takes the same factors."""


def samples(pictures: Sequence[Tensor], name: str, seed: int) -> list[Sample]:
    """Scale and error in the hole of each picture, as pictures of one row."""
    generator, prior = torch.Generator().manual_seed(seed), prior_called(name, "cpu")
    found = []
    for number, pixels in enumerate(pictures):
        top, left = ((side - min(side, SIDE)) // 2 for side in pixels.shape[-2:])
        clean = pixels[None, :, top : top + SIDE, left : left + SIDE].float() / 255
        drawn = Hole.draw(torch.rand((), generator=generator).item(), generator)
        known = 1 - hole(clean, drawn.share, shape=drawn.shape, generator=generator)
        if not bool((known == 0).any()):
            continue
        image = prior.guess(clean * known, Mask(known), noise_variance=0.0, generator=generator).image
        inside = known[0, 0] == 0
        scale, error = hole_scale(clean, known)[..., inside], (image - clean).abs()[..., inside]
        found.append(Sample(scale[:, :, None], error[:, :, None], number))
    return found


def main() -> None:
    """Calibrate, write, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=bundled_file("inpainting-bound.json"))
    arguments = parser.parse_args()
    pictures = unseen_pictures(0)
    bound = calibrated({name: samples(pictures, name, 3) for name in PRIORS}, LEVEL)
    arguments.output.write_text(json.dumps(bound.as_json(), indent=1) + "\n", encoding="utf-8")
    others = unseen_pictures(1)
    lines = ["| prior | pictures | PSNR in the hole | within the bound | worst picture | bound, mean, of 255 |"]
    lines += ["|---" * 6 + "|", *(_row(name, samples(others, name, 4), bound) for name in PRIORS)]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(name: str, found: Sequence[Sample], bound: ErrorBound) -> str:
    inside = [(one.error <= bound(one.scale, name)).double().mean().item() for one in found]
    width = [255 * bound(one.scale, name).mean().item() for one in found]
    quality = [-10 * one.error.square().mean().clamp_min(1e-10).log10().item() for one in found]
    number = len(found)
    cells = [f"{sum(quality) / number:.2f}", f"{100 * sum(inside) / number:.1f} %", f"{100 * min(inside):.0f} %"]
    return f"| {name} | {number} | " + " | ".join([*cells, f"{sum(width) / number:.1f}"]) + " |"


if __name__ == "__main__":
    main()
