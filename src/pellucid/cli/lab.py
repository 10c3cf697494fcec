"""`pellucid lab`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pellucid.cli.evaluate import WIDE, Several


def lab(
    *models: str,
    on: Annotated[tuple[str, ...], Several] = (),
    seeds: Annotated[tuple[int, ...], Several] = (0,),
    steps: int | None = None,
    limit: int | None = None,
    data_root: Path | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    device: str | None = None,
) -> int:
    """Will it work on pictures that it never saw? Train or take models, and test them on seen and unseen degradations.

    Prints "trained on x tested on", and how each model differs from the first one.

    Args:
        models: Recipes to train, weights files, names of models and baselines, ONNX and TorchScript files.
        on: Families of conditions: noise, blur, jpeg, motion, rain, haze, dark, hybrid, real; all without it.
        seeds: Train every recipe once from each.
        steps: Train for so long, instead of the recipes' own steps.
        limit: At most so many pictures of each set.
        data_root: Folder that holds train/ and test/; the variable PELLUCID_DATA without it.
        output: Folder for tables (Markdown, LaTeX), figures, results and runs; what is there is not done again. Without
            it tables are printed only, and recipes are trained in runs/lab.
        device: cpu, cuda or mps; the best at hand without it.
    """
    import sys

    from rich.console import Console

    from pellucid.app.lab import lab as run_lab
    from pellucid.cli.progress import ProgressDisplay
    from pellucid.evaluation.laboratory.tables import rich_lab_tables

    with ProgressDisplay() as progress:
        report = run_lab(
            models,
            on=on,
            seeds=seeds,
            steps=steps,
            limit=limit,
            data_root=data_root,
            output=output,
            device=device,
            progress=progress,
        )
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    for table in report.tables:
        for part in rich_lab_tables(table, console.width):
            console.print(part)
    for file in report.files:
        print(file)
    return 0
