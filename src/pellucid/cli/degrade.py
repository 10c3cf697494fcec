"""`pellucid degrade`."""

from typing import Annotated

from cyclopts import Parameter

SOME_FAILED = 1


def degrade(
    *words: str,
    output: Annotated[str, Parameter(alias="-o")],  # a path would forget the slash of a folder
    severity: float | None = None,
    seed: int = 0,
    keep_format: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Degrade pictures on purpose, and write beside them exactly how.

    Example: pellucid degrade photo.png rain jpeg:quality=30 -o bad.png

    Args:
        words: Files, folders and patterns, and what to do to them in this order: NAME draws the strength,
            NAME:KEY=VALUE,... sets it (gaussian-noise:sigma=25), a preset such as severe does several things.
        output: A file for one file, else a folder.
        severity: From 0, just visible, to 1; drawn for every picture without it.
        seed: Of everything random.
        keep_format: Write the input's format instead of PNG.
        overwrite: Replace files that Pellucid did not write.
    """
    from pellucid.app.degradation_text import split_words
    from pellucid.app.degrade import degrade as degrade_pictures
    from pellucid.cli.progress import ProgressDisplay

    inputs, what = split_words(words)
    with ProgressDisplay() as progress:
        outcome = degrade_pictures(
            inputs,
            output,
            what=what,
            severity=severity,
            seed=seed,
            keep_format=keep_format,
            overwrite=overwrite,
            progress=progress,
        )
    for picture in outcome.written:
        print(picture.target)
    return SOME_FAILED if outcome.failed else 0
