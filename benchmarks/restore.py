"""Speed and memory of restoring files, against the machine's own rate, a naive run, and classical denoisers.

    python benchmarks/restore.py --megapixels 1 12 48 108 --output benchmarks/results/restore-default

Pictures are mosaics of one example photograph each, saved as JPEG at quality 92: which network restores a picture, and
so how fast, depends on what is wrong with it. The first example is restored at all sizes, the others at 12 megapixels.
Every measurement runs in a process of its own: seconds are those of `pellucid.restore` (`always`, so that nothing is
kept as it was) file to file with the model loaded, peak memory that of the process. The share is the network's
multiply-adds, counted once per pixel of the picture, over the whole time, against a 2048^3 bf16 matrix product in the
same process, best of five before and after. The naive run is the same network in float32, NCHW, eager, the whole
picture at once, file to file. Machines are shared and noisy: read ratios.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from measuring import matrix_rate, seconds_of
from pellucid.training.run_folder import environment

EXAMPLES = Path(__file__).parents[1] / "examples"
OTHERS_MEGAPIXELS = 12
SIDES = {0.25: (500, 500), 1: (1000, 1000), 12: (3000, 4000), 48: (6000, 8000), 108: (9000, 12000)}


def mosaic(megapixels: float, path: Path, examples: str) -> None:
    """A picture of the given size, made of the examples whose names match."""
    import pyvips

    height, width = SIDES[megapixels]
    pictures = [pyvips.Image.new_from_file(str(file))[:3] for file in sorted(EXAMPLES.glob(examples))]
    columns = -(-width // 400)
    cells = [pictures[number % len(pictures)] for number in range(columns * -(-height // 400))]
    pyvips.Image.arrayjoin(cells, across=columns).crop(0, 0, width, height).jpegsave(str(path), Q=92)


def measure_restore(model_name: str, source: Path, memory: str | None) -> dict[str, Any]:
    """One file to file, with the model loaded before."""
    import resource

    from torch.utils.flop_counter import FlopCounterMode

    import pellucid
    from pellucid.images.files import read_picture
    from pellucid.images.overview import maps_of, spread
    from pellucid.images.views import views_of

    model = pellucid.load(model_name, device="cpu")
    network: Any = model.restorer.network  # pyright: ignore[reportAttributeAccessIssue]
    picture = read_picture(source, scratch=source.parent)
    context = model.restorer.context(views_of(picture))
    picture.close()
    # What was chosen for the picture decides what is computed; its tone does not.
    given = (spread(one[..., :1, :1], (256, 256)) for one in maps_of(context))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, 256, 256), *given)
    multiply_adds = counter.get_total_flops() / 2 / 256**2
    before = matrix_rate()
    target = source.with_name(f"{source.stem}.restored.jpg")
    seconds = seconds_of(lambda: pellucid.restore(source, target, model=model, memory=memory, always=True))
    rate = max(before, matrix_rate())
    height, width = (int(side) for side in source.stem.split("x"))
    pixels = height * width
    return {
        "seconds": seconds,
        "seconds_per_megapixel": seconds / (pixels / 1e6),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "matrix_multiply_adds_per_second": rate,
        "share_of_matrix_rate": multiply_adds * pixels / seconds / rate,
        "thousand_multiply_adds_per_pixel": multiply_adds / 1e3,
        "taken_for": model.restorer.taken_for(context),
    }


def measure_naive(model_name: str, source: Path, memory: str | None) -> dict[str, float]:
    """The same network in float32, NCHW, eager, whole picture."""
    import resource

    import pellucid
    from pellucid.images.files import read_image, write_image
    from pellucid.images.overview import maps_of, spread, views
    from pellucid.images.padding import crop_to, pad_to_multiple
    from pellucid.images.tiling import Box

    restorer: Any = pellucid.load(model_name, device="cpu").restorer
    network = restorer.network.to(torch.float32, memory_format=torch.contiguous_format)

    @torch.inference_mode()
    def run() -> None:
        image = read_image(source)
        padded, size = pad_to_multiple(image, restorer.size_multiple)
        context = restorer.context(views(image))
        whole = Box(0, 0, *padded.shape[-2:])
        restored = network(padded, *(spread(one, size, whole) for one in maps_of(context)))
        write_image(source.with_name("naive.jpg"), crop_to(restored, size).clamp(0, 1))

    seconds = seconds_of(run)
    height, width = (int(side) for side in source.stem.split("x"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "seconds_per_megapixel": seconds / (height * width / 1e6), "peak_bytes": peak}


def measure_classical(name: str, source: Path) -> dict[str, float]:
    """BM3D or OpenCV's non-local means on the decoded picture."""
    from pellucid.images.files import read_image

    pixels = (read_image(source)[0].permute(1, 2, 0) * 255).round().byte().numpy()
    if name == "BM3D":
        import bm3d

        seconds = seconds_of(lambda: bm3d.bm3d_rgb(pixels / 255.0, 25 / 255))
    else:
        import cv2

        seconds = seconds_of(lambda: cv2.fastNlMeansDenoisingColored(pixels, None, 15, 15))
    return {"seconds": seconds, "seconds_per_megapixel": seconds / (pixels.shape[0] * pixels.shape[1] / 1e6)}


def in_process(*arguments: str) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--measure", *arguments]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ})
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 12, 48, 108])
    parser.add_argument("--naive", type=float, nargs="*", default=[12], help="sizes of the naive run, megapixels")
    parser.add_argument("--classical", type=float, nargs="*", default=[0.25], help="sizes of the classical ones")
    parser.add_argument("--memory", help="budget, as on the command line")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/restore-default"))
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--examples", nargs="+", default=["noisy*", "rainy*", "blurred*", "hazy*"], help="patterns")
    arguments = parser.parse_args()
    if arguments.measure is not None:
        what, model, source, memory = arguments.measure
        measure = {"restore": measure_restore, "naive": measure_naive}.get(what)
        done = measure(model, Path(source), memory or None) if measure else measure_classical(what, Path(source))
        print(json.dumps(done))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        first, *others = arguments.examples
        plan = [("restore", size, first) for size in arguments.megapixels]
        plan += [("naive", size, first) for size in arguments.naive]
        plan += [(what, OTHERS_MEGAPIXELS, other) for other in others for what in ("restore", "naive")]
        plan += [(name, size, first) for name in ("BM3D", "OpenCV non-local means") for size in arguments.classical]
        for number, (what, size, examples) in enumerate(plan):
            source = Path(folder) / str(number) / f"{SIDES[size][0]}x{SIDES[size][1]}.jpg"
            source.parent.mkdir()
            mosaic(size, source, examples)
            measured = in_process(what, arguments.model, str(source), arguments.memory or "")
            rows.append({"what": what, "examples": examples, "megapixels": size, **measured})
            print(rows[-1], flush=True)
    content = {
        "model": arguments.model,
        "memory": arguments.memory,
        "machine": environment(),
        "rows": rows,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    arguments.output.with_suffix(".md").write_text(table(rows))
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    head = ["what", "picture", "taken for", "megapixels", "s", "s/MP", "kMAC/px", "peak memory", "share of matrix rate"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        peak = f"{row['peak_bytes'] / 2**30:.2f} GiB" if "peak_bytes" in row else ""
        share = f"{row['share_of_matrix_rate']:.2f}" if "share_of_matrix_rate" in row else ""
        work = f"{row['thousand_multiply_adds_per_pixel']:.0f}" if "share_of_matrix_rate" in row else ""
        cells = [row["what"], row["examples"].strip("*"), row.get("taken_for", ""), f"{row['megapixels']:g}"]
        cells += [f"{row['seconds']:.2f}", f"{row['seconds_per_megapixel']:.2f}", work, peak, share]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
