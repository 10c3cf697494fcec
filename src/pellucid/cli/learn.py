"""`pellucid learn`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def learn(
    *,
    rainy: Path,
    clean: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    start: str = "default",
    steps: int = 2000,
    minutes: float = 15.0,
    patch_size: int = 96,
    seed: int = 0,
    device: str | None = None,
    keep_mist: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Learn to remove rain from two folders without pairs; run the same command again to go on where it stopped.

    Writes a model for `pellucid restore --model`, a card beside it, and a folder with sample sheets. It begins with
    what the bundled networks find of the rain; what they do not find, it does not learn.

    Example: pellucid learn --rainy holiday/rain --clean holiday/sun -o rain.safetensors

    Args:
        rainy: Folder of rainy pictures.
        clean: Folder of clean pictures of the same kind; they need not show the same scenes.
        output: The model to write, a .safetensors file.
        start: What it begins with: the default model, or nothing, which takes hours or a GPU.
        steps: At the most.
        minutes: At the most; what was learned so far is written.
        patch_size: Side of the patches that are learned from, pixels.
        seed: Of everything random.
        device: cpu; the best at hand without it.
        keep_mist: Give back what is removed and wider than 15 pixels: mist, and so the light of what it covers.
        overwrite: Replace files that are there, and begin anew.
    """
    from pellucid.app.learn import learn as learn_from
    from pellucid.cli.train import STATUS

    settings = {"start": start, "steps": steps, "minutes": minutes, "patch_size": patch_size, "seed": seed}
    learned = learn_from(rainy, clean, output, device=device, keep_mist=keep_mist, overwrite=overwrite, **settings)
    print(learned.weights if learned.reason != "interrupted" else learned.run_folder)
    return STATUS[learned.reason]
