"""Degrade pictures on purpose, and write down exactly how."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Generator

from pellucid.app.degradation_record import DegradationRecord
from pellucid.app.degradation_text import parse_chain
from pellucid.app.inputs import Job, is_single_file, keep_apart, plan_jobs
from pellucid.app.targets import check_is_ours
from pellucid.degradations.chain import Chain
from pellucid.degradations.mixing import apply_chains
from pellucid.degradations.text import Drawing
from pellucid.errors import ConfigurationError, ImageError, PellucidError
from pellucid.images.files import read_picture, write_image
from pellucid.images.picture import Picture
from pellucid.version import __version__

logger = logging.getLogger(__name__)


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
    overwrite: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Degrading:
    """Degrade files, folders (recursive, mirrored) and patterns, and write beside the results what was done.

    Every picture depends on `(seed, its name relative to what was typed)` alone: not on the other pictures, their order
    or the machine's threads. Results hold 8 bits a channel, colours and their ICC profile; the log names what else was
    in the files. Beside them lies `degradations.jsonl` with one line per picture: file, chain with its parameters in
    the units of the library (`[0, 1]`, radians, pixels), seed, version.

    Args:
        inputs: what to degrade; never changed.
        output: a file for one file, else a folder.
        what: in the order in which it is applied; see `degradation_text.parse_chain`.
        severity: of what is drawn, in `[0, 1]`; uniform from it for every picture when absent.
        seed: of everything random.
        keep_format: write the input's format instead of PNG; one with losses then compresses the result again.
        overwrite: replace files that Pellucid did not write; those that the record names are replaced in any case.
        progress: told after every picture: done, total, name.

    Raises:
        ConfigurationError: when `what` is not known, or two pictures would get one target, or a target is an original.
        ImageError: when nothing is found, or the only picture is broken or would replace a file of somebody else; of
            several, such ones are set aside.
    """
    drawing = parse_chain(what, severity)
    jobs = _settled(plan_jobs(inputs, output), keep_format)
    record = DegradationRecord(jobs[0].home)
    written: list[DegradedPicture] = []
    failed: list[tuple[Path, str]] = []
    not_kept: Counter[str] = Counter()
    call = {"what": list(what), "severity": severity, "seed": seed, "version": __version__}
    try:
        for number, job in enumerate(jobs, start=1):
            try:
                if not overwrite:
                    check_is_ours(job.target, record)
                picture, lost = _degrade_one(job, drawing, record, call)
                written.append(picture)
                not_kept.update(lost)
            except PellucidError as error:
                if is_single_file(inputs):
                    raise
                logger.warning("Set aside: %s", error)
                failed.append((job.source, str(error)))
            if progress is not None:
                progress(number, len(jobs), job.source.name)
    finally:
        record.tidy()
    if not_kept:
        counts = ", ".join(f"{name} ({count})" for name, count in sorted(not_kept.items()))
        logger.warning("Not kept, and of how many pictures: %s.", counts)
    return Degrading(tuple(written), tuple(failed), record.path)


def _settled(jobs: Sequence[Job], keep_format: bool) -> tuple[Job, ...]:
    """The jobs, with `.png` targets where a folder was named and the format is not kept; none replaces an original."""
    if not keep_format:
        as_typed = [job.is_alone or job.problem is not None for job in jobs]
        pngs = [replace(job, target=job.target.with_suffix(".png")) for job in jobs]
        jobs = keep_apart([job if stays else png for job, png, stays in zip(jobs, pngs, as_typed, strict=True)])
    taken = {job.source.resolve(): job.source for job in jobs}
    for job in jobs:
        target = job.target.resolve()
        if target in taken:
            raise ConfigurationError(
                f"Expected a target for every picture, but {job.source} would become {job.target}, which is taken by "
                f"{taken[target]}: name another target."
            )
        taken[target] = job.source
    return tuple(jobs)


def _seeds_of(seed: int, job: Job) -> tuple[int, int]:
    """Seeds for the chain and for its pixels, that depend on the picture's relative name without suffix alone."""
    name = (job.target.relative_to(job.home).parent / job.source.stem).as_posix()
    digest = hashlib.sha256(f"{seed}/{name}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") >> 1, int.from_bytes(digest[8:16], "big") >> 1


def _degrade_one(
    job: Job, drawing: Drawing, record: DegradationRecord, call: dict[str, Any]
) -> tuple[DegradedPicture, list[str]]:
    """One picture degraded and written, and what of its file was not kept."""
    if job.problem is not None:
        raise ImageError(job.problem)
    chain_seed, pixel_seed = _seeds_of(call["seed"], job)
    chain = drawing(Generator().manual_seed(chain_seed))
    picture = read_picture(job.source)
    try:
        # As the result can hold it: floats are read in parts of their peak, white is another matter.
        clean = picture.read() * (picture.samples.peak / picture.samples.white)
        degraded = apply_chains(clean.clamp(0, 1), [chain], Generator().manual_seed(pixel_seed))
    finally:
        picture.close()
    steps = [{"name": degradation.name, "parameters": asdict(degradation)} for degradation in chain]  # pyright: ignore[reportArgumentType] - a protocol, but a dataclass
    job.target.parent.mkdir(parents=True, exist_ok=True)
    record.begin(job.target, {"clean": str(job.source), "chain": steps, "picture_seed": pixel_seed, **call})
    write_image(job.target, degraded.clamp(0, 1), profile=picture.rgb_profile)
    record.finish(job.target)
    return DegradedPicture(job.source, job.target, chain, pixel_seed), _not_kept(picture)


def _not_kept(picture: Picture) -> list[str]:
    """Names of what the original has and the result has not."""
    metadata = picture.header.metadata
    found = {
        "opacity": picture.has_alpha,
        "bits beyond 8": picture.depth > 8,
        "light above white": picture.samples.brightest > picture.samples.white,
        "grey as one channel": picture.channels == "grey",
        "resolution": metadata.resolution is not None,
        "the ICC profile": picture.profile != picture.rgb_profile,
        "EXIF": metadata.exif is not None,
        "XMP": metadata.xmp is not None,
        "IPTC": metadata.iptc is not None,
    }
    return [name for name, is_there in found.items() if is_there]
