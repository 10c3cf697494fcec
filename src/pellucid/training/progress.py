"""How far a run is: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any


class Progress:
    """Steps done, images per second, loss and time left.

    Args:
        first: step to begin from.
        last: step to end at.
        enabled: show anything at all.
        every_seconds: between plain lines where there is no terminal.
    """

    def __init__(self, first: int, last: int, *, enabled: bool = True, every_seconds: float = 30):
        self.first, self.last, self.enabled, self.every_seconds = first, last, enabled, every_seconds
        self.images, self.loss, self.started, self.shown = 0, None, time.monotonic(), time.monotonic()
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> "Progress":
        if self.enabled and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
            self.bar = Bar(*columns, console=Console(stderr=True))
            self.task = self.bar.add_task("training", total=self.last, completed=self.first, note="")
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None):
        if self.bar is not None:
            self.bar.stop()

    def advance(self, done: int, images: int) -> None:
        """Step `done` is finished; it used `images` patches."""
        self.images += images
        if not self.enabled:
            return
        if self.bar is not None:
            self.bar.update(self.task, completed=done, note=self._note())
        elif time.monotonic() - self.shown >= self.every_seconds or done == self.last:
            self.shown = time.monotonic()
            pace = (self.shown - self.started) / max(1, done - self.first)
            left = pace * (self.last - done)
            print(f"step {done}/{self.last}  {self._note()}  {left / 60:.0f} min left", file=sys.stderr, flush=True)

    def show(self, loss: float | None) -> None:
        """The loss to show from now on."""
        self.loss = loss

    def _note(self) -> str:
        pace = self.images / max(1e-9, time.monotonic() - self.started)
        return f"{pace:.1f} images/s" + ("" if self.loss is None else f"  loss {self.loss:.4f}")
