"""`pellucid blend`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def blend(
    original: Path,
    restored: Path,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    belief: float,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Keep only part of what restoring has changed, without restoring again.

    Example: pellucid blend photo.jpg photo.restored.jpg --belief 0.6 -o photo.blended.jpg

    Args:
        original: The picture as it came.
        restored: What `pellucid restore` made of it.
        output: The file to write.
        belief: From 0, the original, to 1, the result.
        overwrite: Replace a file that is there.
    """
    from pellucid.app.blend import blend as blend_files

    print(blend_files(original, restored, output, belief=belief, overwrite=overwrite))
    return 0
