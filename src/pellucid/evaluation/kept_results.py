"""Results kept line by line while measuring goes on: an interruption costs one of them, a model added later itself."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from pellucid.errors import DataError
from pellucid.evaluation.evaluate import INPUT, Contestant, Result
from pellucid.evaluation.protocols import Trial
from pellucid.evaluation.records import json_text, results_of, versions
from pellucid.version import __version__

Measure = Callable[[Sequence[Contestant]], Sequence[Result]]
"""Measures contestants in one trial, in their order."""


class KeptResults:
    """A file of results, one line per contestant and trial.

    A line counts when all that can change a figure is as it was: name and facts of the contestant (hash of its weights,
    device and type, version of its library), protocol, level, seed, the pictures, and the versions of Pellucid and of
    what it measures with. Times do not count as such: they are of several runs.

    Args:
        path: of the file; it and its folder are made with the first line. Lines that do not count stay.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._known: list[tuple[str, Result]] = []
        if self.path.is_file() and not (self.path.read_bytes() or b"\n").endswith(b"\n"):
            with self.path.open("a") as file:  # a line that was cut off must not swallow the next one
                file.write("\n")
        for line in self.path.read_text().splitlines() if self.path.is_file() else ():
            try:
                content = json.loads(line)
                if (content["pellucid"], content["versions"]) == (__version__, versions()):
                    self._known += [(content["pictures"], result) for result in results_of(line)]
            except (ValueError, KeyError, TypeError, DataError):
                continue  # cut off, or of a protocol that has changed

    def or_measured(
        self,
        contestants: Sequence[Contestant],
        trial: Trial,
        seed: int,
        num_pictures: int,
        pictures: str,
        measure: Measure,
    ) -> list[Result]:
        """The results of all contestants in one trial; who has none here is measured and kept.

        Args:
            contestants: who restores. One without facts, but for the input, could be anybody and is always measured.
            trial: protocol, set and level.
            seed: of the noise.
            num_pictures: of the set that are to be measured.
            pictures: fingerprint of the set.
            measure: gives the results of contestants in this trial.
        """
        found = [self._find(contestant, trial, seed, num_pictures, pictures) for contestant in contestants]
        results = []
        for contestant, known in zip(contestants, found, strict=True):
            if known is None:
                (known,) = measure([contestant])  # one by one, so that an interruption costs no more
                if contestant.facts or contestant.name == INPUT:
                    self._keep(known, pictures)
            results.append(known)
        return results

    def _find(self, contestant: Contestant, trial: Trial, seed: int, num_pictures: int, pictures: str) -> Result | None:
        if not contestant.facts and contestant.name != INPUT:
            return None
        wanted = (contestant.name, dict(contestant.facts), trial, seed, num_pictures, pictures)
        for its_pictures, one in self._known:
            if (one.contestant, dict(one.facts), one.trial, one.seed, len(one.scores), its_pictures) == wanted:
                return one
        return None

    def _keep(self, result: Result, pictures: str) -> None:
        line = json.dumps({"pictures": pictures, **json.loads(json_text([result]))}, ensure_ascii=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(f"{line}\n")
        self._known.append((pictures, result))
