"""Calibrate the bound on the default model's errors, and put the map of trust into the package.

    PELLUCID_DATA=... python scripts/calibrate_trust.py RUN

RUN is a run folder of `pellucid train recipes/trust.yaml`, or a weights file. Pictures that no network which ships was
trained on (the first half of `unseen_pictures`), cut to 480 pixels, are degraded by the mixture and restored by
the default model; what the errors are beside what was foretold gives the factors, those of pictures that doing no harm
would keep in a group of their own. Photographs are what counts: one half of them gives the course of the factors, the
other their height. Writes
`src/pellucid/weights/bundle/trust.safetensors`, or `--output` to look at it first; `benchmarks/trust.py` measures on
other pictures.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import torch

from pellucid.app.do_no_harm import judged_after, judged_before
from pellucid.app.recipe_file import read_run
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.degradations.noise import as_stored
from pellucid.evaluation.perceiving import unseen_pictures
from pellucid.images.overview import views
from pellucid.methods.load import load
from pellucid.methods.perceiver import Perceiver, load_perceiver
from pellucid.methods.restorer import fastest_dtype, set_precision
from pellucid.methods.trusted import KEPT
from pellucid.networks.error_scales import ErrorScales
from pellucid.trust.error_bound import EVERYTHING, Sample, calibrated
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into, load_weights, save_weights

LICENCE = "Apache-2.0"
SIDE = 480
"""Pixels that are cut from the middle of larger pictures."""

THINNED = 2
"""Every so many-th row and column is kept: neighbours say nearly the same."""

ROUNDED_SHARE = 0.6
"""Of the pictures that are clipped and rounded to 8 bits, as files hold them."""


def main() -> None:
    """Parse, restore, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--level", type=float, default=0.9, help="share of the values within the bound")
    parser.add_argument("--draws", type=int, default=8, help="per picture")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--output", type=Path, default=bundled_file("trust.safetensors"))
    arguments = parser.parse_args()
    run = arguments.run
    tensors, description = load_weights(run / "weights.safetensors" if run.is_dir() else run)
    network = ErrorScales(**description["network"]["arguments"]).eval()
    load_into(network, tensors, run)
    set_precision(network, fastest_dtype("cpu"))
    model = load(device="cpu")
    settings = read_run(Path("recipes/trust.yaml")).config.data
    mixture = Mixture(settings.mixture, settings.severity)
    generator = torch.Generator().manual_seed(arguments.seed)
    pictures = unseen_pictures(0)
    domains = mixture.allotted(len(pictures) * arguments.draws, generator)
    perceiver = load_perceiver(device="cpu")
    samples: dict[str, list[Sample]] = defaultdict(list)
    for number, place in enumerate(torch.randperm(len(domains), generator=generator).tolist()):
        photograph = number % len(pictures)
        clean = _middle(pictures[photograph])[None].float() / 255
        degraded = apply_chains(clean, [mixture.draw_of(domains[place], generator)], generator)
        if torch.rand((), generator=generator) < ROUNDED_SHARE:
            degraded = as_stored(degraded, clip=True, round_to_8_bits=True)
        restored = model.restore(degraded).image
        context = model.restorer.context(views(degraded))
        groups = [(model.restorer.taken_for(context) or EVERYTHING, restored)]
        if _is_kept(perceiver, degraded, restored, is_sure=model.restorer.is_sure(context)):
            groups.append((KEPT, degraded.clamp(0, 1)))
        for name, result in groups:
            with torch.inference_mode():
                scale = network(degraded, result)[:, :1]
            error = (result - clean).abs()
            thin = (..., slice(None, None, THINNED), slice(None, None, THINNED))
            samples[name].append(Sample(scale[thin], error[thin], photograph))
        if number % 100 == 0:
            print(f"{number} of {len(domains)} pictures restored", flush=True)
    bound = calibrated(samples, arguments.level)
    for name, factors in bound.factors.items():
        print(f"{name:<24}{bound.pictures[name]:>6} pictures ", " ".join(f"{factor:.2f}" for factor in factors))
    recipe = description["recipe"]
    recipe["training"]["run_folder"] = None
    told = {
        "method": "trust-map",
        "licence": LICENCE,
        "network": description["network"],
        "recipe": recipe,
        "step": description["step"],
        "restorer_sha256": model.weights_sha256,
        "bound": bound.as_json(),
    }
    save_weights(arguments.output, tensors, told)


def _is_kept(perceiver: Perceiver, degraded: torch.Tensor, restored: torch.Tensor, *, is_sure: bool) -> bool:
    """Whether `pellucid restore` would leave the picture as it is."""
    judgement = judged_before(perceiver.perceive(degraded), is_sure=is_sure)
    if judgement.kept is None and judgement.before is not None:
        judgement = judged_after(judgement.before, perceiver.perceive(restored))
    return judgement.kept is not None


def _middle(picture: torch.Tensor) -> torch.Tensor:
    """`(3, H, W)` to at most `SIDE` pixels along each side, multiples of 16."""
    height, width = (min(SIDE, side) // 16 * 16 for side in picture.shape[-2:])
    top, left = (picture.shape[-2] - height) // 2, (picture.shape[-1] - width) // 2
    return picture[:, top : top + height, left : left + width]


if __name__ == "__main__":
    main()
