"""Restore photographs: files, folders and patterns to files, resumable, with what failed set aside."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from pellucid.app.inputs import is_single_file, plan_jobs
from pellucid.app.leftovers import remove_leftovers
from pellucid.app.outcome import Restored
from pellucid.app.preview import PreviewedPictures
from pellucid.app.report import check_report, duration, report_page, write_report
from pellucid.app.restore_jobs import Progress, Wishes, restore_jobs
from pellucid.app.trust import trust_folder
from pellucid.app.unused_gpu import unused_gpu
from pellucid.errors import ConfigurationError
from pellucid.images.files import MAX_MEGAPIXELS
from pellucid.images.memory import parse_memory
from pellucid.methods.load import Model, load, told, with_trust
from pellucid.methods.perceiver import load_perceiver
from pellucid.methods.told import told_of
from pellucid.version import __version__

logger = logging.getLogger(__name__)


def restore(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path | None = None,
    *,
    model: str | Path | Model = "default",
    memory: str | int | None = None,
    device: str | None = None,
    tile: int | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    report: str | Path | None = None,
    receipts: bool = False,
    overwrite: bool = False,
    always: bool = False,
    degradations: str | Sequence[str] = (),
    trust: bool = False,
    belief: float = 1.0,
    progress: Progress | None = None,
) -> Restored:
    """Restore picture files; nothing else about them is lost, and no original is touched.

    A picture in which nothing is found to be wrong is returned as it is, and so is one whose result is perceived to
    have neither more quality nor less harm; `Restored.doubtful` has the latter.

    The folder of the results keeps a journal, `.pellucid.jsonl`. When called again, pictures that are finished (same
    picture, model, degradations and belief, result as it was left) are passed over, so a run that was stopped at any
    moment goes on.
    Memory, tiles and device do not decide what a picture becomes, so they may differ between calls.

    Args:
        inputs: a file, folder (recursive, mirrored) or pattern, or several.
        output: a file for one file, else a folder. When absent results lie beside the originals: `photo.restored.jpg`,
            `photos.restored/`. An original that is named here itself, as the only input, is replaced.
        model: a bundled name, a weights file, or what `load` gave.
        memory: budget such as `"2G"`, see `budget.plan_tile`.
        device: `"cpu"`, `"cuda"`, `"mps"`; the best at hand when absent.
        tile: largest height and width restored at once, pixels; wins over `memory`.
        max_megapixels: pictures whose header claims more are refused before anything is allocated.
        report: HTML page to write; replaces an earlier report, other pages only with `overwrite`.
        receipts: write `NAME.receipt.json` beside every result.
        overwrite: do finished pictures again, and replace files that Pellucid did not write.
        always: restore pictures whatever they look like, and keep every result.
        degradations: what is wrong with these pictures, as somebody sees who looks at them, out of `"noise"`,
            `"blur"`, `"jpeg"`, `"rain"` and one of `"haze"` and `"low-light"`: it is undone even where the model does
            not see it, and every result is kept. Haze and low light that are not named are then left alone; see
            `pellucid.methods.load.told`.
        trust: write maps of trust into a folder beside every result, `photo.restored.jpg.trust/`: a drawn one, what may
            be off by how much, and what is belief, with a summary.
        belief: how much of what restoring changes is kept, from 0, the data alone, to 1; see `blend` for results that
            are there already.
        progress: told after every tile.

    Returns:
        The results and what was set aside; `.path` is where the only result lies.

    Raises:
        ImageError: when an input is not there, the single file cannot be read or written, or the disc is full.
        ConfigurationError: when two pictures would get one target, or a setting is out of range.
        MethodError: when the model is not known, or cannot be told what is wrong.
        WeightsError: when its file cannot be trusted.
        DeviceError: when the device is not at hand, or the memory does not suffice for the single file.
    """
    inputs = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    jobs = plan_jobs(inputs, output)
    if memory is not None:
        parse_memory(memory)
    if not max_megapixels > 0:
        raise ConfigurationError(f"Expected a limit above 0 megapixels, got {max_megapixels:g}: raise it.")
    if report is not None:
        pictures = [path for job in jobs for path in (job.source, job.target)]
        check_report(Path(report), pictures, overwrite=overwrite)
    if not 0 <= belief <= 1:
        raise ConfigurationError(f"Expected belief from 0 to 1, got {belief:g}: 0 is the data alone.")
    if trust and belief != 1:
        raise ConfigurationError(
            f"Expected belief of 1 with maps of trust, which are those of the full result, got {belief:g}: restore "
            "with trust first, then blend."
        )
    previewed = None if report is None else PreviewedPictures(max_megapixels)
    loaded = model if isinstance(model, Model) else load(model, device)
    loaded = told(loaded, degradations) if degradations else loaded
    loaded = with_trust(loaded) if trust else loaded
    if device is None and (gpu := unused_gpu(loaded.device)):
        logger.warning("%s", gpu)
    is_told = bool(told_of(loaded.restorer))  # by the model that was given, too
    perceiver = None if always or is_told else load_perceiver(device=loaded.device)
    wishes = Wishes(loaded, perceiver, memory, tile, max_megapixels, receipts, overwrite, previewed, belief)
    started = time.perf_counter()
    remove_leftovers(folder for job in jobs for folder in (job.target.parent, trust_folder(job.target)))
    files, failed = restore_jobs(jobs, wishes, is_single=is_single_file(inputs), progress=progress)
    seconds = time.perf_counter() - started
    if previewed is not None and report is not None:
        subtitle = f"Pellucid {__version__}, {time.strftime('%Y-%m-%d %H:%M')}"
        write_report(report_page(previewed.entries, failed, Path(report), subtitle), Path(report))
    for picture in failed:
        logger.warning("Set aside %s: %s", picture.source, picture.reason)
    outcome = Restored(files, failed, None if report is None else Path(report))
    if outcome.doubtful:
        names = ", ".join(str(picture.source) for picture in outcome.doubtful)
        logger.warning("Doubtful, so that the original was kept: %s.", names)
    new = sum(not picture.was_finished for picture in files)
    kept = sum(picture.receipt.kept is not None for picture in files if not picture.was_finished)
    counts = [f"{new - kept} restored", *([f"{kept} kept as they are"] if kept else [])]
    counts += [f"{len(files) - new} finished before", f"{len(failed)} set aside"]
    logger.info("%s; %s.", ", ".join(counts), duration(seconds))
    return outcome
