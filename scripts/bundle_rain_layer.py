"""Put the network that finds the rain, which `pellucid learn` begins with, into the package.

    python scripts/bundle_rain_layer.py RUN

RUN is a run folder of `pellucid train recipes/nlcl/rain-layer.yaml`: a network with a skip whose background is the
picture less what it takes for rain. With the last convolution's sign turned the same weights give the rain. Writes
`src/pellucid/weights/bundle/rain-layer.safetensors`, or `--output` to look at it first.
"""

import argparse
from pathlib import Path

from pellucid.errors import WeightsError
from pellucid.weights.bundled import STARTS, bundled_file
from pellucid.weights.files import load_weights, save_weights

LICENCE = "Apache-2.0"


def main() -> None:
    """Turn the sign, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--output", type=Path, default=bundled_file(STARTS["rain-layer"]))
    arguments = parser.parse_args()
    tensors, description = load_weights(arguments.run / "weights.safetensors")
    network = description["network"]
    its = network["arguments"]
    if network["name"] != "deraining-generator" or not its.get("skip") or its.get("normalised", True):
        raise WeightsError(
            f"Expected a deraining-generator with a skip and no norm, got {network}: train "
            "recipes/nlcl/rain-layer.yaml."
        )
    turned = {name: -value if name.startswith("tail.") else value for name, value in tensors.items()}
    its = {name: value for name, value in its.items() if name != "skip"} | {"gives": "rain"}
    description["recipe"]["training"]["run_folder"] = None
    kept = {name: description[name] for name in ("recipe", "step")}
    told = {"method": "rain-layer", "licence": LICENCE, "network": {"name": network["name"], "arguments": its}, **kept}
    save_weights(arguments.output, turned, told)


if __name__ == "__main__":
    main()
