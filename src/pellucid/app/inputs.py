"""What was typed to a plan: which picture is restored to which file, known and checked before any work begins."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pellucid.app.trust import is_trust_folder
from pellucid.errors import ConfigurationError, ImageError
from pellucid.images.formats import FORMATS, format_of_target

logger = logging.getLogger(__name__)

PICTURE_SUFFIXES = {suffix for row in FORMATS.values() for suffix in row.suffixes}
"""What counts as a picture inside a folder; a file that is named itself is tried whatever its name."""

FOREIGN_SUFFIXES = {".heic", ".heif", ".jxl", ".jp2", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"}
"""Pictures that cannot be read; what is left out of a folder is said once."""

MARK = ".restored"
"""Stands before the suffix of a result that lies beside its original."""


@dataclass(frozen=True)
class Job:
    """One picture to restore.

    Attributes:
        source: the original.
        target: where the result goes; equal to `source` only when that was asked for by name.
        home: the folder whose journal knows the target.
        is_alone: whether one file is restored to one file, and so the target's name is settled.
        problem: why `source`, a folder that cannot be read, is not even tried; `None` for a picture.
    """

    source: Path
    target: Path
    home: Path
    is_alone: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class _Found:
    """A picture, and where its result may go: relative to an output folder, or beside."""

    source: Path
    relative: Path
    default_target: Path
    default_home: Path
    problem: str | None = None


def plan_jobs(inputs: Sequence[str | Path], output: str | Path | None = None) -> tuple[Job, ...]:
    """The pictures that `inputs` name, each with its target; in the order of the inputs, folders sorted.

    A file keeps its name, a folder's tree is mirrored, and so is the tree below the first wildcard of a pattern.
    Without `output` the results lie beside: `a.restored.jpg` for a file, `photos.restored/` for a folder. A format that
    cannot be written becomes PNG; see `keep_apart` for a picture that already has the name.

    Args:
        inputs: files, folders (recursive) and patterns (`*`, `?`, `[...]`, `**`).
        output: a file for one file, else a folder.

    Raises:
        ImageError: when an input is not there, no picture is found, or a single file's target cannot be written.
        ConfigurationError: when two pictures would get one target, or a target is an original.
    """
    if not inputs:
        raise ConfigurationError("Expected pictures to restore, got none: name files, folders or patterns.")
    if is_single_file(inputs) and not _means_folder(output):
        source = Path(inputs[0])
        target = _beside(source) if output is None else Path(output)
        format_of_target(target)
        return (Job(source, target, target.parent, is_alone=True),)
    if output is not None and _means_file(output):
        raise ConfigurationError(
            f"Expected a folder for the results of what is not one single file, got {output}: name a folder."
        )
    avoid = None if output is None else Path(output).resolve()
    found = _distinct([item for typed in inputs for item in _find(typed, avoid)])
    if all(item.problem is not None for item in found):
        if found:
            raise ImageError(found[0].problem)
        typed = ", ".join(str(item) for item in inputs)
        raise ImageError(f"Expected pictures in {typed}, found none: check the path; known are {_listed()}.")
    if output is None:
        jobs = [Job(item.source, item.default_target, item.default_home, problem=item.problem) for item in found]
        results = {_place(job.target) for job in jobs}
        jobs = [job for job in jobs if _place(job.source) not in results]  # results of an earlier run
    else:
        jobs = [Job(item.source, Path(output) / item.relative, Path(output), problem=item.problem) for item in found]
    jobs = keep_apart(jobs)
    _check_targets(jobs)
    return tuple(jobs)


def find_pictures(inputs: Sequence[str | Path]) -> tuple[tuple[Path, str | None], ...]:
    """The pictures that `inputs` name, each once, with the reason why one is not even tried; folders sorted.

    Args:
        inputs: files, folders (recursive) and patterns (`*`, `?`, `[...]`, `**`).

    Raises:
        ImageError: when an input is not there, or no picture is found.
        ConfigurationError: when nothing is named.
    """
    if not inputs:
        raise ConfigurationError("Expected pictures, got none: name files, folders or patterns.")
    found = _distinct([item for typed in inputs for item in _find(typed, None)])
    if not found:
        raise ImageError(f"Expected pictures ({_listed()}) in {inputs[0]}, found none: check the path.")
    problems = [item.problem for item in found if item.problem is not None]
    if len(problems) == len(found):
        raise ImageError(problems[0])
    return tuple((item.source, item.problem) for item in found)


def is_single_file(inputs: Sequence[str | Path]) -> bool:
    """Whether one file was named, and so an error is the user's answer rather than a line in a list."""
    return len(inputs) == 1 and Path(inputs[0]).is_file()


def keep_apart(jobs: Sequence[Job]) -> list[Job]:
    """`jobs`, where a picture that changes its format does not take the target of another: `a.gif` becomes `a.gif.png`.

    Pictures that keep their format keep their names, whatever the order.
    """
    counts = Counter(_place(job.target) for job in jobs)

    def apart(job: Job) -> Job:
        changes_format = job.target.suffix.lower() != job.source.suffix.lower()
        if counts[_place(job.target)] == 1 or not changes_format:
            return job
        return replace(
            job, target=job.target.with_name(job.source.name + job.target.name.removeprefix(job.source.stem))
        )

    return [apart(job) for job in jobs]


def _place(path: Path) -> str:
    """Where a file lies, however it is spelled; the file itself may be a link, and that stays one."""
    return os.path.normcase(path.parent.resolve() / path.name)


def _means_folder(output: str | Path | None) -> bool:
    if output is None:
        return False
    return Path(output).is_dir() or str(output).endswith(("/", os.sep)) or not Path(output).suffix


def _means_file(output: str | Path) -> bool:
    looks_like_picture = _is_picture(Path(output)) and not str(output).endswith(("/", os.sep))
    return Path(output).is_file() or (looks_like_picture and not Path(output).is_dir())


def _find(typed: str | Path, avoid: Path | None) -> Iterator[_Found]:
    path = Path(typed)
    if path.is_file():
        yield _Found(path, _writable(Path(path.name)), _beside(path), path.parent)
    elif path.is_dir():
        beside = Path(f"{path.absolute()}{MARK}") if path.name in ("", "..") else path.with_name(path.name + MARK)
        for source, problem in _walk(path, avoid):
            relative = _writable(source.relative_to(path))
            yield _Found(source, relative, beside / relative, beside, problem)
    elif glob.has_magic(str(typed)):
        root = _root(path)
        for match in sorted(map(Path, glob.glob(str(typed), recursive=True))):  # noqa: PTH207 - hidden files stay out
            if _lies_in_results(match, avoid, root) or any(map(is_trust_folder, (match, *match.parents))):
                continue
            matches = _walk(match, avoid) if match.is_dir() else [(match, None)] if _is_picture(match) else []
            for source, problem in matches:
                yield _Found(source, _writable(source.relative_to(root)), _beside(source), source.parent, problem)
    else:
        raise ImageError(f"Expected a picture, a folder or a pattern, found nothing at {typed}: check the path.")


def _root(pattern: Path) -> Path:
    """The part of a pattern before its first wildcard."""
    plain: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        plain.append(part)
    return Path(*plain)


def _lies_in_results(match: Path, avoid: Path | None, root: Path) -> bool:
    """Whether a pattern has met the output folder, or what an earlier run put there."""
    place, above = match.resolve(), root.resolve()
    if avoid is None or avoid in (above, *above.parents):  # an output folder that holds the originals is refused later
        return False
    return avoid in (place, *place.parents)


def _walk(folder: Path, avoid: Path | None) -> Iterator[tuple[Path, str | None]]:
    """The pictures below `folder`, sorted; nothing hidden, nothing in the output folder, no maps of trust.

    After them come the folders that cannot be read, each with a sentence on why.
    """
    left_out: Counter[str] = Counter()
    links: list[str] = []
    unreadable: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unreadable.append):
        below = [Path(parent) / name for name in sorted(folders) if name[0] != "."]
        links.extend(str(path) for path in below if path.is_symlink())
        folders[:] = [
            path.name
            for path in below
            if not path.is_symlink() and path.resolve() != avoid and not is_trust_folder(path)
        ]
        left_out.update(suffix for name in names if (suffix := Path(name).suffix.lower()) in FOREIGN_SUFFIXES)
        pictures = [Path(parent) / name for name in sorted(names) if name[0] != "." and _is_picture(Path(name))]
        # Reading a pipe waits for a writer, maybe for ever; what is broken is told when it is read.
        yield from ((path, None) for path in pictures if path.is_file() or not path.exists())
    for error in unreadable:
        reason = (error.strerror or str(error)).lower()
        yield (
            Path(error.filename),
            f"Expected to read the folder {error.filename}, but that failed ({reason}): check who may read it.",
        )
    if links:
        logger.warning("Left out of %s, as links to folders are not followed: %s.", folder, ", ".join(links))
    if left_out:
        counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(left_out.items()))
        logger.warning("Left out of %s, as they cannot be read: %s.", folder, counts)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES


def _listed() -> str:
    return " ".join(sorted(PICTURE_SUFFIXES))


def _writable(path: Path) -> Path:
    """`path`, as PNG when it names a format that is read but not written."""
    is_read_only = any(path.suffix.lower() in row.suffixes and not row.is_written for row in FORMATS.values())
    return path.with_suffix(".png") if is_read_only else path


def _beside(source: Path) -> Path:
    return _writable(source.with_name(f"{source.stem}{MARK}{source.suffix}"))


def _distinct(found: Sequence[_Found]) -> list[_Found]:
    """Each picture once, as it was found first: `photos/*` after `photos` adds nothing."""
    first: dict[str, _Found] = {}
    for item in found:
        # Not resolved: two links to one file are two pictures.
        first.setdefault(os.path.abspath(item.source), item)  # noqa: PTH100
    return list(first.values())


def _check_targets(jobs: Sequence[Job]) -> None:
    originals = {job.source.resolve() for job in jobs}
    taken: dict[str, Path] = {}
    for job in jobs:
        if job.target.resolve() in originals:
            raise ConfigurationError(
                f"Expected an output folder that holds no original, but {job.target} is one: name another folder."
            )
        name = _place(job.target)
        if name in taken:
            raise ConfigurationError(
                f"Expected a target for every picture, but {taken[name]} and {job.source} would both become "
                f"{job.target}: restore them into two folders, or name the folder above both."
            )
        taken[name] = job.source
