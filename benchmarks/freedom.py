"""What it costs to train on free pictures alone: the same specialist, trained on these and on everything.

    PELLUCID_DATA=... python benchmarks/freedom.py noise --steps 3000 --output benchmarks/results/freedom
    PELLUCID_DATA=... python benchmarks/freedom.py rain --steps 3000 --output benchmarks/results/freedom

A specialist's recipe twice, from random weights, with the same seed and steps: as it is, and with the pictures of
recipes/research.yaml and, for rain, its pairs of rain in half of each batch. Both are then measured on test sets that
neither was trained on. A run that was cut off goes on.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from pellucid.app.evaluate import evaluate
from pellucid.app.train import train
from pellucid.training.run_folder import environment

RESEARCH = Path("recipes/research.yaml")
RAIN_PAIRS = ("RainTrainL", "Rain800_110")
MEASURED: dict[str, list[dict[str, Any]]] = {
    "noise": [{"on": ["cbsd68"], "sigma": [15, 25, 50]}, {"on": ["polyu"]}],
    "rain": [{"on": ["rain100l"]}, {"on": ["rain100h"]}],
}


def everything(specialist: str) -> list[str]:
    """The settings that add the pictures and pairs for research."""
    data = yaml.safe_load(RESEARCH.read_text())["data"]
    settings = [f"--data.sources={json.dumps(data['sources'])}"]
    if specialist == "rain":
        pairs = [pair for pair in data["pairs"] if pair["name"] in RAIN_PAIRS]
        settings += [f"--data.pairs={json.dumps(pairs)}", "--data.pairs_share=0.5"]
    return settings


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specialist", choices=list(MEASURED))
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs/freedom"))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/freedom"))
    arguments = parser.parse_args()
    specialist, models = arguments.specialist, {}
    for pictures, settings in (("free", []), ("everything", everything(specialist))):
        folder = arguments.runs / f"{specialist}-{pictures}"
        common = [f"--training.steps={arguments.steps}", f"--training.run_folder={folder}"]
        common += [f"--training.threads={arguments.threads}", f"--training.validate_every={arguments.steps}"]
        train(Path(f"recipes/specialists/{specialist}.yaml"), [*common, *settings])
        models[str(folder / "weights.safetensors")] = pictures
    rows: dict[str, dict[str, float]] = {}
    for what in MEASURED[specialist]:
        results = evaluate(list(models), **what, has_sheets=False).results  # the input first, then in order
        for number, result in enumerate(results):
            row = rows.setdefault(result.trial.label, {})
            row[["input", *models.values()][number % (1 + len(models))]] = result.psnr
    written = arguments.output.with_suffix(".json")
    content = json.loads(written.read_text()) if written.is_file() else {}
    content[specialist] = {"steps": arguments.steps, "machine": environment(), "rows": rows}
    written.write_text(json.dumps(content, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(table(content))
    print(table(content))


def table(content: dict[str, Any]) -> str:
    """The rows as Markdown."""
    head = ["specialist", "steps", "measured on", "input, dB", "free pictures", "everything", "cost of freedom"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for specialist, study in sorted(content.items()):
        for label, row in study["rows"].items():
            values = [row["input"], row["free"], row["everything"], row["everything"] - row["free"]]
            cells = [specialist, str(study["steps"]), label, *(f"{value:.2f}" for value in values)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
