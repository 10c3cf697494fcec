"""Join the parts of the perceiver that ships, fit what it concludes for whole pictures, and put it into the package.

    PELLUCID_DATA=... python scripts/bundle_perceiver.py RUN [--prompts RUN]

RUN is a run folder of `pellucid train recipes/perceiver.yaml`, `--prompts` one of
`pellucid train recipes/perceive-ir/prompts-degradations.yaml` on those weights. What presence in a whole picture is
concluded from is fitted by logistic regression on half of the photographs that the network never saw; the others are
what `benchmarks/perceiver.py` measures on. Writes `src/pellucid/weights/bundle/perceiver.safetensors`, or
`--output` to look at it first.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.app.recipe_file import read_run
from pellucid.degradations.mixing import Mixture
from pellucid.evaluation.perceiving import samples, unseen_pictures
from pellucid.networks.degradation_classifier import summary
from pellucid.networks.picture_perceiver import CLUES, PicturePerceiver, picture_clues
from pellucid.objectives.perception import LEAST_SEVERITY
from pellucid.weights.bundled import bundled_file
from pellucid.weights.files import load_into, load_weights, save_weights

LICENCE = "Apache-2.0"
RIDGE = 1e-3
"""Of the regression, so that a kind that is told apart perfectly has weights, too."""


def weights_in(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Of a run folder or a file."""
    return load_weights(path / "weights.safetensors" if path.is_dir() else path)


@torch.inference_mode()
def clues_of(network: PicturePerceiver, pictures: list[Tensor], mixture: Mixture, seed: int) -> tuple[Tensor, Tensor]:
    """Clues `(M, K, CLUES)` and severities `(M, K)` of degraded pictures."""
    clues, severities = [], []
    for number, sample in enumerate(samples(pictures, mixture, draws=4, seed=seed)):
        patches = sample.views.details.flatten(0, 1)
        logits = network.degradations.tell(summary(network.degradations.features, patches).float())
        clues.append(picture_clues(logits[None, ..., 0], sample.views))
        severities.append([sample.severities.get(kind, 0.0) for kind in network.kinds])
        if number % 100 == 0:
            print(f"{number} pictures looked at", flush=True)
    return torch.cat(clues), torch.tensor(severities)


def fit(clues: Tensor, severity: Tensor) -> tuple[Tensor, Tensor]:
    """Weights `(K, CLUES)` and biases `(K,)` of a logistic regression per kind, on what can be seen or is absent."""
    weights, biases = [], []
    for column in range(severity.shape[1]):
        is_asked = (severity[:, column] == 0) | (severity[:, column] >= LEAST_SEVERITY)
        seen, true = clues[is_asked, column].double(), (severity[is_asked, column] > 0).double()
        centre, spread = seen.mean(dim=0), seen.std(dim=0)
        own = torch.zeros(CLUES + 1, dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.LBFGS([own], max_iter=500, line_search_fn="strong_wolfe")

        def loss(seen: Tensor = (seen - centre) / spread, true: Tensor = true, own: Tensor = own) -> Tensor:
            logits = seen @ own[:-1] + own[-1]
            value = F.binary_cross_entropy_with_logits(logits, true) + RIDGE * own[:-1].square().sum()
            own.grad = None
            value.backward()
            return value

        optimiser.step(loss)  # pyright: ignore[reportArgumentType]
        slope = own.detach()[:-1] / spread
        weights.append(slope.float())
        biases.append((own.detach()[-1] - slope @ centre).float())
    return torch.stack(weights), torch.stack(biases)


def main() -> None:
    """Parse, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--output", type=Path, default=bundled_file("perceiver.safetensors"))
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    tensors, description = weights_in(arguments.run)
    network = PicturePerceiver(description["network"]["arguments"]).eval()
    load_into(network.degradations, tensors, arguments.run)
    recipe = description["recipe"]
    recipe["training"]["run_folder"] = None  # a path of the machine that trained, of use to nobody
    parts: dict[str, Any] = {"degradations": {key: description[key] for key in ("step", "started_from", "recipe")}}
    if arguments.prompts is not None:
        learned, said = weights_in(arguments.prompts)
        network.tier_vectors.copy_(learned["vectors"])
        network.feature_centre.copy_(learned["encoder.centre"])
        network.feature_spread.copy_(learned["encoder.spread"])
        own = said["recipe"]
        own["training"]["run_folder"] = None
        own["medium"] = own["encoder"]["arguments"]["source"] = None
        parts["tiers"] = {"recipe": own, "step": said["step"]}
    settings = read_run(Path("recipes/perceiver.yaml")).config.data
    pictures = unseen_pictures(0)
    mixture = Mixture(settings.mixture, settings.severity)
    weights, biases = fit(*clues_of(network, pictures, mixture, arguments.seed))
    network.clue_weights.copy_(weights)
    network.clue_biases.copy_(biases)
    for kind, slopes, bias in zip(network.kinds, weights.tolist(), biases.tolist(), strict=True):
        print(f"{kind:<10}", " ".join(f"{value:+.2f}" for value in [*slopes, bias]))
    told = {
        "method": "supervised",
        "licence": LICENCE,
        "network": {"name": "picture-perceiver", "arguments": {"degradations": description["network"]["arguments"]}},
        "parts": parts,
    }
    save_weights(arguments.output, network.state_dict(), told)


if __name__ == "__main__":
    main()
