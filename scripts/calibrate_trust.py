"""Calibrate the bound on the default model's errors, and put the map of trust into the package.

    PELLUCID_DATA=... python scripts/calibrate_trust.py RUN

RUN is a run folder of `pellucid train recipes/trust.yaml`. Pictures that no network which ships was
trained on (`unseen_parts`, both halves), cut to 480 pixels, are degraded by the mixture and restored by
the default model; what the errors are beside what was foretold gives the factors, those of pictures that doing no harm
would keep in a group of their own. Photographs are what counts: those of one quarter after the other
are measured by what was fitted to the rest. Pictures that are hazy or dark and not
taken for it are left out: the bound takes the light of others for right. Writes
`src/pellucid/weights/bundle/trust.safetensors`, or `--output` to look at it first; `benchmarks/trust.py` measures on
other pictures. What was restored is kept in `RUN/calibration.pt` (some hundred MB), so that calibrating once more takes
seconds; another `--draws` or `--seed` restores anew.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from pellucid.app.do_no_harm import judged_after, judged_before
from pellucid.app.recipe_file import read_run
from pellucid.degradations import jpeg_reading
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.degradations.noise import as_stored
from pellucid.degradations.severity import severities
from pellucid.evaluation.perceiving import unseen_parts
from pellucid.images.atomic import replacing
from pellucid.images.overview import views
from pellucid.methods.load import Model, load
from pellucid.methods.perceiver import Perceiver, load_perceiver
from pellucid.methods.restorer import fastest_dtype, set_precision
from pellucid.methods.trusted import KEPT, READ_KNOTS, SEEN, SEVERITIES, seen_of
from pellucid.networks.error_scales import ErrorScales
from pellucid.trust.error_bound import EVERYTHING, Sample, calibrated
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into, load_weights, save_weights, sha256

LICENCE, RECIPE = "Apache-2.0", Path("recipes/trust.yaml")
SIDE = 480
"""Pixels that are cut from the middle of larger pictures."""

THINNED = 3
"""Every so many-th row and column is kept: neighbours say nearly the same."""

LEAST = 60
"""Photographs that a group needs for factors of its own."""

WRONG_LIGHT = {"haze": "haze", "low-light": "low light"}
"""Domains that change the light of a whole picture, and how `taken_for` begins where one was noticed."""

SEVERE, SEVERE_SHARE = (0.8, 1.0), 1 / 3
"""Severities that this share of the draws is kept to: what everybody measures at lies there, and few would be drawn."""

ROUNDED_SHARE = 0.6
"""Of the pictures that are clipped and rounded to 8 bits, as files hold them."""


def main() -> None:
    """Parse, restore, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--level", type=float, default=0.9, help="share of the values within the bound")
    parser.add_argument("--draws", type=int, default=6, help="per picture")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--output", type=Path, default=bundled_file("trust.safetensors"))
    arguments = parser.parse_args()
    tensors, description = load_weights(arguments.run / "weights.safetensors")
    model = load(device="cpu")
    kept = arguments.run / "calibration.pt"
    perceiver = load_perceiver(device="cpu")
    made_by = [arguments.draws, arguments.seed, model.weights_sha256, sha256(arguments.run / "weights.safetensors")]
    made_by += [perceiver.weights_sha256, sha256(RECIPE), list(SEEN), list(SEVERITIES)]
    made_by += [list(READ_KNOTS), list(SEVERE), SEVERE_SHARE, sha256(Path(jpeg_reading.__file__))]
    found = torch.load(kept, weights_only=True) if kept.exists() else {}
    if found.get("made_by") != made_by:
        network = ErrorScales(**description["network"]["arguments"]).eval()
        load_into(network, tensors, arguments.run)
        set_precision(network, fastest_dtype("cpu"))
        rows = list(restored(model, network, perceiver, arguments.draws, arguments.seed))
        found = {"made_by": made_by, "rows": rows}
        with replacing(kept) as partial:
            torch.save(found, partial)
    samples: dict[str, list[Sample]] = defaultdict(list)
    told_apart = [row for row in found["rows"] if not _is_unnoticed(row)]
    print(f"{len(found['rows']) - len(told_apart)} left out, hazy or dark and not taken for it")
    for row in told_apart:
        scale, error = row["scales"][:, :1].float(), row["error"].float()
        samples[row["group"]].append(Sample(scale, error, row["photograph"], tuple(row["seen"])))
    bound = calibrated(samples, arguments.level, LEAST)
    for name, factors in bound.factors.items():
        print(f"{name:<24}{bound.pictures[name]:>6} pictures ", " ".join(f"{factor:.2f}" for factor in factors))
        print(" " * 41, " ".join(f"{weight:+.2f}" for weight in bound.weights[name]))
    recipe = description["recipe"]
    recipe["training"]["run_folder"] = None  # a path of the machine that trained, of use to nobody
    if recipe["network"]["start_from"] is not None:
        recipe["network"]["start_from"] = Path(recipe["network"]["start_from"]).name
    told = {
        "method": "trust-map",
        "licence": LICENCE,
        "network": description["network"],
        "recipe": recipe,
        **{key: description[key] for key in ("step", "started_from") if key in description},
        "restorer_sha256": model.weights_sha256,
        "perceiver_sha256": perceiver.weights_sha256,
        "bound": bound.as_json(),
    }
    save_weights(arguments.output, tensors, told)


def restored(
    model: Model, network: ErrorScales, perceiver: Perceiver, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    """What every degraded picture was taken for, its scales and its errors, thinned, in half precision.

    A picture that would be kept as it is comes twice, the second time with itself for its result.
    """
    settings = read_run(RECIPE).config.data
    mixture, severe = Mixture(settings.mixture, settings.severity), Mixture(settings.mixture, SEVERE)
    generator = torch.Generator().manual_seed(seed)
    pictures = unseen_parts(0) + unseen_parts(1)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in pictures))}
    domains = mixture.allotted(len(pictures) * draws, generator)
    thin = (..., slice(None, None, THINNED), slice(None, None, THINNED))
    for number, place in enumerate(torch.randperm(len(domains), generator=generator).tolist()):
        photograph, pixels = pictures[number % len(pictures)]
        clean = _middle(pixels)[None].float() / 255
        its = severe if torch.rand((), generator=generator) < SEVERE_SHARE else mixture
        chain = its.draw_of(domains[place], generator)
        degraded = apply_chains(clean, [chain], generator)
        if torch.rand((), generator=generator) < ROUNDED_SHARE:
            degraded = as_stored(degraded, clip=True, round_to_8_bits=True)
        result = model.restore(degraded).image
        seen = views(degraded)
        context, cases = model.restorer.observe(seen)
        groups = [(model.restorer.taken_for(context) or EVERYTHING, result)]
        if _is_kept(perceiver, degraded, result, is_sure=model.restorer.is_sure(context)):
            groups.append((KEPT, degraded.clamp(0, 1)))
        for name, image in groups:
            with torch.inference_mode():
                scales = network(degraded, image)
            errors = (image - clean).abs()
            yield {
                "group": name,
                "domain": domains[place],
                "severities": severities(chain),
                "photograph": numbers[photograph],
                "seen": seen_of(seen, cases, perceiver)[0].tolist(),
                "scales": scales[thin].half().clone(),
                "error": errors[thin].half().clone(),
            }
        if number % 100 == 0:
            print(f"{number} of {len(domains)} pictures restored", flush=True)


def _is_unnoticed(row: Mapping[str, Any]) -> bool:
    """Whether a picture is hazy or dark and was not taken for it.

    Its light is wrong as a whole, by more than anything else, and nothing tells where. Were the bound to cover it, that
    of every other picture would be far too wide. So the bound takes for right the light of what is taken for
    neither.
    """
    light = WRONG_LIGHT.get(row["domain"].split("+")[0])
    return light is not None and not row["group"].startswith(light)


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
