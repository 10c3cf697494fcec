"""A batch whose samples know their degradation."""

from dataclasses import dataclass

from torch import Tensor

from pellucid.degradations.chain import Chain


@dataclass(frozen=True)
class Batch:
    """Samples for one training step.

    Attributes:
        degraded: `(B, 3, H, W)`.
        clean: `(B, 3, H, W)`; for unpaired sets an unrelated clean picture.
        domains: per sample, the degradation that made it (`"gaussian-noise"`, `"rain+jpeg"`), or the data set's name.
        step: the number of the step that the batch is for.
        chains: per sample, the degradations that made it, with their parameters, in the order in which they were
            applied; empty where nobody knows them, as for pairs. All are empty when absent.
        prior: what a prior takes each sample's clean picture for, `(B, 3, H, W)`; `None` where there is no prior.
    """

    degraded: Tensor
    clean: Tensor
    domains: tuple[str, ...]
    step: int = 0
    chains: tuple[Chain, ...] = ()
    prior: Tensor | None = None

    def __post_init__(self) -> None:
        if not self.chains:
            object.__setattr__(self, "chains", ((),) * len(self.domains))

    def select(self, domain: str) -> "Batch":
        """The samples of one domain, in order. Empty when there are none."""
        return self.rows([row for row, name in enumerate(self.domains) if name == domain])

    def rows(self, rows: list[int]) -> "Batch":
        """Some samples, by their numbers."""
        domains, chains = tuple(self.domains[row] for row in rows), tuple(self.chains[row] for row in rows)
        prior = None if self.prior is None else self.prior[rows]
        return Batch(self.degraded[rows], self.clean[rows], domains, self.step, chains, prior)
