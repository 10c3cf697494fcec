"""`pellucid evaluate`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

WIDE = 240
"""Columns of text where no terminal says how many there are, so that tables are not folded."""

Several = Parameter(consume_multiple=True, negative="", show_default=False)


def evaluate(
    *models: str,
    on: Annotated[tuple[str, ...], Several] = (),
    sigma: Annotated[tuple[float, ...], Several] = (),
    levels: Annotated[tuple[float, ...], Several] = (),
    protocol: str | None = None,
    folders: Annotated[tuple[Path, Path] | None, Parameter(negative="")] = None,
    data_root: Path | None = None,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    limit: int | None = None,
    seed: int = 0,
    device: str | None = None,
    sheets: bool = True,
) -> int:
    """Measure models and baselines on test sets, as the papers did, beside the papers' figures.

    Args:
        models: Names or files of models, ONNX and TorchScript among them, and baselines: bm3d, opencv-nlm, ...
        on: Test sets such as cbsd68 or rain100l; "card" for all that a model card reports.
        sigma: Strengths of noise, of 255.
        levels: Levels of whatever the protocol varies; the published ones without it.
        protocol: How to measure; each set's own way without it. all-in-one-3 and all-in-one-5 are the comparisons of
            all-in-one restorers, which need no sets named.
        folders: Two folders, of degraded and of clean pictures of the same names.
        data_root: Folder that holds test/; the variable PELLUCID_DATA without it.
        output: Folder for tables, figures per picture and contact sheets.
        limit: At most so many pictures of each set.
        seed: Of the noise.
        device: cpu, cuda or mps; the best at hand without it.
        sheets: Write contact sheets of the best, median and worst pictures.
    """
    import sys

    from rich.console import Console

    from pellucid.app.evaluate import evaluate as evaluate_models
    from pellucid.cli.progress import ProgressDisplay
    from pellucid.evaluation.tables import rich_table

    with ProgressDisplay() as progress:
        evaluation = evaluate_models(
            models,
            on=on,
            sigma=sigma,
            levels=levels,
            protocol=protocol,
            folders=folders,
            data_root=data_root,
            output=output,
            limit=limit,
            seed=seed,
            device=device,
            has_sheets=sheets,
            progress=progress,
        )
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    for table in evaluation.tables:
        console.print(rich_table(table))
    for file in evaluation.files:
        print(file)
    return 0
