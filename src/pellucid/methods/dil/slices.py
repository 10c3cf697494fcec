"""A batch taken apart: by domain, into parts that mix all domains, into support and query."""

from typing import TypeVar

import torch

from pellucid.data.batch import Batch
from pellucid.data.degraded_batches import generator_of

ORDER_RANK = 2**31 - 1
"""In place of a process's number: the order is the same in all of them, and independent of their samples."""


def domains_of(batch: Batch) -> list[str]:
    """The domains of a batch, sorted."""
    return sorted(set(batch.domains))


def by_domain(batch: Batch, seed: int | None = None) -> list[Batch]:
    """One batch per domain, shuffled by `seed` and the batch's step; sorted by name without a seed."""
    names = domains_of(batch)
    return [batch.select(name) for name in (names if seed is None else _shuffled(names, seed, batch.step))]


def mixed_parts(batch: Batch, count: int, seed: int = 0) -> list[Batch]:
    """`count` parts of which each mixes the domains; fewer when there are fewer samples.

    Samples are dealt out like cards, each domain beginning where the last one ended, so that parts are alike in size.
    Which domain begins and which part comes first is drawn anew at every step: no domain is always in the last part.
    """
    hands: list[list[int]] = [[] for _ in range(count)]
    dealt = 0
    for name in _shuffled(domains_of(batch), seed, batch.step):
        for row in _rows(batch, name):
            hands[dealt % count].append(row)
            dealt += 1
    return [batch.rows(sorted(hand)) for hand in _shuffled([hand for hand in hands if hand], seed + 1, batch.step)]


def support_and_query(batch: Batch, *, is_split: bool) -> tuple[Batch, Batch]:
    """What the virtual step sees, and what the outer loss sees: every second sample of every domain, or all of them.

    Where the domains share their content the halves have different pictures. Of an odd number of samples the support
    has one more; of a single one the query has it too.
    """
    if not is_split:
        return batch, batch
    support, query = [], []
    for name in domains_of(batch):
        rows = _rows(batch, name)
        support += rows[::2]
        query += rows[1::2] or rows
    return batch.rows(sorted(support)), batch.rows(sorted(query))


def _rows(batch: Batch, name: str) -> list[int]:
    return [row for row, domain in enumerate(batch.domains) if domain == name]


Item = TypeVar("Item")


def _shuffled(items: list[Item], seed: int, step: int) -> list[Item]:
    order = torch.randperm(len(items), generator=generator_of(seed, step, ORDER_RANK)).tolist()
    return [items[position] for position in order]
