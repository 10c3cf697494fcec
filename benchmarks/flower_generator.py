"""Train the generator of flowers that the study of BIGPrior inverts: a small network against another one.

    PELLUCID_DATA=... python benchmarks/flower_generator.py --minutes 30 --output FOLDER

Learns on all flowers but those that the study's weights are learned on and those for tests. Hinge losses; both real and
made pictures are mirrored, moved and brightened at random before they are judged, lest so few are learned by heart; the
weights that are kept are a running average. Goes on where it stopped. Writes `generator.safetensors` and a sheet of
samples (`samples.png`), and says how near the generator can come to flowers that it has not seen; not those for tests.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from flowers import FOR_PRIOR, FOR_TESTS, FOR_WEIGHTS, SIDE, FlowerGenerator, flowers
from pellucid.images.files import write_image
from pellucid.methods.bigprior.inversion import SearchSettings, invert
from pellucid.methods.restorer import fastest_dtype
from pellucid.trust.operators.identity import Identity
from pellucid.weights.files import save_weights

BATCH, RATE, AVERAGE, MOVED, WIDTH = 32, 3e-4, 0.998, 6, 32
SAVED_EVERY = 60.0
"""Seconds."""


class Judge(nn.Module):
    """Pictures to one number each, positive for real ones."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 6 * width]
        self.downs = nn.ModuleList(
            spectral_norm(nn.Conv2d(one, other, 4, stride=2, padding=1)) for one, other in pairwise(widths)
        )
        self.told = spectral_norm(nn.Linear(widths[-1] * 16 + 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """The numbers, `(B,)`."""
        features = 2 * pictures - 1
        for down in self.downs:
            features = F.leaky_relu(down(features), 0.2)
        # How much pictures differ from each other, told outright: a generator that makes one only would be found out.
        spread = features.std(dim=0).mean().expand(len(features), 1)
        return self.told(torch.cat([features.flatten(1), spread], dim=1))[:, 0]


def augmented(pictures: Tensor, draws: torch.Generator) -> Tensor:
    """Mirrored, moved by up to `MOVED` pixels and brightened at random, all of a batch differently; differentiable."""
    count = len(pictures)
    mirrored = torch.rand(count, 1, 1, 1, generator=draws) < 0.5
    pictures = torch.where(mirrored, pictures.flip(-1), pictures)
    pictures = pictures + 0.4 * (torch.rand(count, 1, 1, 1, generator=draws) - 0.5)
    padded = F.pad(pictures, (MOVED,) * 4, mode="reflect")
    places = torch.randint(2 * MOVED + 1, (count, 2), generator=draws).tolist()
    return torch.stack([one[:, y : y + SIDE, x : x + SIDE] for one, (y, x) in zip(padded, places, strict=True)])


def main() -> None:
    """Train, save, look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    every = flowers()
    real = torch.cat([every[:FOR_PRIOR], every[FOR_PRIOR + FOR_WEIGHTS + FOR_TESTS :]])
    torch.manual_seed(arguments.seed)
    generator, judge, average = FlowerGenerator(WIDTH), Judge(), FlowerGenerator(WIDTH)
    for network in (generator, judge):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    average.load_state_dict(generator.state_dict())
    optimisers = [torch.optim.Adam(its.parameters(), lr=RATE, betas=(0.0, 0.99)) for its in (generator, judge)]
    parts = {"generator": generator, "judge": judge, "average": average, "of generator": optimisers[0]}
    parts["of judge"] = optimisers[1]
    arguments.output.mkdir(parents=True, exist_ok=True)
    kept, step = arguments.output / "state.pt", 0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        step = state["step"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
    until, saved = time.monotonic() + 60 * arguments.minutes, time.monotonic()
    while time.monotonic() < until:
        draws = torch.Generator().manual_seed(1_000_003 * arguments.seed + step)
        rows = torch.randint(len(real), (BATCH,), generator=draws)
        with torch.autocast("cpu", dtype=fastest_dtype("cpu"), enabled=fastest_dtype("cpu") != torch.float32):
            made = generator(torch.randn(BATCH, generator.latent_size, generator=draws))
            shown = torch.cat([augmented(real[rows], draws), augmented(made.detach().float(), draws)])
            told = torch.cat([judge(one) for one in shown.split(BATCH)]).float()
            loss = (1 - told[:BATCH]).relu().mean() + (1 + told[BATCH:]).relu().mean()
        _step(optimisers[1], loss)
        with torch.autocast("cpu", dtype=fastest_dtype("cpu"), enabled=fastest_dtype("cpu") != torch.float32):
            fooled = -judge(augmented(made.float(), draws)).float().mean()
        _step(optimisers[0], fooled)
        with torch.no_grad():
            for kept_one, one in zip(average.parameters(), generator.parameters(), strict=True):
                kept_one.lerp_(one, 1 - min(AVERAGE, (1 + step) / (10 + step)))
        step += 1
        if step % 100 == 0:
            print(f"step {step}: {loss.item():.3f}", flush=True)
        if time.monotonic() - saved > SAVED_EVERY:
            _save(kept, step, parts)
            saved = time.monotonic()
    _save(kept, step, parts)
    network = {"name": "flower-generator", "arguments": {"width": WIDTH}}
    description = {"method": "flower-generator", "network": network, "step": step, "seed": arguments.seed}
    save_weights(arguments.output / "generator.safetensors", average.state_dict(), description)
    average.eval().requires_grad_(False)
    with torch.no_grad():
        samples = average(torch.randn(96, average.latent_size, generator=torch.Generator().manual_seed(1)))
    write_image(arguments.output / "samples.png", _sheet(samples))
    others = every[FOR_PRIOR:][:50]
    for codes, layer in ((1, None), (8, 1)):
        settings = SearchSettings(codes=codes, layer=layer, steps=200)
        found = invert(average, others, Identity(), settings, random=torch.Generator().manual_seed(0)).image
        psnr = -10 * (found - others).square().flatten(1).mean(1).log10().mean()
        print(f"{codes} codes, mixed at {layer}: 50 other flowers at {psnr:.2f} dB after {step} steps")


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _save(path: Path, step: int, parts: dict) -> None:
    torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def _sheet(pictures: Tensor, columns: int = 12) -> Tensor:
    rows = pictures.unflatten(0, (-1, columns))
    return rows.permute(2, 0, 3, 1, 4).reshape(1, 3, -1, columns * SIDE)


if __name__ == "__main__":
    main()
