"""The one table of networks: the name in a recipe or a weights file to the class that it stands for."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from pellucid.errors import MethodError


def _residual_unet(**arguments: Any) -> nn.Module:
    from pellucid.networks.residual_unet import ResidualUNet

    return ResidualUNet(**arguments)


def _residual_stack(**arguments: Any) -> nn.Module:
    from pellucid.networks.residual_stack import ResidualStack

    return ResidualStack(**arguments)


def _nafnet(**arguments: Any) -> nn.Module:
    from pellucid.networks.nafnet import NAFNet

    return NAFNet(**arguments)


def _ffdnet(**arguments: Any) -> nn.Module:
    from pellucid.networks.ffdnet import FFDNet

    return FFDNet(**arguments)


def _rrdb(**arguments: Any) -> nn.Module:
    from pellucid.networks.rrdb import RRDB

    return RRDB(**arguments)


def _perceive_ir(**arguments: Any) -> nn.Module:
    from pellucid.networks.perceive_ir import PerceiveIR

    return PerceiveIR(**arguments)


def _tone_map(**arguments: Any) -> nn.Module:
    from pellucid.networks.tone_map import ToneMap

    return ToneMap(**arguments)


def _degradation_classifier(**arguments: Any) -> nn.Module:
    from pellucid.networks.degradation_classifier import DegradationClassifier

    return DegradationClassifier(**arguments)


def _degradation_perceiver(**arguments: Any) -> nn.Module:
    from pellucid.networks.degradation_perceiver import DegradationPerceiver

    return DegradationPerceiver(**arguments)


def _error_scales(**arguments: Any) -> nn.Module:
    from pellucid.networks.error_scales import ErrorScales

    return ErrorScales(**arguments)


def _colorizer(**arguments: Any) -> nn.Module:
    from pellucid.networks.colorizer import Colorizer

    return Colorizer(**arguments)


def _deraining_generator(**arguments: Any) -> nn.Module:
    from pellucid.networks.deraining_generator import DerainingGenerator

    return DerainingGenerator(**arguments)


def _identity(**arguments: Any) -> nn.Module:
    from pellucid.networks.identity import Identity

    return Identity(**arguments)


def _all_in_one(
    *,
    tone: Mapping[str, Any],
    generalist: Mapping[str, Any],
    specialists: Mapping[str, Mapping[str, Any]],
    chooser: Mapping[str, Any],
    dark_channel: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> nn.Module:
    """`generalist` and `specialists` are names and arguments of networks; the others are arguments."""
    from pellucid.networks.all_in_one import AllInOne
    from pellucid.networks.dark_channel import DarkChannel
    from pellucid.networks.degradation_classifier import DegradationClassifier
    from pellucid.networks.tone_map import ToneMap

    return AllInOne(
        ToneMap(**tone),
        DarkChannel(**(dark_channel or {})),
        build_network(generalist["name"], generalist["arguments"]),
        {name: build_network(part["name"], part["arguments"]) for name, part in specialists.items()},
        DegradationClassifier(**chooser),
        **arguments,
    )


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "residual-unet": _residual_unet,
    "residual-stack": _residual_stack,
    "nafnet": _nafnet,
    "ffdnet": _ffdnet,
    "rrdb": _rrdb,
    "perceive-ir": _perceive_ir,
    "tone-map": _tone_map,
    "degradation-classifier": _degradation_classifier,
    "degradation-perceiver": _degradation_perceiver,
    "error-scales": _error_scales,
    "colorizer": _colorizer,
    "deraining-generator": _deraining_generator,
    "identity": _identity,
    "all-in-one": _all_in_one,
}


def build_network(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The network called `name`, built with `arguments`; its weights are random.

    Raises:
        MethodError: when the name is not in the table, or an argument does not belong to the network.
    """
    if name not in NETWORKS:
        raise MethodError(f"Expected a network out of {', '.join(NETWORKS)}, got {name!r}: choose one of them.")
    try:
        return NETWORKS[name](**arguments)
    except TypeError as error:
        raise MethodError(f"Expected arguments that {name} knows, got {dict(arguments)}: {error}.") from error
