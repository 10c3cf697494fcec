"""Plain lines where there is no terminal, a bar where there is one, nothing on stdout."""

import io
import sys

import pytest

from pellucid.cli import progress as module
from pellucid.cli.progress import ProgressDisplay


class Clock:
    """Stands in for the time module."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_lines_come_now_and_then_with_the_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(every_seconds=10) as display:
        for second in range(31):
            clock.now = 100.0 + second
            display(20 + second, 120, "a.jpg")
    captured = capsys.readouterr()
    assert captured.out == ""
    # One unit a second from the first call on: 100 - 10, 100 - 20, 100 - 30 seconds are left.
    assert captured.err.splitlines() == [
        " 25 %  90 s left  a.jpg",
        " 33 %  80 s left  a.jpg",
        " 42 %  70 s left  a.jpg",
    ]


def test_nothing_done_yet_has_no_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(every_seconds=10) as display:
        display(0, 0, "a.jpg")
        clock.now += 10
        display(0, 0, "a.jpg")
    assert capsys.readouterr().err == "  0 %  a.jpg\n"


def test_hours_are_hours(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(every_seconds=10) as display:
        display(0, 1000, "a.jpg")
        clock.now += 36
        display(1, 1000, "a.jpg")
    assert "10.0 h left" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with ProgressDisplay() as display:
        display(30, 120, "[odd] name.jpg")
        display._bar.refresh()
    assert "25%" in terminal.getvalue()
    assert "[odd] name.jpg" in terminal.getvalue()
