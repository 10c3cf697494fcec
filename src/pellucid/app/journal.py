"""The memory of an output folder: what was begun, finished or failed there, so that a run can go on where one stopped.

One JSON object per line, appended in one write each; the last line about a target counts. A line that a crash cut off
is passed over, and the picture it was about is restored again.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.app.receipt import Receipt
from pellucid.errors import ImageError

JOURNAL_NAME = ".pellucid.jsonl"


class Journal:
    """The journal of one folder.

    Args:
        folder: that holds the targets; made at the first line that is written.
    """

    def __init__(self, folder: Path):
        self.path = folder / JOURNAL_NAME
        self._last: dict[str, dict[str, Any]] = {}
        self._ever_finished: set[str] = set()
        self._num_bytes_read = 0
        self.refresh()

    def refresh(self) -> None:
        """Take note of what was written since, by other runs on the same folder, too."""
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._num_bytes_read:  # somebody started it anew
                    self._num_bytes_read = 0
                file.seek(self._num_bytes_read)
                whole = file.read().rpartition(b"\n")
        except OSError:
            return
        self._num_bytes_read += len(whole[0]) + len(whole[1])
        for line in _lines(whole[0]):
            self._note(line)

    def wrote(self, target: Path) -> bool:
        """Whether a file at `target` is a result of ours, and not something that must not be replaced.

        As of the last `refresh`. An original that was kept where it lies is none.
        """
        name = self._name(target)
        return name in self._ever_finished or self._last.get(name, {}).get("state") == "begun"

    def finished(self, target: Path) -> Receipt | None:
        """The receipt of a target that was finished and is still as it was left."""
        receipt = self.receipt(target)
        return receipt if receipt is not None and receipt.target.looks_unchanged(target) else None

    def receipt(self, target: Path) -> Receipt | None:
        """The receipt of a target that was finished, whatever became of it since."""
        line = self._last.get(self._name(target), {})
        if line.get("state") != "finished":
            return None
        try:
            return Receipt.from_json(line["receipt"])
        except (TypeError, KeyError):  # of another version
            return None

    def begin(self, target: Path) -> None:
        """Work on `target` begins; from here on it is ours."""
        self._append(target, {"state": "begun"})

    def finish(self, target: Path, receipt: Receipt) -> None:
        """`target` is whole."""
        self._append(target, {"state": "finished", "receipt": receipt.as_json()})

    def fail(self, target: Path, reason: str) -> None:
        """`target` could not be made, for this reason."""
        self._append(target, {"state": "failed", "reason": reason})

    def _name(self, target: Path) -> str:
        return target.relative_to(self.path.parent).as_posix()

    def _append(self, target: Path, line: dict[str, Any]) -> None:
        line = {"target": self._name(target), **line}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                was_cut_off = size > 0 and file.read(1) != b"\n"
                file.write(b"\n" * was_cut_off + json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise ImageError(
                f"Expected an output folder that can be written, got {self.path.parent} ({error.strerror}): "
                "name another folder or make room."
            ) from error
        self._note(line)

    def _note(self, line: dict[str, Any]) -> None:
        self._last[line["target"]] = line
        if line["state"] == "finished" and not _is_untouched(line.get("receipt")):
            self._ever_finished.add(line["target"])


def _is_untouched(receipt: Any) -> bool:
    """Whether a receipt tells of an original that was kept where it lies, see `Receipt.is_untouched`."""
    if not isinstance(receipt, dict):
        return False
    return receipt.get("kept") is not None and receipt.get("source") == receipt.get("target")


def _lines(text: bytes) -> Iterator[dict[str, Any]]:
    """The lines of a journal that are whole."""
    for line in text.decode("utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict) and isinstance(values.get("target"), str) and "state" in values:
            yield values
