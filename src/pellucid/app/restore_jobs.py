"""Many pictures, one after the other: finished ones passed over, failed ones set aside, everything in the journal."""

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.app.inputs import Job
from pellucid.app.journal import Journal
from pellucid.app.outcome import RestoredPicture, SetAside, reason_of, stops_all
from pellucid.app.preview import PreviewedPictures
from pellucid.app.receipt import Receipt, update_receipt
from pellucid.app.report import size_of
from pellucid.app.restore_file import restore_file
from pellucid.app.targets import check_is_ours, first_existing
from pellucid.app.trust import check_trust_folder, has_trust, remove_trust
from pellucid.errors import ImageError
from pellucid.images.files import MAX_MEGAPIXELS
from pellucid.methods.load import Model
from pellucid.methods.perceiver import Perceiver
from pellucid.methods.told import told_of
from pellucid.methods.trusted import TrustedRestorer
from pellucid.weights.files import sha256

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
"""Called with bytes of pictures done, bytes in all, and what is at hand."""


@dataclass(frozen=True)
class Wishes:
    """How pictures are restored, be it one or many.

    Attributes:
        model: that restores; one with maps of trust has them written beside every result.
        perceiver: who keeps originals that need nothing or were not bettered; `None` to restore them all.
        memory: budget, see `budget.plan_tile`.
        tile: see `budget.plan_tile`.
        max_megapixels: see `files.read_picture`.
        has_receipts: whether every result gets one beside it.
        overwrite: whether finished pictures are done again, and files that Pellucid did not write are replaced.
        previewed: takes previews for the report; `None` without one.
        belief: how much of what restoring changes is kept, in `[0, 1]`.
    """

    model: Model
    perceiver: Perceiver | None = None
    memory: str | int | None = None
    tile: int | None = None
    max_megapixels: float = MAX_MEGAPIXELS
    has_receipts: bool = False
    overwrite: bool = False
    previewed: PreviewedPictures | None = None
    belief: float = 1.0


@dataclass
class _Course:
    """How far the work is, in bytes of pictures."""

    total: int
    tell: Progress | None
    done: int = 0
    failed: list[SetAside] = field(default_factory=list)

    def teller(self, size: int, what: str) -> Callable[[float], None] | None:
        """To be told the share done of a picture of `size`."""
        if self.tell is None:
            return None
        tell, before = self.tell, self.done
        tell(before, self.total, what)
        return lambda share: tell(before + round(share * size), self.total, what)


def restore_jobs(
    jobs: Sequence[Job], wishes: Wishes, *, is_single: bool, progress: Progress | None = None
) -> tuple[tuple[RestoredPicture, ...], tuple[SetAside, ...]]:
    """Restore every job; returns the results, and what was set aside.

    Args:
        jobs: the plan.
        wishes: how.
        is_single: whether the user named one file, so that its error is raised and not set aside.
        progress: told after every tile.

    Raises:
        ImageError: the single file's, or that the disc is full.
        ConfigurationError: when a setting is out of range.
    """
    journals = {home: Journal(home) for home in {job.home for job in jobs}}
    finished = {job: receipt for job in jobs if (receipt := _finished(job, journals[job.home], wishes)) is not None}
    sizes = {job: 0 if job in finished else _size(job.source) for job in jobs}
    course = _Course(sum(sizes.values()), progress)
    if not is_single:
        _log_start(jobs, len(finished), course.total, wishes.model.device)
    restored: list[RestoredPicture] = []
    for number, job in enumerate(jobs, start=1):
        journal = journals[job.home]
        try:
            tell = None if job in finished else course.teller(sizes[job], f"{number}/{len(jobs)} {job.source.name}")
            restored.append(_restored(job, finished.get(job), journal, wishes, tell))
        except Exception as error:  # a picture that breaks us must not stop the others
            if is_single or stops_all(error):
                if journal.wrote(job.target):
                    with suppress(ImageError):  # the error at hand says more
                        journal.fail(job.target, reason_of(error))
                raise
            course.failed.append(SetAside(job.source, reason_of(error)))
            logger.debug("Set aside %s", job.source, exc_info=error)
            with suppress(ImageError):  # a folder that cannot be written must not stop the others either
                journal.fail(job.target, reason_of(error))
        course.done += sizes[job]
    return tuple(restored), tuple(course.failed)


def _restored(
    job: Job,
    finished: Receipt | None,
    journal: Journal,
    wishes: Wishes,
    tell: Callable[[float], None] | None,
) -> RestoredPicture:
    if job.problem is not None:
        raise ImageError(job.problem)
    before = {} if wishes.previewed is None else wishes.previewed.before(job.source)
    if finished is None:
        journal.refresh()
        finished = _finished(job, journal, wishes)  # by another run, meanwhile
    if finished is None:
        _check_target(job, journal, wishes.overwrite)
        if isinstance(wishes.model.restorer, TrustedRestorer):
            check_trust_folder(job.target, overwrite=wishes.overwrite)

        def begin() -> None:
            if not isinstance(wishes.model.restorer, TrustedRestorer):
                remove_trust(job.target)  # those of the picture that was there before
            journal.begin(job.target)

        receipt = restore_file(
            job.source,
            job.target,
            wishes.model,
            perceiver=wishes.perceiver,
            memory=wishes.memory,
            tile=wishes.tile,
            max_megapixels=wishes.max_megapixels,
            belief=wishes.belief,
            log_level=logging.INFO if job.is_alone else logging.DEBUG,
            begin=begin,
            progress=tell,
        )
        journal.finish(job.target, receipt)
    else:
        receipt = finished
    update_receipt(receipt, job.target, is_wanted=wishes.has_receipts)
    picture = RestoredPicture(job.source, job.target, receipt, was_finished=finished is not None)
    if wishes.previewed is not None:
        wishes.previewed.add(picture, before)
    return picture


def _finished(job: Job, journal: Journal, wishes: Wishes) -> Receipt | None:
    """The receipt of an earlier run for the same picture and model, if its result is as it was left."""
    if wishes.overwrite:
        return None
    receipt = journal.finished(job.target)
    if receipt is None or receipt.model_sha256 != wishes.model.weights_sha256:
        return None
    # An original that was replaced is its own result; restoring it once more would not be the same again.
    is_told_the_same = set(receipt.degradations) == set(told_of(wishes.model.restorer))
    if job.target == job.source and not receipt.is_untouched:
        if not is_told_the_same:
            logger.warning(
                "%s was replaced by its own result and is not restored a second time, whatever is wrong with it: "
                "use --overwrite, or name another output.",
                job.source,
            )
        return receipt
    if not is_told_the_same:
        return None
    if receipt.belief != wishes.belief or not _has_wanted_maps(job.target, receipt, wishes):
        return None
    if receipt.perceiver_sha256 != (None if wishes.perceiver is None else wishes.perceiver.weights_sha256):
        return None
    if receipt.source.looks_unchanged(job.source):
        return receipt
    try:
        return receipt if sha256(job.source) == receipt.source.sha256 else None
    except OSError:
        return None


def _has_wanted_maps(target: Path, receipt: Receipt, wishes: Wishes) -> bool:
    """Whether the maps of a finished result are there; they are when none are wanted."""
    restorer = wishes.model.restorer
    if not isinstance(restorer, TrustedRestorer):
        return True
    return has_trust(target, receipt.target.sha256, restorer.weights_sha256)


def _check_target(job: Job, journal: Journal, overwrite: bool) -> None:
    """Refuse to replace what is not ours, but for the original itself where it was named as the output."""
    if overwrite or job.target == job.source or not os.path.lexists(job.target):
        return
    check_is_ours(job.target, journal)
    earlier = journal.receipt(job.target) if job.is_alone else None
    if earlier is not None and Path(earlier.source.name).name != job.source.name:
        raise ImageError(
            f"Expected no file at {job.target}, found what was restored from {earlier.source.name}: name another "
            "output, or use --overwrite."
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _log_start(jobs: Sequence[Job], num_finished: int, num_bytes: int, device: str) -> None:
    """What is ahead. Results are about as large as their originals."""
    num_left = sum(job.problem is None for job in jobs) - num_finished
    free = shutil.disk_usage(first_existing(jobs[0].home)).free
    before = f", {num_finished} finished before" if num_finished else ""
    text = f"{num_left} pictures to restore on {device}{before}; about {size_of(num_bytes)} to write"
    if num_bytes > free:
        logger.warning("%s, but only %s are free.", text, size_of(free))
    else:
        logger.info("%s, %s are free.", text, size_of(free))
