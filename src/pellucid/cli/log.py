"""Pellucid's own messages to stderr; libraries speak up only to warn."""

import logging
import os
import sys


class _Messages(logging.Handler):
    """Plain sentences; warnings are named. Looks stderr up anew each time, as a progress bar may have replaced it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
            print(f"{prefix}{record.getMessage()}", file=sys.stderr, flush=True)
        except (OSError, ValueError):  # stderr is gone; that is no reason to stop restoring
            pass


def is_debugging() -> bool:
    """Whether the environment variable `PELLUCID_DEBUG` asks for details: device and tile per picture, tracebacks."""
    return os.environ.get("PELLUCID_DEBUG", "") not in ("", "0")


def set_up_log() -> None:
    """Send the messages of `pellucid` loggers, from INFO up, to stderr; calling it again changes nothing."""
    logger = logging.getLogger("pellucid")
    logger.setLevel(logging.DEBUG if is_debugging() else logging.INFO)
    if not any(isinstance(handler, _Messages) for handler in logger.handlers):
        logger.addHandler(_Messages())
