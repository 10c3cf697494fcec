"""`pellucid train`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def train(
    recipe: Path,
    *overrides: Annotated[str, Parameter(allow_leading_hyphen=True)],
    show: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    data_root: Path | None = None,
) -> int:
    """Train a model as a recipe file says; run the same command again to go on where it stopped.

    Prints the run folder.

    Args:
        recipe: A YAML file, such as those in recipes/.
        overrides: Settings that win over the file: --section.field VALUE, as `--show` names them.
        show: Print all settings as they would be used, and do not train.
        data_root: Folder that relative paths in the recipe start from; the variable PELLUCID_DATA without it.
    """
    from pellucid.app import train as app

    if show:
        import yaml

        print(yaml.safe_dump(app.show(recipe, overrides), sort_keys=False, allow_unicode=True), end="")
    else:
        print(app.train(recipe, overrides, data_root))
    return 0
