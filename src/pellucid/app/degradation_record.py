"""What `pellucid degrade` did to the pictures of a folder: one JSON line each, in `degradations.jsonl` beside them.

A line is appended just before its picture is written, so that no picture is ever without one, even after a crash; the
last line about a picture counts. `tidy` leaves one line for each.
"""

import json
import os
from pathlib import Path
from typing import Any

from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.atomic import replacing, unwritable

RECORD = "degradations.jsonl"
"""Name of the file beside the results."""

_START = '{"file": "'


class DegradationRecord:
    """The record of one folder.

    Args:
        folder: that holds the results; need not be there before the first of them.

    Raises:
        ConfigurationError: when the file is something else.
        ImageError: when it cannot be read.
    """

    def __init__(self, folder: Path):
        self.path = folder / RECORD
        self._before = self._lines()
        self._unwritten: set[str] = set()

    def wrote(self, target: Path) -> bool:
        """Whether an earlier call wrote a picture at `target`, or was about to."""
        return self._name(target) in self._before

    def begin(self, target: Path, entry: dict[str, Any]) -> None:
        """`target` is about to be written, and `entry` says how it came to be."""
        name = self._name(target)
        self._unwritten.add(name)
        try:
            with self.path.open("a+b", buffering=0) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
                was_cut_off = file.read(1) not in (b"", b"\n")
                file.write(b"\n" * was_cut_off + json.dumps({"file": name, **entry}).encode() + b"\n")
        except OSError as error:
            raise unwritable(self.path, error) from error

    def finish(self, target: Path) -> None:
        """`target` is whole."""
        self._unwritten.discard(self._name(target))

    def tidy(self) -> None:
        """Leave one line for each picture, and for one that was begun but not finished what was there before."""
        if not self.path.is_file():
            return
        lines = self._lines()
        for name in self._unwritten & lines.keys():
            if name in self._before:
                lines[name] = self._before[name]
            else:
                del lines[name]
        text = "".join(f"{line}\n" for line in lines.values())
        if not text:
            self.path.unlink()
        elif text.encode() != self.path.read_bytes():
            with replacing(self.path) as partial:
                partial.write_text(text, encoding="utf-8")

    def _name(self, target: Path) -> str:
        return Path(os.path.relpath(target, self.path.parent)).as_posix()

    def _lines(self) -> dict[str, str]:
        """The last line about each picture, in the order of the first."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ImageError(f"Expected to read {self.path}, but that failed ({error.strerror}): check it.") from error
        except ValueError as error:
            raise self._foreign() from error
        lines: dict[str, str] = {}
        for line in text.splitlines():
            try:
                lines[json.loads(line)["file"]] = line
            except (ValueError, KeyError, TypeError) as error:
                was_cut_off = line[: len(_START)] == _START[: len(line)]  # by a crash; its picture was not written
                if not was_cut_off:
                    raise self._foreign() from error
        return lines

    def _foreign(self) -> ConfigurationError:
        return ConfigurationError(
            f"Expected {self.path} as `pellucid degrade` wrote it, got something else: move it away, or name another "
            "folder."
        )
