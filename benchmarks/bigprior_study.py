"""BIGPrior on trial: is a visible weight between data and prior worth anything, and is it true?

    PELLUCID_DATA=... python benchmarks/bigprior_study.py --output benchmarks/results/bigprior-study
    PELLUCID_DATA=... python benchmarks/bigprior_study.py --generator FILE --output benchmarks/results/bigprior-network

Flowers of 64x64 pixels. Principal components (150, of 1500 flowers and their mirror images) are the generator, inverted
in closed form; with `--generator` it is a network that was trained against another one (`flower_generator.py`),
inverted by a search with several codes. Networks of six convolutions of 24 channels learn on 1000 other flowers, in
crops of 32 pixels; 300 further ones are for tests, and none of these choices were made by them. Three tasks: noise of
sigma 5 to 50 (known to the closed forms), a hole of 16x16 pixels in the centre, colours from grey. Compared are the
data alone, the plain inversion, the best constant weight, the closed form from one error of the prior or pasting into
the hole, the paper's weight (unbounded, sees the data alone), a bounded one, one that sees the prior too, the general
form with a learned error, networks that restore directly, and a classic method. What is in the output folder is not
done again: stop it and start it as you like, seed by seed.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import torch
from torch import Tensor, nn

from flowers import FOR_PRIOR, FOR_TESTS, FOR_WEIGHTS, SIDE, flower_generator, flowers
from pellucid.evaluation.measures import area_under_ab_curve
from pellucid.evaluation.trust_measures import sparsification_error
from pellucid.images.atomic import replacing
from pellucid.methods.bigprior.fusion import fused_by_weight
from pellucid.methods.bigprior.inversion import SearchSettings
from pellucid.methods.bigprior.objective import best_constant_weight
from pellucid.methods.bigprior.priors.contract import Prior
from pellucid.methods.bigprior.priors.harmonic import harmonic_fill
from pellucid.methods.bigprior.priors.inverted_generator import InvertedGenerator
from pellucid.methods.bigprior.priors.principal_components import PrincipalComponents
from pellucid.networks.dncnn import DnCNN
from pellucid.networks.fusion_network import BoundedFusion, PaperFusion, PriorErrorNetwork
from pellucid.trust.conformal import risk_controlled_factor, shares_outside
from pellucid.trust.fusion import fuse
from pellucid.trust.hole import hole_scale
from pellucid.trust.operators.identity import Identity
from pellucid.trust.operators.luma import Luma
from pellucid.trust.operators.mask import Mask
from pellucid.weights.files import sha256

HOLE, COMPONENTS, DRAWS = 16, 150, 4
WIDTH, DEPTH, CROP, BATCH = 24, 6, 32, 32
AT_ONCE = 50
ROUNDING = 1.3e-6
"""Variance of rounding to 8 bits, which is all the noise of a picture with a hole."""

SEARCH = SearchSettings(codes=8, layer=1, steps=200, learning_rate=0.05)
"""How the network is inverted."""

LEAST_SPREAD = 1e-3
"""Of a weight, below which it foretells nothing."""

TASKS = ("denoising", "inpainting", "colorization")


@dataclass(frozen=True)
class Cases:
    """Pictures of one task, each `(N, 3, SIDE, SIDE)`.

    Attributes:
        clean: the truth.
        data: the data's picture: noisy, black in the hole, or grey.
        prior: the generator's picture.
        variance: of the noise, `(N, 1, 1, 1)`; of a grey picture its expected squared error.
        known: `(1, 1, SIDE, SIDE)`, zero in the hole, one elsewhere.
    """

    clean: Tensor
    data: Tensor
    prior: Tensor
    variance: Tensor
    known: Tensor

    def rows(self, rows: Tensor | slice) -> "Cases":
        """Some of them."""
        return Cases(self.clean[rows], self.data[rows], self.prior[rows], self.variance[rows], self.known)


def hole() -> Tensor:
    """The known pixels of inpainting."""
    known = torch.ones(1, 1, SIDE, SIDE)
    first = (SIDE - HOLE) // 2
    known[..., first : first + HOLE, first : first + HOLE] = 0
    return known


def made(task: str, clean: Tensor, generator: Prior, seed: int) -> Cases:
    """The pictures of a task with their inversions; of grey ones the variance is for the caller to set."""
    draws = torch.Generator().manual_seed(seed)
    everywhere = torch.ones(1, 1, SIDE, SIDE)
    sigma = (5 + 45 * torch.rand(len(clean), 1, 1, 1, generator=draws)) / 255
    noise = torch.randn(clean.shape, generator=draws)
    data, prior = [], []
    for first in range(0, len(clean), AT_ONCE):
        part, rows = clean[first : first + AT_ONCE], slice(first, first + AT_ONCE)
        if task == "denoising":
            seen = part + sigma[rows] * noise[rows]
            guess = generator.guess(seen, Identity(), noise_variance=sigma[rows] ** 2, generator=draws).image
        elif task == "inpainting":
            seen = part * hole()
            guess = generator.guess(seen, Mask(hole()), noise_variance=ROUNDING, generator=draws).image
        else:
            grey = Luma().forward(part)
            seen = grey.expand(-1, 3, -1, -1)
            raw = generator.guess(grey, Luma(), noise_variance=ROUNDING, generator=draws).image
            # As published: of the prior's picture the colours alone, around the luma that was observed.
            guess = raw - Luma().forward(raw) + grey
        data.append(seen)
        prior.append(guess)
    seen, guessed = torch.cat(data), torch.cat(prior)
    variance = sigma**2 if task == "denoising" else torch.full((len(clean), 1, 1, 1), ROUNDING)
    return Cases(clean, seen, guessed, variance, hole() if task == "inpainting" else everywhere)


def cases_of(
    task: str, pictures: tuple[Tensor, Tensor], generator: Prior, draws: int, kept: Path
) -> tuple[Cases, Cases]:
    """Cases to learn on and to test on; inverted once, and kept in a file."""
    if kept.exists():
        found = torch.load(kept, weights_only=True)
        train, test = (Cases(**its) for its in found)
    else:
        train = made(task, pictures[0].repeat(draws, 1, 1, 1), generator, seed=1)
        test = made(task, pictures[1], generator, seed=2)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as partial:
            torch.save([vars(train), vars(test)], partial)
    if task == "colorization":  # what grey is off by, as the pictures to learn on tell
        wrong = (train.data - train.clean).square().mean()
        train, test = (replace(its, variance=wrong.expand_as(its.variance)) for its in (train, test))
    return train, test


class Direct(nn.Module):
    """A network of the same size that restores, without a weight that anybody could see."""

    def __init__(self, *, sees_prior: bool):
        super().__init__()
        self.sees_prior = sees_prior
        self.trunk = DnCNN(6 if sees_prior else 3, 3, WIDTH, DEPTH)

    def forward(self, data: Tensor, prior: Tensor) -> Tensor:
        """The restored picture."""
        return data - self.trunk((torch.cat([data, prior], dim=1) if self.sees_prior else data) - 0.5)


Found = dict[str, dict[str, dict[str, dict[str, float]]]]
"""Figures by task, seed and contestant."""

Fused = Callable[[nn.Module, Cases], tuple[Tensor, Tensor | None]]
"""What a network makes of cases: the picture, and the prior's weight where there is one."""


def by_weight(network: nn.Module, cases: Cases) -> tuple[Tensor, Tensor | None]:
    """The paper's equation."""
    fused = fused_by_weight(cases.data, cases.prior, network(cases.data, cases.prior))
    return fused.image, fused.prior_weight


def by_error(network: nn.Module, cases: Cases) -> tuple[Tensor, Tensor | None]:
    """The general form: the network says how wrong the prior is."""
    operator = Mask(cases.known) if bool((cases.known == 0).any()) else Identity()
    variance = network(cases.data, cases.prior).exp()
    fused = fuse(cases.data, cases.prior, prior_variance=variance, noise_variance=cases.variance, operator=operator)
    return fused.image, fused.prior_weight


def directly(network: nn.Module, cases: Cases) -> tuple[Tensor, Tensor | None]:
    """Nothing is told apart."""
    return network(cases.data, cases.prior), None


def networks() -> dict[str, tuple[Callable[[], nn.Module], Fused]]:
    """Every network that learns, how it is built and what is made of it, by its name in the table."""
    return {
        "paper's weight: unbounded, sees the data": (partial(PaperFusion, 3, WIDTH, DEPTH), by_weight),
        "bounded weight, sees the data": (partial(_bounded, sees_prior=False), by_weight),
        "bounded weight, sees the prior too": (partial(_bounded, sees_prior=True), by_weight),
        "general form, learned error": (partial(PriorErrorNetwork, 3, width=WIDTH, dilations=(1, 1, 1, 1)), by_error),
        "direct network": (partial(Direct, sees_prior=False), directly),
        "direct network, sees the prior too": (partial(Direct, sees_prior=True), directly),
    }


def _bounded(*, sees_prior: bool) -> BoundedFusion:
    return BoundedFusion(3, sees_prior=sees_prior, width=WIDTH, depth=DEPTH)


def learn(network: nn.Module, fused: Fused, cases: Cases, steps: int, seed: int) -> nn.Module:
    """Adam on the squared error of crops, mirrored at random."""
    draws = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    network.train()
    for _ in range(steps):
        rows = torch.randint(len(cases.clean), (BATCH,), generator=draws)
        top, left = torch.randint(SIDE - CROP + 1, (2,), generator=draws).tolist()
        is_mirrored = bool(torch.rand((), generator=draws) < 0.5)
        batch = cropped(cases.rows(rows), top, left, is_mirrored=is_mirrored)
        loss = (fused(network, batch)[0] - batch.clean).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def cropped(cases: Cases, top: int, left: int, *, is_mirrored: bool) -> Cases:
    """The same square of all, `CROP` pixels."""

    def cut(picture: Tensor) -> Tensor:
        part = picture[..., top : top + CROP, left : left + CROP]
        return part.flip(-1) if is_mirrored else part

    return Cases(cut(cases.clean), cut(cases.data), cut(cases.prior), cases.variance, cut(cases.known))


def classic(task: str, cases: Cases) -> Tensor | None:
    """Total variation of a weight that the noise gives, a harmonic fill; nothing for colours."""
    if task == "inpainting":
        return harmonic_fill(cases.data, cases.known)
    if task == "colorization":
        return None
    from skimage.restoration import denoise_tv_chambolle, estimate_sigma

    found = []
    for picture in cases.data:
        pixels = picture.permute(1, 2, 0).numpy()
        weight = float(estimate_sigma(pixels, channel_axis=2, average_sigmas=True))
        found.append(torch.from_numpy(denoise_tv_chambolle(pixels, weight=weight, channel_axis=2)).permute(2, 0, 1))
    return torch.stack(found).float()


def contestants(task: str, train: Cases, test: Cases, steps: int, seed: int) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Pictures and weights of all that are compared, on the test cases."""
    none, whole = torch.zeros_like(test.clean), torch.ones_like(test.clean)
    constant = best_constant_weight(train.data, train.prior, train.clean)
    own = best_constant_weight(train.data, train.prior, train.clean, per_channel=True)
    found: dict[str, tuple[Tensor, Tensor | None]] = {
        "data alone": (test.data, none),
        "plain inversion": (test.prior, whole),
        "best constant weight": _mixed(test, constant.expand_as(test.clean)),
        "best constant weight per colour": _mixed(test, own.expand_as(test.clean)),
    }
    if task == "inpainting":
        pasted = (1 - test.known).expand_as(test.clean)
        found["pasted into the hole"] = _mixed(test, pasted)
    else:
        error = (train.prior - train.clean).square().mean()
        closed = (test.variance / (test.variance + error)).expand_as(test.clean)
        found["closed form, one error of the prior"] = _mixed(test, closed)
    made_by = classic(task, test)
    if made_by is not None:
        found["total variation" if task == "denoising" else "harmonic fill"] = (made_by, None)
    for number, (name, (build, fused)) in enumerate(networks().items()):
        torch.manual_seed(1000 * seed + number)
        started = time.perf_counter()
        network = learn(build(), fused, train, steps, seed)
        with torch.no_grad():
            parts = [fused(network, test.rows(slice(at, at + AT_ONCE))) for at in range(0, len(test.clean), AT_ONCE)]
        weights = None if parts[0][1] is None else torch.cat([part[1] for part in parts if part[1] is not None])
        found[name] = (torch.cat([part[0] for part in parts]), weights)
        print(f"  {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return found


def _mixed(cases: Cases, weight: Tensor) -> tuple[Tensor, Tensor | None]:
    return fused_by_weight(cases.data, cases.prior, weight).image, weight


def psnr_of(squared: Tensor) -> float:
    """Mean over pictures of dB, from squared errors `(N, ...)`."""
    return (-10 * squared.flatten(1).mean(1).clamp_min(1e-10).log10()).mean().item()


def measures(image: Tensor, weight: Tensor | None, test: Cases) -> dict[str, float]:
    """All figures of one contestant; what does not apply is not there."""
    image, squared = image.clamp(0, 1), (image.clamp(0, 1) - test.clean).square()
    found = {"psnr": psnr_of(squared)}
    # AuC takes any difference for one level at least: of pictures that are not rounded nothing would be right.
    found["auc"] = area_under_ab_curve((255 * image).round() / 255, test.clean).mean().item()
    found["chroma"] = (_chroma(image) - _chroma(test.clean)).square().sum(dim=1).sqrt().mean().item() * 255
    missing = test.known[0, 0] == 0
    in_hole = missing.expand(3, SIDE, SIDE)
    if bool(in_hole.any()):
        found["hole"] = psnr_of(squared[:, in_hole])
    if weight is None or bool((weight == weight.flatten()[0]).all()):
        return found
    told, wrong = weight.mean(dim=1), (test.prior - test.clean).abs().mean(dim=1)
    found |= {"phi": weight.mean().item(), "least": weight.min().item(), "most": weight.max().item()}
    places = missing if bool(missing.any()) else ~missing  # outside a hole all is known, and nothing to be foretold
    of_pictures = told.mean(dim=(1, 2))
    if bool((test.variance != test.variance[0]).any()) and of_pictures.std() > LEAST_SPREAD:
        found["with sigma"] = _correlation(of_pictures, test.variance.sqrt().flatten())
    if told[:, places].std() > LEAST_SPREAD:
        found["with the prior's error"] = _correlation(told[:, places].flatten(), wrong[:, places].flatten())
        gone = (image - test.clean).abs().mean(dim=1, keepdim=True)[..., places].unsqueeze(2)
        found["ause"] = sparsification_error(gone, told[:, None, None, places]).mean().item()
        chance = torch.rand(told[:, None, None, places].shape, generator=torch.Generator().manual_seed(0))
        found["ause of chance"] = sparsification_error(gone, chance).mean().item()
    return found


def held(image: Tensor, weight: Tensor, test: Cases) -> tuple[float, float]:
    """Coverage and mean half width, in levels of 255, of 90 % bounds that are phi and the departure times a factor.

    The scale is `0.01 + 0.05 phi + |x_hat - data|`, mean of the colours; one half of the pictures calibrates, the other
    is measured. With a hole only what is in it counts, where there are no data to depart from: the scale is that of
    `pellucid inpaint`.
    """
    if bool((test.known == 0).any()):
        scale = torch.cat([hole_scale(one[None], test.known) for one in test.data])
    else:
        scale = (0.01 + 0.05 * weight.clamp(0, 1) + (image - test.data).abs()).mean(dim=1, keepdim=True)
    missing = test.known[0, 0] == 0
    places = missing if bool(missing.any()) else ~missing
    error, scale = (image.clamp(0, 1) - test.clean).abs()[..., places], scale[..., places]
    half = len(test.clean) // 2
    outside = torch.stack([shares_outside(error[row], scale[row]) for row in range(half)])
    bound = risk_controlled_factor(outside, 0.9) * scale[half:]
    return (error[half:] <= bound).double().mean().item(), 255 * bound.mean().item()


def _chroma(image: Tensor) -> Tensor:
    return image - Luma().forward(image)


def _correlation(one: Tensor, other: Tensor) -> float:
    return torch.corrcoef(torch.stack([one.double(), other.double()]))[0, 1].item()


def main() -> None:
    """Learn, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=1500, help="of every network")
    parser.add_argument("--generator", type=Path, help="weights of benchmarks/flower_generator.py")
    parser.add_argument(
        "--inversions", type=Path, default=Path("runs/bigprior-study"), help="folder where they are kept"
    )
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    pictures = flowers()
    print(f"{len(pictures)} flowers", flush=True)
    generator: Prior
    if arguments.generator is None:
        for_prior = pictures[:FOR_PRIOR]
        generator = PrincipalComponents.fit(torch.cat([for_prior, for_prior.flip(-1)]), COMPONENTS)
    else:
        generator = InvertedGenerator(flower_generator(arguments.generator), SEARCH, restarts=1)
    for_weights = pictures[FOR_PRIOR : FOR_PRIOR + FOR_WEIGHTS]
    for_tests = pictures[FOR_PRIOR + FOR_WEIGHTS : FOR_PRIOR + FOR_WEIGHTS + FOR_TESTS]
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "study.json"
    prior = "components" if arguments.generator is None else sha256(arguments.generator)[:12]
    settings = {"prior": prior, "steps": arguments.steps}
    found = json.loads(path.read_text()) if path.exists() else {"settings": settings, "tasks": {}}
    if found["settings"] != settings:
        parser.error(f"Expected the settings of what is in {path}, {found['settings']}, got {settings}: name another.")
    kept: Found = found["tasks"]
    for seed, task in product(arguments.seeds, arguments.tasks):
        if str(seed) in kept.get(task, {}):
            continue
        draws = DRAWS if task == "denoising" and arguments.generator is None else 1
        inverted = arguments.inversions / f"{task}-{prior}.pt"
        train, test = cases_of(task, (for_weights, for_tests), generator, draws, inverted)
        print(f"{task}, seed {seed}", flush=True)
        rows: dict[str, dict[str, float]] = {}
        for name, (image, weight) in contestants(task, train, test, arguments.steps, seed).items():
            rows[name] = measures(image, weight, test)
            if weight is not None and "phi" in rows[name]:
                rows[name]["coverage"], rows[name]["width"] = held(image, weight, test)
        if path.exists():  # others may have been at work beside this one
            found = json.loads(path.read_text())
            kept = found["tasks"]
        kept.setdefault(task, {})[str(seed)] = rows
        with replacing(path) as partial:
            partial.write_text(json.dumps(found, indent=1) + "\n")
        tables = [table(its, kept[its]) for its in TASKS if its in kept]
        (arguments.output / "study.md").write_text("\n".join(tables))


COLUMNS = {
    "psnr": ("PSNR", 2), "hole": ("in the hole", 2), "auc": ("AuC", 2), "chroma": ("chroma error", 2),
    "phi": ("mean phi", 2), "least": ("least", 2), "most": ("most", 2), "with sigma": ("with sigma", 2),
    "with the prior's error": ("with the prior's error", 2), "ause": ("AUSE", 3), "ause of chance": ("of chance", 3),
    "coverage": ("coverage", 3),
    "width": ("bound", 1),
}  # fmt: skip


def table(task: str, seeds: Mapping[str, Mapping[str, dict[str, float]]]) -> str:
    """One task, Markdown: means over the seeds, with the spread of PSNR where there are several."""
    names = list(next(iter(seeds.values())))
    rows = {name: [found[name] for found in seeds.values()] for name in names}
    shown = [key for key in COLUMNS if any(key in found for its in rows.values() for found in its)]
    lines = [f"### {task}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}", ""]
    lines += ["| | " + " | ".join(COLUMNS[key][0] for key in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for name, its in rows.items():
        cells = []
        for key in shown:
            values = [found[key] for found in its if key in found]
            text = f"{statistics.mean(values):.{COLUMNS[key][1]}f}" if values else ""
            is_spread = key == "psnr" and len(values) > 1 and max(values) > min(values)
            cells.append(text + (f" ±{statistics.stdev(values):.2f}" if is_spread else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
