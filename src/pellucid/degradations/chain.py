"""A chain: the degradations that made one picture, in the order in which they were applied."""

from collections.abc import Sequence

from pellucid.degradations.contract import Degradation

Chain = tuple[Degradation, ...]

CLEAN = "clean"
"""The name of a chain of none."""


def kinds(chain: Sequence[Degradation]) -> str:
    """The kinds of a chain: `"rain+jpeg"`, or `"clean"` when it is empty."""
    return "+".join(degradation.name for degradation in chain) or CLEAN
