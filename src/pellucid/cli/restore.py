"""`pellucid restore`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

SOME_FAILED = 1


def restore(
    *inputs: str,
    output: Annotated[str | None, Parameter(alias="-o")] = None,  # a path would forget the slash of a folder
    model: str = "default",
    memory: str | None = None,
    device: str | None = None,
    tile: int | None = None,
    max_megapixels: float | None = None,
    report: Path | None = None,
    receipts: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    always: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    degradation: str | None = None,
    trust: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    belief: float = 1.0,
) -> int:
    """Restore photographs; nothing else about the files is lost.

    A picture in which nothing is found to be wrong stays as it is, and so does one whose result has neither more
    quality nor less harm, as far as can be perceived.

    Prints where each result lies. Run the same command again to go on where it stopped. The status is 0 when all went
    well, 1 when pictures were set aside, 2 when the command is wrong or the only picture cannot be restored.

    Args:
        inputs: Files, folders (with all below them) and patterns such as "photos/*.jpg".
        output: A file for one file, else a folder. Without it: photo.restored.jpg, photos.restored/.
        model: A bundled model (see `pellucid models`), or a weights file.
        memory: Most memory for restoring, such as 2G; decides the tiles. Half of what is free without it, 2G at most.
        device: cpu, cuda or mps; the best at hand without it.
        tile: Side of the largest square restored at once, in pixels; other shapes have no more. Wins over memory.
        max_megapixels: Refuse pictures whose header claims more, since it may be a trap; 500 without it.
        report: One HTML page with every picture before and after.
        receipts: Write PICTURE.receipt.json beside each result: hashes, version, settings.
        overwrite: Do finished pictures again, and replace files that Pellucid did not write.
        always: Restore pictures whatever they look like, and keep every result.
        degradation: What is wrong, as you see it: haze, low-light, noise, blur, jpeg or rain; several with commas. It
            is undone even where the model does not see it, and every result is kept. Haze and low light that you do
            not name are then left alone. Not haze and low-light together.
        trust: Write maps of trust into PICTURE.trust/ beside each result: where it may be off, and what is belief.
        belief: How much of what restoring changes is kept: 1 is all, 0 none. `pellucid blend` does it with a result.
    """
    from pellucid.app.restore import restore as restore_pictures
    from pellucid.cli.progress import ProgressDisplay
    from pellucid.images.files import MAX_MEGAPIXELS

    with ProgressDisplay() as progress:
        outcome = restore_pictures(
            inputs,
            output,
            model=model,
            memory=memory,
            device=device,
            tile=tile,
            max_megapixels=MAX_MEGAPIXELS if max_megapixels is None else max_megapixels,
            report=report,
            receipts=receipts,
            overwrite=overwrite,
            always=always,
            degradations=() if degradation is None else degradation.split(","),
            trust=trust,
            belief=belief,
            progress=progress,
        )
    for restored in outcome.files:
        print(restored.target)
    return SOME_FAILED if outcome.failed else 0
