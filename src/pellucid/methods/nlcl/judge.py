"""What can be said of networks that learn without pairs, on held-out pictures that nobody knows clean."""

import logging

import torch
from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.methods.nlcl.restorer import DerainingRestorer, mismatch
from pellucid.methods.nlcl.stopping import StopRule
from pellucid.methods.perceiver import Perceiver, load_perceiver
from pellucid.methods.restorer import restore_patches

logger = logging.getLogger(__name__)

NEXT_TO_NOTHING = 0.5 / 255
"""Mean of the rain that is found, below which what training begins with finds none."""


class Judge:
    """Looks at held-out pictures and, where a rule asks, at how good the restored ones look; tells what it saw.

    Args:
        rule: which networks are kept, and when it is enough; without patience nothing is perceived.
        discriminator: whose balance is told; `None` where none learns.
    """

    def __init__(self, rule: StopRule, discriminator: nn.Module | None):
        self.rule, self.discriminator = rule, discriminator
        self.perceiver: Perceiver | None = None

    def look(self, step: int, restorer: DerainingRestorer, batch: Batch) -> tuple[dict[str, float], bool]:
        """The figures of `judged`, and whether these networks are the best so far, by the rule."""
        found = self.judged(restorer, batch)
        if not self.rule.patience:
            return found, False
        is_best = self.rule.look(step, found)
        logger.info(
            "Step %d: score %.3f, %.1f of 255 levels removed, %.1f left over%s.",
            step,
            found["score"],
            255 * found["removed"],
            255 * found["mismatch"],
            "; the best so far" if is_best else "",
        )
        return found, is_best

    def judged(self, restorer: DerainingRestorer, batch: Batch) -> dict[str, float]:
        """Figures of one state of the networks, means over the pictures.

        Returns:
            `mismatch`, of |O - B - R|; `removed`, of |O - B|; with a discriminator `taken for clean`, the share of
            patches of backgrounds whose score is above 1/2, and `clean taken for clean`; with patience `quality`,
            `harm` and `score`, by the perceiver. All of restored pictures clamped to the range.
        """
        made = restore_patches(restorer, batch.degraded)
        with torch.no_grad():
            rain = torch.cat([restorer.restore(part).maps["rain"] for part in batch.degraded.split(1)])
        return {
            **(self._perceived(made) if self.rule.patience else {}),
            **({} if self.discriminator is None else _balance(self.discriminator, made, batch.clean)),
            "mismatch": mismatch(batch.degraded, made, rain).mean().item(),
            "removed": (batch.degraded - made).abs().mean().item(),
        }

    def _perceived(self, pictures: Tensor) -> dict[str, float]:
        """How good they look, the mean over them."""
        if self.perceiver is None:
            self.perceiver = load_perceiver(device=str(pictures.device))
        found = [self.perceiver.perceive(its) for its in pictures.clamp(0, 1).split(1)]
        quality, harm = (sum(getattr(its, of) for its in found) / len(found) for of in ("quality", "harm"))
        return {"quality": quality, "harm": harm, "score": quality - harm}


@torch.no_grad()
def _balance(discriminator: nn.Module, made: Tensor, clean: Tensor) -> dict[str, float]:
    """Shares of patches that the discriminator takes for clean: where both are alike it tells nothing apart."""
    scores = [discriminator(pictures).float() for pictures in (made, clean)]
    shares = [(its > 0.5).float().mean().item() for its in scores]
    return {"taken for clean": shares[0], "clean taken for clean": shares[1]}


def warn_of_nothing(found: float) -> None:
    """Say so where training begins with a network that finds none of the rain, and learns from what it finds."""
    if found < NEXT_TO_NOTHING:
        logger.warning(
            "What training begins with finds next to nothing in these pictures (%.2f of 255 levels), and what it does "
            "not find is not learned: look at the sheets, or begin with nothing, on a GPU.",
            255 * found,
        )
