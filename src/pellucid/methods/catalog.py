"""The one table of methods. Nothing here imports torch; a builder imports what it builds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.errors import MethodError
from pellucid.methods.supervised.config import SupervisedConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

    from pellucid.methods.base import Recipe, Restorer


@dataclass(frozen=True)
class Method:
    """One row.

    Attributes:
        purpose: in one line.
        paper: where it was published.
        licence: of our code.
        config: class of its settings.
        build_recipe: `(config, accelerator, steps)` to a recipe.
        build_restorer: `(tensors, description, device)` of a weights file to a restorer.
    """

    purpose: str
    paper: str
    licence: str
    config: type[Any]
    build_recipe: Callable[[Any, "Accelerator", int], "Recipe"]
    build_restorer: Callable[[dict[str, Any], dict[str, Any], str], "Restorer"]


def _supervised_recipe(config: SupervisedConfig, accelerator: "Accelerator", steps: int) -> "Recipe":
    from pellucid.methods.supervised.recipe import SupervisedRecipe

    return SupervisedRecipe(config, accelerator, steps)


def _network_restorer(tensors: dict[str, Any], description: dict[str, Any], device: str) -> "Restorer":
    from pellucid.methods.restorer import restorer_from_weights

    return restorer_from_weights(tensors, description, device)


METHODS: dict[str, Method] = {
    "supervised": Method(
        purpose="a network trained on pairs made by degrading clean pictures",
        paper="plain empirical risk; network after DRUNet (TPAMI 2021)",
        licence="Apache-2.0",
        config=SupervisedConfig,
        build_recipe=_supervised_recipe,
        build_restorer=_network_restorer,
    ),
}


def method(name: str) -> Method:
    """The row called `name`.

    Raises:
        MethodError: when there is none.
    """
    if name not in METHODS:
        raise MethodError(f"Expected a method out of {', '.join(METHODS)}, got {name!r}: choose one of them.")
    return METHODS[name]
