"""A batch taken apart: by domain, into parts that mix all domains, into support and query."""

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
    if seed is not None:
        order = torch.randperm(len(names), generator=generator_of(seed, batch.step, ORDER_RANK)).tolist()
        names = [names[position] for position in order]
    return [batch.select(name) for name in names]


def mixed_parts(batch: Batch, count: int) -> list[Batch]:
    """`count` parts with every domain's samples in turn; fewer when there are fewer samples."""
    parts = [batch.rows(rows) for rows in _dealt(batch, count, is_continued=True)]
    return [part for part in parts if part.domains]


def support_and_query(batch: Batch, *, is_split: bool) -> tuple[Batch, Batch]:
    """What the virtual step sees, and what the outer loss sees: two halves of every domain, or twice the batch.

    Where the domains share their content the halves have different pictures. Of an odd number of samples the support
    has one more; of a single one the query has it too.
    """
    if not is_split:
        return batch, batch
    support, query = _dealt(batch, 2, is_continued=False)
    alone = [row for row in support if batch.domains.count(batch.domains[row]) == 1]
    return batch.rows(support), batch.rows(sorted([*query, *alone]))


def _dealt(batch: Batch, count: int, *, is_continued: bool) -> list[list[int]]:
    """The rows of every domain dealt out like cards to `count` hands.

    Continued, each domain begins at the hand where the last one ended, so that hands are alike in size; else each
    begins at the first, so that the n-th sample of every domain lies in the same hand.
    """
    hands: list[list[int]] = [[] for _ in range(count)]
    start = 0
    for name in domains_of(batch):
        rows = [row for row, domain in enumerate(batch.domains) if domain == name]
        for position, row in enumerate(rows):
            hands[(start + position) % count].append(row)
        start += len(rows) if is_continued else 0
    return [sorted(hand) for hand in hands]
