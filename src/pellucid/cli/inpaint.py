"""`pellucid inpaint`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def inpaint(
    photograph: Path,
    *,
    mask: Path,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    prior: str = "harmonic",
    trust: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    device: str | None = None,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Fill what is missing of a photograph from around it; what is known is kept to the bit, but in lossy formats.

    Example: pellucid inpaint photo.png --mask scratches.png --trust

    Args:
        photograph: The picture.
        mask: A picture of the same size, white where pixels are missing.
        output: The file to write; photo.inpainted.png beside the photograph without it.
        prior: harmonic fills without bends; plug-and-play asks a denoiser in turn with the data.
        trust: Write maps of trust beside the result: all of the hole is belief, and how far it may be off.
        device: cpu, cuda or mps for the denoiser; the best at hand without it.
        overwrite: Replace files that are there.
    """
    from pellucid.app.inpaint import inpaint as inpaint_file

    print(inpaint_file(photograph, mask, output, prior=prior, trust=trust, device=device, overwrite=overwrite).path)
    return 0
