"""BIGPrior's colorization of 50 bedrooms: the released weight, ours, and what costs nothing, measured as published.

    PELLUCID_DATA=... python benchmarks/bigprior_colorization.py [--trained NAME=WEIGHTS ...] [--into FOLDER]

The prior is the authors' GAN inversion of each grey picture. Fused pictures are clipped and rounded to 8 bits. AuC: the
share of pixels whose distance in a and b of CIE Lab is at most t, mean over t = 0 ... 149; a grey picture scores 88, so
differences are small. chroma: the mean of that distance. weight: mean of the prior's, as it is. follows error: Pearson
correlation, over all pixels and colours, of that weight with the prior's absolute error: negative where the prior is
trusted less the more wrong it is. Constants are fitted, and networks trained, on the first 250 pictures alone.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.batch import Batch
from pellucid.data.inversions import open_inversions, split_inversions
from pellucid.data.inverted_batches import whole_batch
from pellucid.data.pairs import PairedPicture
from pellucid.data.shared_sets import data_root
from pellucid.evaluation.measures import area_under_ab_curve, psnr, rounded_to_8_bits, ssim
from pellucid.methods.bigprior.fusion import PriorFusion, fused_by_weight, load_fusion
from pellucid.methods.bigprior.objective import best_constant_weight
from pellucid.methods.bigprior.released import released_network
from pellucid.trust.fusion import Fusion, fuse
from pellucid.trust.operators.luma import Luma

SET = Path("bigprior") / "ColorizationBedroom300.tar"
AT_ONCE = 10
PUBLISHED = {"plain inversion": 88.517, "released weight": 89.277}
"""AuC in the authors' logs."""


@dataclass(frozen=True)
class Row:
    """One method, means over the pictures."""

    method: str
    auc: float
    psnr: float
    ssim: float
    chroma: float
    weight: float
    follows_error: float | None


Method = Callable[[Batch], Fusion]


def batches(pictures: list[PairedPicture]) -> Iterator[Batch]:
    """Whole pictures, a few at a time."""
    for first in range(0, len(pictures), AT_ONCE):
        loaded = [pair.load() for pair in pictures[first : first + AT_ONCE]]
        yield whole_batch([(clean, prior) for prior, clean in loaded])


def prior_of(batch: Batch) -> Tensor:
    """The prior's pictures."""
    assert batch.prior is not None
    return batch.prior


def by(weight: Tensor) -> Method:
    """One weight for all pixels."""
    return lambda batch: fused_by_weight(batch.degraded, prior_of(batch), weight)


def by_network(fusion: PriorFusion) -> Method:
    """What a network says."""
    return lambda batch: fusion(batch.degraded, prior_of(batch))


def by_exact_luma(batch: Batch) -> Fusion:
    """The general form with the operator that was used, luma, without noise."""
    observed, prior = batch.degraded[:, :1], prior_of(batch)
    return fuse(observed, prior, prior_variance=1.0, noise_variance=0.0, operator=Luma())


def by_oracle(batch: Batch) -> Fusion:
    """The best weight in `[0, 1]` of each pixel, one for its three colours, by the clean picture."""
    away, wanted = prior_of(batch) - batch.degraded, batch.clean - batch.degraded
    weight = (away * wanted).sum(1, keepdim=True) / away.square().sum(1, keepdim=True).clamp_min(1e-12)
    return fused_by_weight(batch.degraded, prior_of(batch), weight.clamp(0, 1))


@torch.inference_mode()
def measured(name: str, method: Method, pictures: list[PairedPicture]) -> Row:
    """The row of one method."""
    values: dict[str, list[Tensor]] = {"auc": [], "psnr": [], "ssim": [], "chroma": []}
    weights, errors = [], []
    for batch in batches(pictures):
        fused = method(batch)
        image = rounded_to_8_bits(fused.image)
        values["auc"].append(area_under_ab_curve(image, batch.clean))
        values["psnr"].append(psnr(image, batch.clean))
        values["ssim"].append(ssim(image, batch.clean, variant="skimage-7x7"))
        values["chroma"].append(chroma_error(image, batch.clean))
        weights.append(fused.prior_weight.flatten())
        errors.append((prior_of(batch) - batch.clean).abs().flatten())
    weight, error = torch.cat(weights).double(), torch.cat(errors).double()
    follows = torch.corrcoef(torch.stack([weight, error]))[0, 1].item() if weight.std() > 1e-6 else None
    means = {key: torch.cat(parts).mean().item() for key, parts in values.items()}
    return Row(name, **means, weight=weight.mean().item(), follows_error=follows)


def chroma_error(image: Tensor, clean: Tensor) -> Tensor:
    """Mean distance in a and b of CIE Lab by scikit-image, `(B,)`."""
    from skimage.color import rgb2lab

    one, other = (torch.from_numpy(rgb2lab(part.movedim(1, -1).double().numpy())) for part in (image, clean))
    return (one - other)[..., 1:].square().sum(-1).sqrt().mean((1, 2))


def fitted(pictures: list[PairedPicture]) -> dict[str, Tensor]:
    """The constants of the training pictures: best weights, and the mean squared errors of data and prior."""
    parts = list(batches(pictures))
    data, clean, prior = (
        torch.cat(its) for its in zip(*((part.degraded, part.clean, prior_of(part)) for part in parts), strict=True)
    )
    return {
        "one": best_constant_weight(data, prior, clean),
        "three": best_constant_weight(data, prior, clean, per_channel=True),
        "data": (data - clean).square().mean(),
        "prior": (prior - clean).square().mean(),
    }


def main() -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", nargs="*", default=[], metavar="NAME=WEIGHTS", help="that `pellucid train` wrote")
    parser.add_argument("--into", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    archive = data_root() / SET
    training, test = split_inversions(open_inversions(archive))
    constants = fitted(training)
    data, prior = constants["data"], constants["prior"]
    one, zero = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    methods: dict[str, Method] = {
        "grey input": by(zero),
        "plain inversion": by(one),
        "exact luma, no noise": by_exact_luma,
        f"best constant weight, {constants['one'].item():.3f}": by(constants["one"]),
        "best constant weight per colour": by(constants["three"]),
        f"closed form of two constants, {data:.5f} and {prior:.5f}": by((data / (data + prior)).view(1, 1, 1, 1)),
        "released weight": by_network(PriorFusion(released_network(archive), 1.0)),
        **{name: by_network(load_fusion(path)) for name, _, path in (its.partition("=") for its in arguments.trained)},
        "oracle: best weight of every pixel": by_oracle,
    }
    lines = ["| method | AuC, % | PSNR, dB | SSIM | chroma | weight | follows error |", "|---|---|---|---|---|---|---|"]
    rows = []
    for name, method in methods.items():
        row = measured(name, method, test)
        rows.append(row)
        follows = "" if row.follows_error is None else f"{row.follows_error:+.2f}"
        cells = [name, f"{row.auc:.2f}", f"{row.psnr:.2f}", f"{row.ssim:.4f}", f"{row.chroma:.2f}", f"{row.weight:.3f}"]
        lines.append("| " + " | ".join([*cells, follows]) + " |")
        logged = f"   the authors' logs: {PUBLISHED[name]}" if name in PUBLISHED else ""
        print(lines[-1] + logged, flush=True)
    arguments.into.mkdir(parents=True, exist_ok=True)
    stem = arguments.into / "bigprior-colorization"
    stem.with_suffix(".md").write_text("\n".join(lines) + "\n")
    stem.with_suffix(".json").write_text(json.dumps({row.method: asdict(row) for row in rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
