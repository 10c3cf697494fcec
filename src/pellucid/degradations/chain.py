"""A chain: the degradations that made one picture, in the order in which they were applied."""

from pellucid.degradations.contract import Degradation

Chain = tuple[Degradation, ...]

CLEAN = "clean"
"""The name of a chain of none."""
