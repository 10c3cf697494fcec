"""`pellucid train`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

STATUS = {"finished": 0, "settled": 0, "time limit": 3, "interrupted": 130}
"""Of the process, by why training ended."""


def train(
    recipe: Path,
    *overrides: Annotated[str, Parameter(allow_leading_hyphen=True)],
    show: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    data_root: Path | None = None,
) -> int:
    """Train a model as a recipe file says; run the same command again to go on where it stopped.

    Prints the run folder. Ends with status 3 when a time limit came first, and with 130 after Ctrl-C.

    Args:
        recipe: A YAML file, such as those in recipes/.
        overrides: Settings that win over the file: --section.field VALUE, as `--show` names them.
        show: Print all settings as they would be used, and do not train.
        data_root: Folder for relative paths in the recipe that do not exist from here; the variable PELLUCID_DATA
            without it.
    """
    from pellucid.app import train as app

    if show:
        import yaml

        print(yaml.safe_dump(app.show(recipe, overrides), sort_keys=False, allow_unicode=True), end="")
        return 0
    trained = app.train(recipe, overrides, data_root)
    print(trained.folder)
    return STATUS[trained.reason]
