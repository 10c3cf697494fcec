"""One file to one file: read, tile, restore, write, with a receipt."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import torch
from torch import Tensor

from pellucid.app.agreement import Agreement
from pellucid.app.budget import plan_tile
from pellucid.app.do_no_harm import Judgement, judged_after, judged_before, keep_original
from pellucid.app.notes import collected_notes
from pellucid.app.receipt import FileFacts, Receipt
from pellucid.app.trust import MAPS, Trust, TrustMaps
from pellucid.errors import DeviceError, ImageError
from pellucid.images.canvas import Canvas
from pellucid.images.files import MAX_MEGAPIXELS, read_picture
from pellucid.images.formats import format_of_target
from pellucid.images.overview import CollectedViews, Context, spread
from pellucid.images.picture import Picture
from pellucid.images.tiling import Box, Tile, plan_tiles, restore_streamed
from pellucid.images.views import views_of
from pellucid.methods.base import Restorer
from pellucid.methods.load import Model
from pellucid.methods.perceiver import Perceiver
from pellucid.methods.restorer import is_out_of_memory
from pellucid.methods.told import told_of
from pellucid.methods.trusted import TrustedRestorer
from pellucid.version import __version__
from pellucid.weights.files import sha256

logger = logging.getLogger(__name__)

KEPT_TILE = 1024
"""Pixels along a side that are looked at at once, of a picture that is kept as it is."""


def restore_file(
    source: Path,
    target: Path,
    model: Model,
    *,
    perceiver: Perceiver | None = None,
    memory: str | int | None = None,
    tile: int | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    belief: float = 1.0,
    log_level: int = logging.DEBUG,
    begin: Callable[[], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Receipt:
    """Restore one picture file to another, which appears whole or not at all. Returns what was done.

    Args:
        source: the original.
        target: the result; its suffix decides the format. Its folder is made when missing.
        model: that restores; one with maps of trust has them written beside the result.
        perceiver: who says whether there is anything to restore, and whether it was bettered; if not, the result is the
            original. The picture is restored whatever it looks like when absent.
        memory: see `budget.plan_tile`.
        tile: see `budget.plan_tile`.
        max_megapixels: see `files.read_picture`.
        belief: how much of what restoring changes is kept, in `[0, 1]`: 0 is the data alone.
        log_level: of the line that names the device and the tile.
        begin: called just before the target is written; never for an original that is kept where it lies.
        progress: told the share done, in `[0, 1]`, after each tile.

    Raises:
        ImageError: when a file cannot be read or written.
        DeviceError: when not even the smallest tile fits the budget.
        ConfigurationError: when `tile` or `memory` is out of range.
    """
    started = time.perf_counter()
    format_of_target(target)
    _make_folder(target.parent)
    with collected_notes() as notes:
        before, judgement, taken_for, agreement = _facts(source), Judgement(), None, Agreement()
        picture = read_picture(source, scratch=target.parent, max_megapixels=max_megapixels)
        maps = _maps(model.restorer, picture, target)
        try:
            seen = views_of(picture) if picture.is_as_shown or model.restorer.needs_context else None
            context = None if seen is None else model.restorer.context(seen)
            judge = perceiver if picture.is_as_shown else None
            if belief == 0:
                judgement = Judgement(kept="nothing of what restoring changes was asked for")
            elif judge is not None and seen is not None:
                judgement = judged_before(judge.perceive_views(seen), is_sure=model.restorer.is_sure(context))
            if judgement.kept is None:
                tile = plan_tile(picture, model, memory=memory, tile=tile)
                restorer, size = model.restorer, (picture.height, picture.width)
                multiple, grid, reach = restorer.size_multiple, restorer.tile_grid, restorer.reach(context)
                tiles = plan_tiles(*size, tile=tile, multiple=multiple, radius=reach, grid=grid)
                part = "whole" if tile is None else f"tile {tile}"
                logger.log(log_level, "%s: %s, %s of %d x %d", source, model.device, part, size[1], size[0])
                taken_for = restorer.taken_for(context)
                work = _Work(picture, target, restorer, context, tiles, judge, begin, belief, maps, agreement)
                judgement = _restore(work, judgement, progress)
                agreement.warn(source)
            if judgement.kept is not None:
                logger.info("%s is kept as it is: %s.", source, judgement.kept)
                if begin is not None and target != source:
                    begin()
                if keep_original(picture, target):
                    notes.clear()  # they are about reading, which has changed nothing
                if maps is not None:
                    _map_original(picture, model.restorer, context, maps)
                    maps.write_maps(target, __version__)
            after = _facts(target)
            trust = _finished_maps(maps, model.restorer, target, after.sha256)
        except (RuntimeError, MemoryError) as error:  # beside the network, too: views, contexts, samples
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"Expected room for {source}, but the memory is full: give a smaller --memory or --tile, or close what "
                "else uses it."
            ) from error
        finally:
            if maps is not None:
                maps.close()
            picture.close()
    wrong = {} if judgement.before is None else judgement.before.wrong
    return Receipt(
        source=before,
        target=after,
        model=model.name,
        model_sha256=model.weights_sha256,
        device=model.device,
        taken_for=taken_for,
        tile=tile,
        height=picture.height,
        width=picture.width,
        seconds=round(time.perf_counter() - started, 3),
        not_kept=tuple(notes),
        pellucid=__version__,
        finished_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        perceiver_sha256=None if perceiver is None else perceiver.weights_sha256,
        quality_before=None if judgement.before is None else round(judgement.before.quality, 4),
        quality_after=None if judgement.after is None else round(judgement.after.quality, 4),
        harm_before=None if judgement.before is None else round(judgement.before.harm, 4),
        harm_after=None if judgement.after is None else round(judgement.after.harm, 4),
        perceived={name: round(found.severity, 3) for name, found in wrong.items()},
        kept=judgement.kept,
        belief=belief,
        trust=None if trust is None else asdict(trust),
        degradations=told_of(model.restorer),
        rain_mismatch=None if agreement.mismatch is None else round(agreement.mismatch, 6),
    )


@dataclass(frozen=True)
class _Work:
    """A picture that is to be restored, and with what."""

    picture: Picture
    target: Path
    restorer: Restorer
    context: Context | None
    tiles: Sequence[Tile]
    judge: Perceiver | None
    begin: Callable[[], None] | None
    belief: float
    maps: TrustMaps | None
    agreement: Agreement


def _maps(restorer: Restorer, picture: Picture, target: Path) -> TrustMaps | None:
    """Where the maps of this picture go; `None` of a restorer without."""
    if not isinstance(restorer, TrustedRestorer):
        return None
    size = (picture.height, picture.width)
    return TrustMaps(size, restorer.bound.level, target.parent, picture.in_memory_bytes)


def _restore(work: _Work, judgement: Judgement, progress: Callable[[float], None] | None) -> Judgement:
    """Restore the picture, look at what came out, and write it if it is better. Returns what was found."""
    picture, restorer, context = work.picture, work.restorer, work.context
    size = picture.height, picture.width
    collected = CollectedViews(size) if work.judge is not None else None

    def function(part: Tensor, box: Box) -> Tensor:
        restoration = restorer.restore(part, None if context is None else spread(context, size, box))
        work.agreement.add(part, restoration)
        image = restoration.image if work.belief == 1 else part.lerp(restoration.image, work.belief)
        return image if work.maps is None else torch.cat([image, *(restoration.maps[name] for name in MAPS)], dim=1)

    canvas = Canvas(picture, work.target.parent)

    def write(top: int, left: int, restored: Tensor) -> None:
        if work.maps is not None:
            work.maps.write(top, left, restored[:, :3], restored[:, 3:])
            restored = restored[:, :3]
        canvas.write(top, left, restored)
        if collected is not None:
            collected.write(top, left, _as_seen(restored, picture))

    try:
        tell = None if progress is None else lambda done, total: progress(done / total)
        restore_streamed(picture.read, write, function, work.tiles, size, progress=tell)
        if work.judge is not None and collected is not None and judgement.before is not None:
            judgement = judged_after(judgement.before, work.judge.perceive_views(collected.views()))
        if judgement.kept is None:
            if work.begin is not None:
                work.begin()
            if work.maps is not None:  # before the result, which may replace its original, so that nothing follows that
                work.maps.write_maps(work.target, __version__)
            canvas.save(work.target)
    finally:
        canvas.close()
    return judgement


def _finished_maps(maps: TrustMaps | None, restorer: Restorer, target: Path, target_sha256: str) -> Trust | None:
    """What the maps say, once they are whole."""
    if maps is None:
        return None
    assert isinstance(restorer, TrustedRestorer)
    trust = maps.finish(target, target_sha256, restorer.weights_sha256, __version__)
    logger.info("%s: %s.", target, trust)
    return trust


def _map_original(picture: Picture, restorer: Restorer, context: Context | None, maps: TrustMaps) -> None:
    """The maps of a result that is the original itself."""
    assert isinstance(restorer, TrustedRestorer)
    size, network = (picture.height, picture.width), restorer.network
    tiles = plan_tiles(*size, tile=KEPT_TILE, multiple=network.size_multiple, radius=network.receptive_radius)

    def function(part: Tensor, box: Box) -> Tensor:
        error = restorer.error_of_original(part, context)
        return torch.cat([part, torch.zeros_like(error), torch.zeros_like(error), error], dim=1)

    def write(top: int, left: int, restored: Tensor) -> None:
        maps.write(top, left, restored[:, :3], restored[:, 3:])

    maps.begin()
    restore_streamed(picture.read, write, function, tiles, size)


def _as_seen(restored: Tensor, picture: Picture) -> Tensor:
    """As it will be stored, but for the losses of its format."""
    levels = 2**picture.depth - 1 if not picture.is_float else 0
    if picture.samples.colours == 1:  # of grey the mean is stored
        restored = restored.mean(dim=1, keepdim=True).expand_as(restored)
    clamped = restored.float().clamp(0, 1)
    return (clamped * levels).round() / levels if levels else clamped


def _facts(path: Path) -> FileFacts:
    try:
        return FileFacts.of(path, sha256(path))
    except FileNotFoundError:
        raise ImageError(f"Expected a picture at {path}, there is no such file: check the path.") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"Expected to read {path}, but that failed ({reason}): check the file.") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"Expected to make the folder {folder}, but that failed ({reason}): name another.") from error
