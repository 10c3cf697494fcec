"""When learning without pairs has gone far enough, told without knowing how a clean picture would look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class StopRule:
    """Keeps the best of the networks seen so far, and says when nothing more is to be expected.

    Networks count whose parts agree: where `mismatch`, the mean of |O - B - R|, is more than `removed`, the mean of
    |O - B|, the rain network explains none of what was removed. Of those the one of the highest score is kept: the
    quality that the perceiver sees in restored pictures, less the harm.

    Attributes:
        patience: looks without a higher score after which it is over; 0 is never.
        best: the highest score.
        best_step: where it was.
        waited: looks since.
        over: why it is over; `None` while it is not.
    """

    patience: int
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    over: str | None = None

    def look(self, step: int, judged: Mapping[str, float]) -> bool:
        """Take one look into account. Returns whether these networks are the best so far.

        Args:
            step: of the networks that were judged; 0 are those that it began with, which need not agree.
            judged: `mismatch`, `removed`, `score`.
        """
        agrees = step == 0 or judged["mismatch"] <= judged["removed"]
        is_best = agrees and (self.best is None or judged["score"] > self.best)
        if is_best:
            self.best, self.best_step, self.waited = judged["score"], step, 0
        elif step > 0:
            self.waited += 1
        if self.patience and self.waited >= self.patience:
            self.over = f"no better for {self.waited} looks"
        return is_best

    def state_dict(self) -> dict[str, Any]:
        """All but the patience."""
        return {"best": self.best, "best_step": self.best_step, "waited": self.waited, "over": self.over}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        for name, value in state.items():
            setattr(self, name, value)
