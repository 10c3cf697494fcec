"""A chain: the degradations that made one picture, in the order in which they were applied."""

from pellucid.degradations.contract import Degradation

Chain = tuple[Degradation, ...]

CLEAN = "clean"
"""The name of a chain of none."""


def kind_of(chain: Chain) -> str:
    """The names of a chain's degradations without their strength, `"rain+jpeg"`; empty of a chain of none."""
    return "+".join(degradation.name for degradation in chain)
