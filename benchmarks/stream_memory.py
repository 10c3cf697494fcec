"""Time and peak memory of a picture file going through the house unchanged, box by box: no network, only files.

    python benchmarks/stream_memory.py --megapixels 12 108 --output benchmarks/results/stream-memory

The picture is made on the spot: smooth colours with noise. Every run is a process of its own; its peak is the largest
resident memory the system saw, and the figure for an idle process that has only imported everything stands beside it.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

MAKE = """
import sys, numpy as np, pyvips
height, width, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
noise = pyvips.Image.gaussnoise(width, height, mean=0, sigma=6, seed=1)
x, y = (band.cast("float") for band in pyvips.Image.xyz(width, height).bandsplit())
planes = [128 + 90 * ((x / (3 + k)).sin() * (y / (2 + k)).cos()) + noise for k in range(3)]
planes[0].bandjoin(planes[1:]).cast("uchar").copy(interpretation="srgb").write_to_file(path, **eval(sys.argv[4]))
"""

STREAM = """
import json, resource, sys, time
from pathlib import Path
from pellucid.images.canvas import Canvas
from pellucid.images.files import read_picture
from pellucid.images.tiling import plan_tiles, restore_streamed
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
idle, start = peak(), time.perf_counter()
source, target = Path(sys.argv[1]), Path(sys.argv[2])
picture = read_picture(source, scratch=target.parent)
canvas = Canvas(picture, target.parent)
unpacked = time.perf_counter()
size = (picture.height, picture.width)
plan = plan_tiles(*size, tile=1024, multiple=8, radius=64)
restore_streamed(picture.read, canvas.write, lambda tile, box: tile, plan, size)
tiles = time.perf_counter()
canvas.save(target)
end = time.perf_counter()
print(json.dumps({
    "height": size[0], "width": size[1], "idle_bytes": idle, "peak_bytes": peak(),
    "seconds": {"unpack": unpacked - start, "tiles": tiles - unpacked, "save": end - tiles, "all": end - start},
}))
"""


def measure(megapixels: float, suffix: str, folder: Path) -> dict:
    """One picture of 4 : 3, made, streamed and removed."""
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    width = round(megapixels * 1e6 / height)
    source, target = folder / f"source{suffix}", folder / f"target{suffix}"
    options = "{'Q': 92}" if suffix == ".jpg" else "{}"
    subprocess.run([sys.executable, "-c", MAKE, str(height), str(width), str(source), options], check=True)
    answer = subprocess.run(
        [sys.executable, "-c", STREAM, str(source), str(target)], capture_output=True, text=True, check=True
    )
    row = {"suffix": suffix, "megapixels": megapixels, **json.loads(answer.stdout.splitlines()[-1])}
    row["source_bytes"], row["target_bytes"] = source.stat().st_size, target.stat().st_size
    source.unlink()
    target.unlink()
    return row


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12, 108])
    parser.add_argument("--suffixes", nargs="+", default=[".jpg"])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/stream-memory"))
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix in arguments.suffixes:
            for megapixels in arguments.megapixels:
                row = measure(megapixels, suffix, Path(folder))
                rows.append(row)
                peak, idle = (round(row[key] / 2**20) for key in ("peak_bytes", "idle_bytes"))
                seconds = row["seconds"]["all"]
                print(f"{suffix} {megapixels:g} MP: {seconds:.2f} s, peak {peak} MB (idle {idle} MB)", flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
