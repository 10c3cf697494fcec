"""What a picture with several things wrong, which is the generalist's, costs file to file, by two models in turn.

    git show 1f7ad30:src/pellucid/weights/bundle/default.safetensors > before.safetensors
    python benchmarks/mixed_speed.py before.safetensors default > benchmarks/results/mixed-speed.md

    python benchmarks/mixed_speed.py before.safetensors default --domain rain > benchmarks/results/rain-speed.md

Six megapixels, tiled from an example, with blur, noise and JPEG, or what `--domain` says, seed 0; whole processes of
`pellucid restore --always`, after one that does not count; medians.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from measuring import seconds_of
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.images.files import read_image, write_image
from pellucid.images.overview import views
from pellucid.methods.load import load

EXAMPLE = Path(__file__).parents[1] / "examples" / "blurred.jpg"
DOMAIN = "gaussian-blur:sigma=1.2+gaussian-noise:sigma=20+jpeg:quality=50"
HEIGHT, WIDTH = 2000, 3000


def mixed(domain: str) -> torch.Tensor:
    """The picture, `(1, 3, HEIGHT, WIDTH)`."""
    example = read_image(EXAMPLE)
    times = -(-HEIGHT // example.shape[-2]), -(-WIDTH // example.shape[-1])
    clean = example.repeat(1, 1, *times)[..., :HEIGHT, :WIDTH]
    generator = torch.Generator().manual_seed(0)
    return apply_chains(clean, [Mixture({domain: 1}).draw(generator)], generator).clamp(0, 1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--domain", default=DOMAIN, help="of a mixture")
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {model: [] for model in arguments.models}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "mixed.png", Path(folder) / "restored.png"
        picture = mixed(arguments.domain)
        write_image(source, picture)
        restore = [sys.executable, "-m", "pellucid", "restore", str(source), "-o", str(target), "--always"]
        for _ in range(1 + arguments.runs):
            for model, found in seconds.items():
                command = [*restore, "--overwrite", "--model", model]
                found.append(seconds_of(lambda its=command: subprocess.run(its, check=True, capture_output=True)))
    print("| model | taken for | s, median | least | greatest | to the first |\n|---|---|---|---|---|---|")
    first = statistics.median(seconds[arguments.models[0]][1:])
    for model, (_, *found) in seconds.items():
        restorer = load(model, "cpu").restorer
        taken_for = restorer.taken_for(restorer.context(views(picture)))
        middle = statistics.median(found)
        cells = [f"{value:.2f}" for value in (middle, min(found), max(found), middle / first)]
        print(f"| {Path(model).stem} | {taken_for} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
