"""How far a verb is: a bar on a terminal, a plain line now and then elsewhere. On stderr; stdout is for data."""

import sys
import time
from types import TracebackType
from typing import Any

EVERY_SECONDS = 10.0
"""Between plain lines."""


class ProgressDisplay:
    """Called as `display(done, total, what)`, in any unit; shows the share done, the time left and what is at hand.

    Args:
        every_seconds: between plain lines where there is no terminal.

    Example:
        >>> with ProgressDisplay() as display:
        ...     display(3, 10, "photo.jpg")
    """

    def __init__(self, every_seconds: float = EVERY_SECONDS):
        self._every_seconds = every_seconds
        self._started = self._shown = time.monotonic()
        self._first: int | None = None
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "ProgressDisplay":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        """`done` of `total` is finished, `what` is at hand."""
        if self._bar is not None:
            from rich.markup import escape

            self._bar.update(self._task, completed=done, total=total, description=escape(what))
            return
        now = time.monotonic()
        if self._first is None:  # what was done before the first call took no time of ours
            self._first, self._started = done, now
        if now - self._shown >= self._every_seconds:
            self._shown = now
            print(f"{self._line(done, total, now)}  {what}", file=sys.stderr, flush=True)

    def _line(self, done: int, total: int, now: float) -> str:
        share = f"{100 * done / max(1, total):3.0f} %"
        since_first = done - (self._first or 0)
        if since_first <= 0:
            return share
        left = (now - self._started) * (total - done) / since_first
        return f"{share}  {_left(left)} left"


def _left(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
