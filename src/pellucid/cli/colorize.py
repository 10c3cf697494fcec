"""`pellucid colorize`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def colorize(
    photograph: Path,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    trust: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    device: str | None = None,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Give a grey photograph the colours that are expected of what it shows; its brightness is kept.

    Example: pellucid colorize grandmother.png --trust

    Args:
        photograph: The picture; colours that it has are not looked at.
        output: The file to write; photo.colorized.png beside the photograph without it.
        trust: Write maps of trust beside the result: colours are belief, and how far they may be off.
        device: cpu, cuda or mps; the best at hand without it.
        overwrite: Replace files that are there.
    """
    from pellucid.app.colorize import colorize as colorize_file

    print(colorize_file(photograph, output, trust=trust, device=device, overwrite=overwrite).path)
    return 0
