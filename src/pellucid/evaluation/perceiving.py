"""How well a perceiver perceives: whole pictures degraded by known chains, and what it says of them."""

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.archive import TarArchive
from pellucid.data.shared_pictures import clean_pictures, open_set
from pellucid.data.sources import Folder, Source
from pellucid.degradations.mixing import Mixture, apply_chains
from pellucid.degradations.severity import severities
from pellucid.errors import DataError
from pellucid.images.overview import Views, views
from pellucid.objectives.perception import LEAST_SEVERITY

CLEAN, INDEX = "clean", "INDEX.tsv"


def unseen_pictures(half: int, root: str | Path | None = None) -> list[Tensor]:
    """Pictures that no network which ships was trained on, `(3, H, W)` each, uint8: BSDS_rest, and HQPhotos400 but
    for those that are free to use. They were JPEGs once, if good ones, and count as clean.

    Args:
        half: 0, to fit by: every second one of BSDS_rest and the collection sunhays; 1, to measure on: the others. No
            photograph has parts in both. The map of trust is calibrated on both, and measured on test sets.
        root: the folder that holds `train/`; the environment variable PELLUCID_DATA when absent.

    Raises:
        DataError: when they are not there.
    """
    return [pixels for _, pixels in unseen_parts(half, root)]


def unseen_parts(half: int, root: str | Path | None = None) -> list[tuple[str, Tensor]]:
    """The same with the photograph that each picture is cut from: what is cut from one is not independent."""
    source = open_set("HQPhotos400", root)
    trained_on, photographs = set(open_set("HQPhotos400-free", root).names), _photographs(source)
    others = [
        (photographs[name], pixels)
        for name, pixels in clean_pictures("HQPhotos400", root)
        if name not in trained_on and name.startswith("sunhays") == (half == 0)
    ]
    return [*list(clean_pictures("BSDS_rest", root))[half::2], *others]


def _photographs(source: Source) -> dict[str, str]:
    """The photograph of every picture, by the table that lies beside them."""
    if isinstance(source, TarArchive):
        with tarfile.open(source.path) as archive:
            table = next((one for one in archive if one.name.endswith(INDEX)), None)
            read = None if table is None else archive.extractfile(table)
            text = None if read is None else read.read().decode()
    else:
        path = source.path / INDEX if isinstance(source, Folder) else None
        text = path.read_text(encoding="utf-8") if path is not None and path.exists() else None
    if text is None:
        raise DataError(f"Expected {INDEX} beside the pictures of {source.label}, got none: get the set once more.")
    rows = (line.split("\t") for line in text.splitlines()[1:])
    return {name: f"{name.split('_')[0]}/{photograph}" for name, photograph, *_ in rows}


@dataclass(frozen=True)
class Sample:
    """A picture of which it is known what is wrong with it.

    Attributes:
        views: of the degraded picture, rounded to 8 bits.
        domain: of the mixture that it was drawn from.
        severities: by kind; kinds that are not there are not in it.
    """

    views: Views
    domain: str
    severities: dict[str, float]


def samples(pictures: Sequence[Tensor], mixture: Mixture, *, draws: int, seed: int) -> Iterator[Sample]:
    """Every picture degraded `draws` times, each time by another chain.

    Domains are drawn in proportion to their weights, spread evenly over all samples.

    Args:
        pictures: `(3, H, W)` each, uint8.
        mixture: of the degradations.
        draws: per picture.
        seed: of all that is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    domains = mixture.allotted(len(pictures) * draws, generator)
    order = torch.randperm(len(domains), generator=generator).tolist()
    for number, place in enumerate(order):
        clean = pictures[number % len(pictures)][None].float() / 255
        chain = mixture.draw_of(domains[place], generator)
        degraded = apply_chains(clean, [chain], generator).clamp(0, 1).mul(255).round().div(255)
        yield Sample(views(degraded), domains[place], severities(chain))


@dataclass(frozen=True)
class Judged:
    """What was said of many samples, and what was true.

    Attributes:
        kinds: that were looked for.
        presence: what was said, `(M, K)`, in `[0, 1]`.
        told: severities that were said, `(M, K)`.
        severity: true ones, `(M, K)`; 0 where a kind is absent.
    """

    kinds: tuple[str, ...]
    presence: Tensor
    told: Tensor
    severity: Tensor

    @property
    def is_there(self) -> Tensor:
        """Where a kind is there so that it can be seen, `(M, K)`."""
        return self.severity >= LEAST_SEVERITY

    @property
    def is_asked(self) -> Tensor:
        """Where it can be said whether a kind is there, `(M, K)`; what is too faint to be seen is not asked for."""
        return self.is_there | (self.severity == 0)

    def recall(self, kind: str) -> tuple[float, float]:
        """Of the samples that have a kind, and of those that have not, the shares that are told right."""
        column = self.kinds.index(kind)
        says = self.presence[:, column] >= 0.5
        there, absent = self.is_there[:, column], self.severity[:, column] == 0
        return says[there].float().mean().item(), (~says)[absent].float().mean().item()

    def severity_error(self, kind: str) -> float:
        """Mean absolute error of the severity of what is there."""
        column = self.kinds.index(kind)
        there = self.is_there[:, column]
        return (self.told - self.severity)[there, column].abs().mean().item()

    def severity_correlation(self, kind: str) -> float:
        """Spearman's rank correlation of told and true severity of what is there."""
        column = self.kinds.index(kind)
        there = self.is_there[:, column]
        ranks = torch.stack([_ranks(one[there, column]) for one in (self.told, self.severity)])
        return torch.corrcoef(ranks)[0, 1].item()

    def confusion(self) -> tuple[tuple[str, ...], Tensor]:
        """Of samples with no or one kind: how often each is taken for what.

        Returns:
            Names, kinds and at last clean; counts, `(K + 1, K + 1)`, true kinds in rows, in columns the most probable
            kind, or clean where none is named.
        """
        names = (*self.kinds, CLEAN)
        single = self.is_asked.all(dim=1) & (self.is_there.sum(dim=1) <= 1)
        most, named = self.presence[single].max(dim=1)
        said = torch.where(most >= 0.5, named, len(self.kinds))
        there = self.is_there[single]
        true = torch.where(there.any(dim=1), there.float().argmax(dim=1), len(self.kinds))
        counts = torch.zeros(len(names), len(names), dtype=torch.long)
        counts.index_put_((true, said), torch.ones_like(true), accumulate=True)
        return names, counts

    def reliability(self, kind: str | None = None, bins: int = 10) -> list[tuple[float, float, int]]:
        """Said against true: mean presence that was said, share that is there, and count, by bin.

        Args:
            kind: of this kind; over all of them when absent.
            bins: of equal width.

        Source:
            Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, Sec. 2.
        """
        columns = slice(None) if kind is None else slice(self.kinds.index(kind), self.kinds.index(kind) + 1)
        is_asked = self.is_asked[:, columns]
        said, true = self.presence[:, columns][is_asked], self.is_there[:, columns][is_asked].float()
        numbers = (said * bins).long().clamp(0, bins - 1)
        rows = [numbers == number for number in range(bins)]
        return [(said[own].mean().item(), true[own].mean().item(), int(own.sum())) for own in rows if bool(own.any())]

    def calibration_error(self, kind: str | None = None, bins: int = 10) -> float:
        """The expected calibration error: the mean distance of said from true, of one kind or over all."""
        rows = self.reliability(kind, bins)
        return sum(count * abs(said - true) for said, true, count in rows) / sum(count for *_, count in rows)


def _ranks(values: Tensor) -> Tensor:
    return values.argsort().argsort().float()
