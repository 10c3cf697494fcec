"""The one table of methods. Nothing here imports torch; a builder imports what it builds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.errors import MethodError
from pellucid.methods.bigprior.config import BigPriorConfig
from pellucid.methods.dil.config import (
    ParallelFirstOrder,
    ParallelSecondOrder,
    SerialFirstOrder,
    SerialSecondOrder,
)
from pellucid.methods.nlcl.config import NLCLConfig
from pellucid.methods.perceive_ir.config import PerceiveIRConfig, PromptsConfig
from pellucid.methods.supervised.config import EmpiricalRiskSettings, SupervisedConfig
from pellucid.methods.trust_map.config import TrustMapConfig

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import nn
    from torch.optim import Optimizer

    from pellucid.methods.base import Recipe, Restorer, Strategy, StrategyBuilder
    from pellucid.methods.bigprior.priors.contract import Prior


@dataclass(frozen=True)
class Method:
    """One row.

    Attributes:
        purpose: in one line.
        paper: where it was published.
        licence: of our code.
        config: class of its settings.
        build_recipe: `(config, strategy, accelerator, steps)` to a recipe.
        build_restorer: `(tensors, description, device)` of a weights file to a restorer.
        takes_strategy: whether it is trained by any strategy; else by plain empirical risk alone.
    """

    purpose: str
    paper: str
    licence: str
    config: type[Any]
    build_recipe: Callable[[Any, "StrategyBuilder", "Accelerator", int], "Recipe"]
    build_restorer: Callable[[dict[str, Any], dict[str, Any], str], "Restorer"]
    takes_strategy: bool = True


@dataclass(frozen=True)
class TrainingStrategy:
    """One row: how an objective becomes weight updates.

    Attributes:
        purpose: in one line.
        paper: where it was published; `None` for what has always been done.
        config: class of its settings.
        build: `(settings, network, optimiser, accelerator, gradient_clip)` to a strategy.
    """

    purpose: str
    paper: str | None
    config: type[Any]
    build: Callable[[Any, "nn.Module", "Optimizer", "Accelerator", float | None], "Strategy"]


def _supervised_recipe(
    config: SupervisedConfig, strategy: "StrategyBuilder", accelerator: "Accelerator", steps: int
) -> "Recipe":
    from pellucid.methods.supervised.recipe import supervised_recipe

    return supervised_recipe(config, strategy, accelerator, steps)


def _perceive_ir_recipe(
    config: PerceiveIRConfig, strategy: "StrategyBuilder", accelerator: "Accelerator", steps: int
) -> "Recipe":
    from pellucid.methods.perceive_ir.recipe import perceive_ir_recipe

    return perceive_ir_recipe(config, strategy, accelerator, steps)


def _prompts_recipe(
    config: PromptsConfig, strategy: "StrategyBuilder", accelerator: "Accelerator", steps: int
) -> "Recipe":
    from pellucid.methods.perceive_ir.prompts_recipe import PromptsRecipe

    return PromptsRecipe(config, accelerator, steps)


def _trust_map_recipe(
    config: TrustMapConfig, strategy: "StrategyBuilder", accelerator: "Accelerator", steps: int
) -> "Recipe":
    from pellucid.methods.trust_map.recipe import TrustMapRecipe

    return TrustMapRecipe(config, strategy, accelerator, steps)


def _bigprior_recipe(
    config: BigPriorConfig, strategy: "StrategyBuilder", accelerator: "Accelerator", steps: int
) -> "Recipe":
    from pellucid.methods.bigprior.recipe import BigPriorRecipe

    return BigPriorRecipe(config, strategy, accelerator, steps)


def _nlcl_recipe(config: NLCLConfig, strategy: "StrategyBuilder", accelerator: "Accelerator", steps: int) -> "Recipe":
    from pellucid.methods.nlcl.recipe import NLCLRecipe

    return NLCLRecipe(config, accelerator, steps)


def _deraining_restorer(tensors: dict[str, Any], description: dict[str, Any], device: str) -> "Restorer":
    from pellucid.methods.nlcl.restorer import deraining_restorer

    return deraining_restorer(tensors, description, device)


def _fusion_alone(tensors: dict[str, Any], description: dict[str, Any], device: str) -> "Restorer":
    raise MethodError(
        "Expected weights that restore a picture alone, got those of bigprior, which fuses it with a prior's: use "
        "pellucid.methods.bigprior.fusion.load_fusion."
    )


def _no_restorer(tensors: dict[str, Any], description: dict[str, Any], device: str) -> "Restorer":
    raise MethodError(f"Expected weights that restore, got {description['method']}, which judge: take others.")


def _network_restorer(tensors: dict[str, Any], description: dict[str, Any], device: str) -> "Restorer":
    from pellucid.methods.restorer import restorer_from_weights

    return restorer_from_weights(tensors, description, device)


def _empirical_risk(settings: EmpiricalRiskSettings, *parts: Any) -> "Strategy":
    from pellucid.methods.supervised.empirical_risk import EmpiricalRisk

    return EmpiricalRisk(*parts)


def _dil_first_order(settings: SerialFirstOrder, *parts: Any) -> "Strategy":
    from pellucid.methods.dil.first_order import FirstOrder

    return FirstOrder(settings, *parts)


def _dil_parallel_first_order(settings: ParallelFirstOrder, *parts: Any) -> "Strategy":
    return (_dil_first_order if settings.reading == "displacement" else _dil_second_order)(settings, *parts)


def _dil_second_order(settings: ParallelSecondOrder | ParallelFirstOrder, *parts: Any) -> "Strategy":
    from pellucid.methods.dil.second_order import SecondOrder

    return SecondOrder(settings, *parts)


METHODS: dict[str, Method] = {
    "supervised": Method(
        purpose="a network trained on pairs made by degrading clean pictures",
        paper="plain empirical risk; network after DRUNet (TPAMI 2021)",
        licence="Apache-2.0",
        config=SupervisedConfig,
        build_recipe=_supervised_recipe,
        build_restorer=_network_restorer,
    ),
    "perceive-ir": Method(
        purpose="a guided network trained with contrast between codes and a difficulty-adaptive perceptual loss",
        paper="Perceive-IR, IEEE TIP 2026",
        licence="Apache-2.0",
        config=PerceiveIRConfig,
        build_recipe=_perceive_ir_recipe,
        build_restorer=_network_restorer,
    ),
    "quality-prompts": Method(
        purpose="prompts in a frozen joint encoder that tell terrible, mediocre and excellent pictures apart",
        paper="Perceive-IR, IEEE TIP 2026, stage 1",
        licence="Apache-2.0",
        config=PromptsConfig,
        build_recipe=_prompts_recipe,
        build_restorer=_no_restorer,
        takes_strategy=False,
    ),
    "trust-map": Method(
        purpose="a small network that tells, per pixel, how wrong a restorer's result may be",
        paper="own; after Angelopoulos et al., ICML 2022, and BIGPrior, IEEE TIP 2022",
        licence="Apache-2.0",
        config=TrustMapConfig,
        build_recipe=_trust_map_recipe,
        build_restorer=_no_restorer,
    ),
    "bigprior": Method(
        purpose="a visible weight between what was observed and a prior's guess, such as a generator's inversion",
        paper="BIGPrior, IEEE TIP 2022",
        licence="Apache-2.0",
        config=BigPriorConfig,
        build_recipe=_bigprior_recipe,
        build_restorer=_fusion_alone,
        takes_strategy=False,
    ),
    "nlcl": Method(
        purpose="a derainer learned from rainy pictures and clean ones of something else, by non-local contrast",
        paper="NLCL, CVPR 2022",
        licence="Apache-2.0",
        config=NLCLConfig,
        build_recipe=_nlcl_recipe,
        build_restorer=_deraining_restorer,
        takes_strategy=False,
    ),
}


_DIL = "DIL, CVPR 2023"

STRATEGIES: dict[str, TrainingStrategy] = {
    "empirical-risk": TrainingStrategy(
        purpose="one gradient of the mean loss, one step of the optimiser",
        paper=None,
        config=EmpiricalRiskSettings,
        build=_empirical_risk,
    ),
    "dil-sf": TrainingStrategy(
        purpose="a virtual step per domain, one after the other; first order",
        paper=_DIL,
        config=SerialFirstOrder,
        build=_dil_first_order,
    ),
    "dil-pf": TrainingStrategy(
        purpose="virtual steps on all domains at once; first order",
        paper=_DIL,
        config=ParallelFirstOrder,
        build=_dil_parallel_first_order,
    ),
    "dil-ss": TrainingStrategy(
        purpose="a virtual step per domain, differentiated through",
        paper=_DIL,
        config=SerialSecondOrder,
        build=_dil_second_order,
    ),
    "dil-ps": TrainingStrategy(
        purpose="one virtual step on all domains at once, differentiated through",
        paper=_DIL,
        config=ParallelSecondOrder,
        build=_dil_second_order,
    ),
}


@dataclass(frozen=True)
class KnownPrior:
    """One row: where a belief about what is missing may come from.

    Attributes:
        purpose: in one line.
        build: from the name of a device.
    """

    purpose: str
    build: Callable[[str], "Prior"]


def _harmonic(device: str) -> "Prior":
    from pellucid.methods.bigprior.priors.harmonic import Harmonic

    return Harmonic()


def _plug_and_play(device: str) -> "Prior":
    from pellucid.methods.bigprior.priors.plug_and_play import PlugAndPlay
    from pellucid.methods.specialist import denoiser

    return PlugAndPlay(denoiser(device))


PRIORS: dict[str, KnownPrior] = {
    "harmonic": KnownPrior("fills a hole without bends, from its border", _harmonic),
    "plug-and-play": KnownPrior("asks the default model's denoiser, in turn with the data", _plug_and_play),
}
"""Priors that need nothing but a picture, for `pellucid inpaint`."""


def prior(name: str, device: str) -> "Prior":
    """The prior called `name`, on a device.

    Raises:
        MethodError: when there is none.
    """
    if name not in PRIORS:
        raise MethodError(f"Expected a prior out of {', '.join(PRIORS)}, got {name!r}: choose one of them.")
    return PRIORS[name].build(device)


def strategy(name: str) -> TrainingStrategy:
    """The strategy called `name`.

    Raises:
        MethodError: when there is none.
    """
    if name not in STRATEGIES:
        raise MethodError(f"Expected a strategy out of {', '.join(STRATEGIES)}, got {name!r}: choose one of them.")
    return STRATEGIES[name]


def method(name: str) -> Method:
    """The row called `name`.

    Raises:
        MethodError: when there is none.
    """
    if name not in METHODS:
        raise MethodError(f"Expected a method out of {', '.join(METHODS)}, got {name!r}: choose one of them.")
    return METHODS[name]
