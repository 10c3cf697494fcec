"""Contestants through trials: every picture degraded, restored, compared and timed.

A contestant is a name and a function from image to image. Pictures are the outer loop and contestants the inner one,
so that a machine that slows down for a while slows all of them alike, and ratios of times hold.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pellucid.errors import ConfigurationError, ImageError, MethodError
from pellucid.evaluation.benchmark_sets import OpenedSet
from pellucid.evaluation.degrading import GivenPairs
from pellucid.evaluation.measures import (
    SSIM_VARIANTS,
    area_under_ab_curve,
    psnr,
    rounded_to_8_bits,
    ssim,
)
from pellucid.evaluation.protocols import Protocol, Trial

Restore = Callable[[Tensor], Tensor]
"""`(1, 3, H, W)` float32, nominally in `[0, 1]`, to the same shape."""

INPUT = "input"
"""The name of the contestant that does nothing."""

Progress = Callable[[int, int, str], None]
"""Called with work done, work in all (both in restorations), and what was just finished."""


@dataclass(frozen=True)
class Contestant:
    """Something that restores pictures.

    Attributes:
        name: as it stands in tables.
        restore: the function.
        informed: for methods that may know the protocol (BM3D with the true sigma): trial to function; used instead
            of `restore` when given.
        facts: what a reader of the results should know: hash of the weights, version, licence.
    """

    name: str
    restore: Restore
    informed: Callable[[Trial], Restore] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def ready(self, trial: Trial) -> Restore:
        """The function to call in this trial."""
        return self.restore if self.informed is None else self.informed(trial)


@dataclass(frozen=True)
class PictureScore:
    """One picture's row.

    Attributes:
        picture: its name.
        index: its place in the whole set.
        height: pixels.
        width: pixels.
        psnr: in dB, as the protocol measures it.
        ssim: by variant; the protocol's own and the other.
        seconds: of wall clock for restoring.
        auc: area under the colour curve in percent, where the protocol has it.
    """

    picture: str
    index: int
    height: int
    width: int
    psnr: float
    ssim: Mapping[str, float]
    seconds: float
    auc: float | None = None


@dataclass(frozen=True)
class Result:
    """One contestant in one trial.

    Attributes:
        contestant: its name.
        trial: protocol, set and level.
        seed: of the noise.
        scores: one per picture.
        num_in_set: pictures that the whole set has; more than `scores` when only some were measured.
        facts: of the contestant.
    """

    contestant: str
    trial: Trial
    seed: int
    scores: tuple[PictureScore, ...]
    num_in_set: int
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def psnr(self) -> float:
        """Mean of the pictures' PSNR, in dB."""
        return statistics.fmean(score.psnr for score in self.scores)

    @property
    def worst_psnr(self) -> float:
        """The lowest PSNR of one picture, in dB."""
        return min(score.psnr for score in self.scores)

    @property
    def ssim(self) -> float:
        """Mean of the pictures' SSIM, in the protocol's variant."""
        return statistics.fmean(score.ssim[self.trial.protocol.ssim] for score in self.scores)

    @property
    def auc(self) -> float | None:
        """Mean area under the colour curve, in percent; `None` where the protocol has none."""
        values = [score.auc for score in self.scores if score.auc is not None]
        return statistics.fmean(values) if values else None

    @property
    def seconds_per_megapixel(self) -> float:
        """Median over the pictures, so that the first one's warming up does not count."""
        return statistics.median(1e6 * score.seconds / (score.height * score.width) for score in self.scores)


@dataclass(frozen=True)
class Case:
    """One picture of a trial, before anybody restored it: `(1, 3, H, W)` each."""

    picture: str
    index: int
    degraded: Tensor
    clean: Tensor


def spread_evenly(count: int, limit: int | None) -> range:
    """Indices of at most `limit` of `count` pictures: every n-th, from the first. All without a limit.

    Example:
        >>> list(spread_evenly(68, 4))
        [0, 17, 34, 51]
    """
    if limit is not None and limit < 1:
        raise ConfigurationError(f"Expected a limit of at least one picture, got {limit}: leave it out to take all.")
    return range(0, count, 1 if limit is None else -(-count // limit))


def cases(trial: Trial, pictures: OpenedSet, indices: Sequence[int], *, seed: int) -> Iterator[Case]:
    """The pictures of a trial, degraded as its protocol says, one by one.

    Args:
        trial: protocol and level.
        pictures: the opened set.
        indices: which of its pictures.
        seed: of the noise.

    Raises:
        ConfigurationError: when protocol and set do not go together, or the level is missing.
    """
    protocol = trial.protocol
    if isinstance(protocol.input, GivenPairs) != pictures.is_paired:
        held = "pairs" if pictures.is_paired else "clean pictures only"
        raise ConfigurationError(
            f"Expected a set that fits protocol {protocol.name}, got {pictures.name} with {held}: choose one of "
            f"{', '.join(protocol.test_sets)}, or another protocol."
        )
    degrade = None
    if not pictures.is_paired:
        degrade = protocol.input.maker(
            trial.level, seed=seed, sizes=lambda: [protocol.selected_size(*size) for size in pictures.sizes()]
        )
    for index in indices:
        given, clean = pictures.read(index)
        clean = protocol.selected(clean)
        if degrade is not None:
            degraded = degrade(clean, index)
        else:
            degraded = protocol.selected(given) if given is not None else clean
        yield Case(pictures.pictures[index], index, degraded, clean)


def evaluate(
    contestants: Sequence[Contestant],
    trial: Trial,
    pictures: OpenedSet,
    *,
    seed: int = 0,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[Result, ...]:
    """The results of all contestants in one trial, in their order.

    Args:
        contestants: who restores.
        trial: protocol, set and level.
        pictures: the opened set.
        seed: of the noise; the same for all contestants.
        limit: measure at most so many pictures, spread evenly over the set.
        progress: told after every restoration.

    Raises:
        ConfigurationError: when protocol and set do not go together.
        MethodError: when a contestant gives back another shape or values that are not finite.
    """
    indices = spread_evenly(len(pictures.pictures), limit)
    ready = [contestant.ready(trial) for contestant in contestants]
    rows: list[list[PictureScore]] = [[] for _ in contestants]
    total, done = len(indices) * len(contestants), 0
    for case in cases(trial, pictures, indices, seed=seed):
        for contestant, restore, scores in zip(contestants, ready, rows, strict=True):
            restored, seconds = timed(contestant.name, restore, case.degraded)
            scores.append(score(trial.protocol, case, restored, seconds, is_input=contestant.name == INPUT))
            done += 1
            if progress is not None:
                progress(done, total, f"{trial.label}: {contestant.name}, {case.picture}")
    return tuple(
        Result(contestant.name, trial, seed, tuple(scores), len(pictures.pictures), contestant.facts)
        for contestant, scores in zip(contestants, rows, strict=True)
    )


def timed(name: str, restore: Restore, degraded: Tensor) -> tuple[Tensor, float]:
    """The restored picture on the CPU, and the seconds of wall clock that it took to have it there.

    Raises:
        MethodError: when the result has another shape or is not finite.
    """
    start = time.perf_counter()
    with torch.inference_mode():
        restored = restore(degraded.clone()).float().cpu()
    seconds = time.perf_counter() - start
    if restored.shape != degraded.shape:
        shapes = f"{tuple(restored.shape)} for {tuple(degraded.shape)}"
        raise MethodError(f"Expected {name} to give back a picture of the same shape, got {shapes}: crop its padding.")
    if not bool(restored.isfinite().all()):
        raise MethodError(f"Expected finite pixels from {name}, got NaN or infinity: its weights or its type overflow.")
    return restored, seconds


def score(protocol: Protocol, case: Case, restored: Tensor, seconds: float, *, is_input: bool = False) -> PictureScore:
    """One picture compared as the protocol says; `is_input`: what was to be restored, which may have no 8 bits."""
    if not (is_input and protocol.has_raw_input):
        restored = rounded_to_8_bits(restored) if protocol.output == "rounded" else restored.clamp(0, 1)
    color, crop = protocol.color, protocol.crop
    similarities = {}
    for variant in SSIM_VARIANTS:
        try:
            similarities[variant] = ssim(restored, case.clean, variant=variant, color=color, crop=crop).item()
        except ImageError:  # a picture smaller than this window; the protocol's own variant must fit
            if variant == protocol.ssim:
                raise
    height, width = case.clean.shape[-2:]
    return PictureScore(
        case.picture,
        case.index,
        height,
        width,
        psnr(restored, case.clean, color=color, crop=crop).item(),
        similarities,
        seconds,
        area_under_ab_curve(restored, case.clean).item() if protocol.has_auc else None,
    )
