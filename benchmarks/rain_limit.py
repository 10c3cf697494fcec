"""How sure the chooser must be of rain: what goes to the rain specialist at which limit. No test set is touched.

    PELLUCID_DATA=... python benchmarks/rain_limit.py [MODEL ...] > benchmarks/results/rain-limit.md

Pictures: the half of BSDS_rest and of the unfree HQPhotos400 that did not fit what the perceiver concludes, whole,
degraded as named with severities as in training; seed 11. Percent of them that the rain specialist would restore, by
the limit (`LEAST_PROBABILITY` of scripts/bundle_default.py): few of the first, many of the second kind.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from pellucid.app.recipe_file import read_run
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.evaluation.perceiving import unseen_pictures
from pellucid.images.overview import views
from pellucid.methods.load import load

SEED = 11
DRY = ("clean", "jpeg", "sensor-noise", "sensor-noise+jpeg", "gaussian-blur", "gaussian-blur+jpeg", "haze", "haze+jpeg")
WET = ("rain", "rain+jpeg", "rain-faint", "rain-faint+jpeg")
LIMITS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@torch.inference_mode()
def shares_of_rain(network: Any, domain: str) -> torch.Tensor:
    """How probable rain is in each picture; zero where another specialist is more so."""
    severity = read_run(Path("recipes/perceiver.yaml")).config.data.severity
    mixture = Mixture({domain: 1}, severity)
    generator = torch.Generator().manual_seed(SEED)
    rain = list(network.specialists).index("rain")
    shares = []
    for picture in unseen_pictures(1):
        clean = picture[None].float() / 255
        degraded = apply_chains(clean, [mixture.draw_of(domain, generator)], generator)
        seen = network.look(views(degraded.clamp(0, 1).mul(255).round().div(255)).details)
        of_each = seen.mean(dim=1).softmax(dim=1)[0] @ network.belongs
        shares.append(of_each[rain] if of_each.argmax() == rain else of_each.new_zeros(()))
    return torch.stack(shares)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["default"])
    for name in parser.parse_args().models:
        restorer: Any = load(name, "cpu").restorer
        print(f"### {Path(name).stem}\n\n| degradation | " + " | ".join(f"above {limit}" for limit in LIMITS) + " |")
        print("|---" * (1 + len(LIMITS)) + "|")
        for domain in (*DRY, *WET):
            shares = shares_of_rain(restorer.network, domain)
            percent = [f"{100 * (shares > limit).float().mean().item():.1f}" for limit in LIMITS]
            print(f"| {domain} | " + " | ".join(percent) + " |", flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
