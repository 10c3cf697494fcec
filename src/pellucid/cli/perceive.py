"""`pellucid perceive`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

SOME_FAILED = 1


def perceive(
    *inputs: str,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    device: str | None = None,
    max_megapixels: float | None = None,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Say what is wrong with photographs, and how badly: noise, blur, JPEG, rain, haze, low light; and their quality.

    Prints a line per picture, from worst to best. Of a large picture sixteen parts of 128 x 128 pixels are looked at.
    The status is 0 when all went well, 1 when pictures were set aside, 2 when the command is wrong or the only picture
    cannot be read.

    Args:
        inputs: Files, folders (with all below them) and patterns such as "photos/*.jpg".
        output: Folder for a table, perceived.csv, and contact-sheet.html; nothing is written without it.
        device: cpu, cuda or mps; the best at hand without it.
        max_megapixels: Refuse pictures whose header claims more, since it may be a trap; 500 without it.
        overwrite: Replace files in the output folder that Pellucid did not write.
    """
    from pellucid.app.perceive import perceive as look_at
    from pellucid.app.perceived_text import lines_of
    from pellucid.cli.progress import ProgressDisplay
    from pellucid.images.files import MAX_MEGAPIXELS

    with ProgressDisplay() as progress:
        perceived = look_at(
            inputs,
            output,
            device=device,
            max_megapixels=MAX_MEGAPIXELS if max_megapixels is None else max_megapixels,
            overwrite=overwrite,
            progress=progress,
        )
    for line in lines_of(perceived):
        print(line)
    return SOME_FAILED if perceived.failed else 0
