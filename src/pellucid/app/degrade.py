"""Degrade pictures on purpose, and write down exactly how."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Generator

from pellucid.app.degradation_text import Drawing, parse_chain
from pellucid.app.inputs import Job, is_single_file, plan_jobs
from pellucid.degradations.mixing import Chain, apply_chains
from pellucid.errors import ConfigurationError, PellucidError
from pellucid.images.atomic import replacing
from pellucid.images.files import read_image, write_image
from pellucid.version import __version__

logger = logging.getLogger(__name__)

RECORD = "degradations.jsonl"
"""Name of the file beside the results: one line per picture."""


@dataclass(frozen=True)
class DegradedPicture:
    """One picture that was written.

    Attributes:
        source: the clean one.
        target: the degraded one.
        chain: what was done, in order.
        seed: of the generator that the chain was applied with.
    """

    source: Path
    target: Path
    chain: Chain
    seed: int


@dataclass(frozen=True)
class Degrading:
    """How a call of `degrade` ended.

    Attributes:
        written: in the order of the inputs.
        failed: pictures that were set aside, each with the reason in one sentence.
        record: the file that says what was done.
    """

    written: tuple[DegradedPicture, ...]
    failed: tuple[tuple[Path, str], ...]
    record: Path


def degrade(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    what: Sequence[str],
    severity: float | None = None,
    seed: int = 0,
    keep_format: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Degrading:
    """Degrade files, folders (recursive, mirrored) and patterns, and write beside the results what was done.

    Every picture depends on `(seed, its name relative to what was typed)` alone: not on the other pictures, their order
    or the machine's threads. Results hold 8 bits a channel. Beside them lies `degradations.jsonl` with one line per
    picture: file, chain with its parameters in the units of the library (`[0, 1]`, radians, pixels), seed, version.

    Args:
        inputs: what to degrade; never changed.
        output: a file for one file, else a folder.
        what: in the order in which it is applied; see `degradation_text.parse_chain`.
        severity: of what is drawn, in `[0, 1]`; uniform from it for every picture when absent.
        seed: of everything random.
        keep_format: write the input's format instead of PNG; one with losses then compresses the result again.
        progress: told after every picture: done, total, name.

    Raises:
        ConfigurationError: when `what` is not known, or two pictures would get one target, or a target is an original.
        ImageError: when nothing is found, or the only picture is broken; of several, broken ones are set aside.
    """
    drawing = parse_chain(what, severity)
    jobs = _settled(plan_jobs(inputs, output), keep_format)
    record = (jobs[0].home or jobs[0].target.parent) / RECORD
    lines = _earlier_lines(record)
    written: list[DegradedPicture] = []
    failed: list[tuple[Path, str]] = []
    call = {"what": list(what), "severity": severity, "seed": seed, "version": __version__}
    try:
        for number, job in enumerate(jobs, start=1):
            try:
                written.append(_degrade_one(job, drawing, seed))
            except PellucidError as error:
                if is_single_file(inputs):
                    raise
                logger.warning("Set aside: %s", error)
                failed.append((job.source, str(error)))
            if progress is not None:
                progress(number, len(jobs), job.source.name)
    finally:  # also when the user stops it: what lies there is written down
        if written:
            _write_record(record, lines, written, call)
    return Degrading(tuple(written), tuple(failed), record)


def _settled(jobs: Sequence[Job], keep_format: bool) -> tuple[Job, ...]:
    """The jobs, with `.png` targets where a folder was named and the format is not kept; none replaces an original."""
    if not keep_format:
        jobs = [job if job.home is None else replace(job, target=job.target.with_suffix(".png")) for job in jobs]
    taken = {job.source.resolve(): job.source for job in jobs}
    for job in jobs:
        target = job.target.resolve()
        if target in taken:
            raise ConfigurationError(
                f"Expected a target for every picture, but {job.source} would become {job.target}, which is taken by "
                f"{taken[target]}: keep the format, or name another target."
            )
        taken[target] = job.source
    return tuple(jobs)


def _seeds_of(seed: int, job: Job) -> tuple[int, int]:
    """Seeds for the chain and for its pixels, that depend on the picture's relative name without suffix alone."""
    name = job.source.stem if job.home is None else job.target.relative_to(job.home).with_suffix("").as_posix()
    digest = hashlib.sha256(f"{seed}/{name}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") >> 1, int.from_bytes(digest[8:16], "big") >> 1


def _degrade_one(job: Job, drawing: Drawing, seed: int) -> DegradedPicture:
    chain_seed, pixel_seed = _seeds_of(seed, job)
    chain = drawing(Generator().manual_seed(chain_seed))
    degraded = apply_chains(read_image(job.source), [chain], Generator().manual_seed(pixel_seed))
    job.target.parent.mkdir(parents=True, exist_ok=True)
    write_image(job.target, degraded.clamp(0, 1))
    return DegradedPicture(job.source, job.target, chain, pixel_seed)


def _earlier_lines(path: Path) -> dict[str, str]:
    """The lines of earlier calls by file, which stay but for pictures that are written anew."""
    if not path.is_file():
        return {}
    try:
        return {json.loads(line)["file"]: line for line in path.read_text(encoding="utf-8").splitlines()}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"Expected {path} as `pellucid degrade` wrote it, got something else: move it away, or name another folder."
        ) from error


def _write_record(path: Path, lines: dict[str, str], written: Sequence[DegradedPicture], call: dict[str, Any]) -> None:
    for picture in written:
        name = Path(os.path.relpath(picture.target, path.parent)).as_posix()
        chain = [{"name": degradation.name, "parameters": asdict(degradation)} for degradation in picture.chain]  # pyright: ignore[reportArgumentType] - a protocol, but a dataclass
        entry = {"file": name, "clean": str(picture.source), "chain": chain, "picture_seed": picture.seed, **call}
        lines[name] = json.dumps(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines.values()), encoding="utf-8")
