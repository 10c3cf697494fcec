"""What kind of degradation a sample has: the task that it belongs to."""

from collections.abc import Iterable, Mapping

import torch

from pellucid.data.batch import Batch
from pellucid.data.config import PairSource
from pellucid.data.shared_sets import PAIRED_DEGRADATIONS
from pellucid.degradations.chain import kind_of
from pellucid.degradations.mixing import Mixture


def kinds_of(batch: Batch, of_pairs: Mapping[str, str] | None = None) -> list[str]:
    """The kind of each sample's degradation, `"gaussian-noise"` or `"rain+jpeg"`, without its strength.

    Args:
        batch: whose samples know their chains, but for pairs.
        of_pairs: name of a set of pairs to its kind; the name itself where it has none.
    """
    return [
        kind_of(chain) or (of_pairs or {}).get(domain, domain)
        for chain, domain in zip(batch.chains, batch.domains, strict=True)
    ]


def mixture_kinds(weights: Mapping[str, float]) -> set[str]:
    """The kinds that a mixture has, by a draw of each of its domains."""
    generator = torch.Generator().manual_seed(0)
    chains = [Mixture({name: 1.0}).draw(generator) for name in weights]
    return {kind_of(chain) for chain in chains}


def pair_kinds(pairs: Iterable[PairSource]) -> dict[str, str]:
    """Name of each set of pairs to what it shows, as far as the recipe or the table of known sets says."""
    told: dict[str, str] = {}
    for pair in pairs:
        known = PAIRED_DEGRADATIONS.get(pair.name) if pair.path is None else None
        kind = pair.degradation or known
        if kind is not None:
            told[pair.name] = "+".join(part.partition(":")[0] for part in kind.split("+"))
    return told
