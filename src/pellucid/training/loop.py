"""The training loop: batches to a recipe, and everything around it. It knows no loss and no optimiser."""

import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from pellucid.data.batch import Batch
from pellucid.errors import MethodError
from pellucid.methods.base import Recipe, Stopping
from pellucid.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from pellucid.training.config import TrainingSettings
from pellucid.training.progress import Progress
from pellucid.training.run_folder import RunFolder

logger = logging.getLogger(__name__)


REASONS = ("finished", "settled", "time limit", "interrupted")
"""Why a run ends; of several that hold at once the last counts. Settled is what a recipe calls over."""


@dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended.

    Attributes:
        step: reached.
        reason: one of `REASONS`.
    """

    step: int
    reason: str


def train(
    recipe: Recipe,
    batches: Callable[[int], Batch],
    settings: TrainingSettings,
    run: RunFolder,
    *,
    validate: Callable[[Recipe, int], dict[str, float]] | None = None,
    is_main: bool = True,
    num_processes: int = 1,
    agree: Callable[[int], int] = int,
) -> Outcome:
    """Train until the last step, the time limit, or Ctrl-C; going on from the newest checkpoint of the run.

    Args:
        recipe: what to train.
        batches: the batch of every step; a pure function, so that going on equals running through.
        settings: how.
        run: where.
        validate: called every `validate_every` steps; what it returns goes into the log.
        is_main: whether this process writes; one of several does.
        num_processes: that train together, each on its own batches.
        agree: the largest of the numbers that the processes call it with, so that all stop at the same step.

    Raises:
        MethodError: after too many non-finite losses in a row.
    """
    first, sums, non_finite, streak = _resume(recipe, run)
    if first and agree(int(_is_settled(recipe))):
        return Outcome(first, "settled")
    started, started_cpu = time.monotonic(), time.process_time()
    step = first
    window, window_images = time.monotonic(), 0
    with _interrupts() as interrupted, Progress(first, settings.steps, enabled=is_main) as progress:
        for step, batch in _prefetched(batches, first, settings.steps, settings.prefetch):
            try:
                terms = recipe.step(batch)
                streak = 0
                if is_main:  # only the process that logs clears them
                    for name, value in terms.items():
                        sums[name].append(value)
            except FloatingPointError as error:
                streak, non_finite = streak + 1, non_finite + 1
                logger.warning("Step %d skipped, not finite: %s.", step, error)
                if streak >= settings.largest_non_finite_streak:
                    raise MethodError(
                        f"Expected finite losses, got {streak} that are not in a row up to step {step} ({error}): "
                        "lower the learning rate or the gradient clip, or train with --training.precision no."
                    ) from error
            done = step + 1
            images = len(batch.domains) * num_processes
            progress.advance(done, images)
            window_images += images
            if is_main and (done % settings.log_every == 0 or done == settings.steps):
                seconds, window = time.monotonic() - window, time.monotonic()
                # Values stay on the device until here: reading one waits for the GPU.
                means = {name: sum(float(v) for v in values) / len(values) for name, values in sums.items()}
                run.log(done, **means, non_finite=non_finite, images_per_second=window_images / max(seconds, 1e-9))
                progress.show(means.get("loss"))
                sums.clear()
                window_images = 0
            is_over = _is_over(settings, started, started_cpu) and done < settings.steps
            # What stops by looking gets a last look, or what was learned since the one before would not count.
            is_looked_at = done % settings.validate_every == 0 or done == settings.steps
            if is_main and validate is not None and (is_looked_at or (is_over and isinstance(recipe, Stopping))):
                paused = time.monotonic()
                run.log(done, **validate(recipe, done))
                window += time.monotonic() - paused  # so that the pace is that of training alone
            is_settled = done < settings.steps and _is_settled(recipe)
            reason = REASONS[agree(3 if interrupted.is_set() else 2 if is_over else int(is_settled))]
            if is_main and (done % settings.checkpoint_every == 0 or done == settings.steps or reason != "finished"):
                unlogged = {name: [float(value) for value in values] for name, values in sums.items()}
                counts = {"unlogged": unlogged, "non_finite": non_finite, "streak": streak}
                state = {"recipe": recipe.state_dict(), **counts}
                save_checkpoint(run.checkpoints, state, done, settings.keep_checkpoints)
            if reason != "finished":
                return Outcome(done, reason)
    return Outcome(settings.steps, "finished")


def _resume(recipe: Recipe, run: RunFolder) -> tuple[int, dict[str, list[float]], int, int]:
    """The step to go on from, the terms since the last line of the log, how many losses were not finite, and in a row.

    The log then ends at that step.
    """
    existing = checkpoints(run.checkpoints)
    if not existing:
        run.forget_after(0)  # a run that was killed before its first checkpoint has left lines, too
        return 0, defaultdict(list), 0, 0
    step, state = load_checkpoint(existing[-1])
    recipe.load_state_dict(state["recipe"])
    run.forget_after(step)
    logger.info("Going on from step %d in %s.", step, existing[-1])
    streak = state.get("streak", 0)  # earlier versions did not keep it
    return step, defaultdict(list, state["unlogged"]), state["non_finite"], streak


def _is_settled(recipe: Recipe) -> bool:
    return isinstance(recipe, Stopping) and recipe.over is not None


def _is_over(settings: TrainingSettings, started: float, started_cpu: float) -> bool:
    wall, cpu = settings.time_limit_minutes, settings.cpu_time_limit_minutes
    return (wall is not None and time.monotonic() - started > wall * 60) or (
        cpu is not None and time.process_time() - started_cpu > cpu * 60
    )


def _prefetched(batches: Callable[[int], Batch], first: int, last: int, ahead: int) -> Iterator[tuple[int, Batch]]:
    """`(step, batch)` in order; with `ahead` > 0 later batches are made in a thread while one is used."""
    if ahead == 0:
        for step in range(first, last):
            yield step, batches(step)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        waiting: list[Future[Batch]] = [pool.submit(batches, step) for step in range(first, min(first + ahead, last))]
        try:
            for step in range(first, last):
                batch = waiting.pop(0).result()
                if step + ahead < last:
                    waiting.append(pool.submit(batches, step + ahead))
                yield step, batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second one stops at once, as usual."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: object) -> None:
        event.set()
        for restored, handler in before.items():
            signal.signal(restored, handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
