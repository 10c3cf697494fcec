"""Put what the benchmarks measured into the documents, between the marks of the tables.

python scripts/fill_tables.py
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "docs/benchmarks.md",
    ROOT / "docs/methods/dil.md",
    ROOT / "docs/methods/perceive_ir.md",
    ROOT / "docs/methods/bigprior.md",
    ROOT / "docs/methods/nlcl.md",
    ROOT / "src/pellucid/weights/bundle/default.md",
    ROOT / "src/pellucid/weights/bundle/perceiver.md",
]
MARKED = re.compile(r"<!-- ([\w/:-]+) -->\n.*?<!-- end -->", re.DOTALL)

ROWS = [  # in words, protocol, test sets, what is to be reached
    ("CBSD68, unclipped Gaussian noise, sigma 15 / 25 / 50", "awgn", ["cbsd68"], "BM3D 33.52 / 30.71 / 27.38"),
    ("the same, clipped and rounded to 8 bits", "awgn-8bit", ["cbsd68"], ""),
    ("Rain100L", "rain-rgb", ["rain100l"], "31.5"),
    ("Rain100H", "rain-rgb", ["rain100h"], "above the input"),
    ("PolyU, real noise", "pairs", ["polyu"], "not below the input"),
    ("Classic5 (grey), JPEG quality 10 / 20 / 30 / 40", "jpeg-grey", ["classic5"], "above the input"),
    ("Set14, Gaussian blur 1 / 2 / 3 pixels", "gaussian-blur", ["set14"], "above the input"),
    ("Set14, motion blur 9 / 15 pixels", "motion-blur", ["set14"], "above the input"),
    ("SOTS_indoor10, haze", "pairs", ["sots-indoor10"], "above the input"),
    ("LowLight_SICE24", "pairs", ["sice24"], "above the input"),
    ("clean pictures, CBSD68 / Kodak24", "clean", ["cbsd68", "kodak24"], "40"),
]
"""Of the card of the default model."""


def filled(text: str) -> str:
    """`text` with a table between every `<!-- name -->` and `<!-- end -->`.

    `card` is measured in card-default, `card-means` the same without what a mean hides; another name is that of a file
    in benchmarks/results/, and `name:2` its first two sections.
    """

    def with_table(mark: re.Match[str]) -> str:
        if mark[1] in ("card", "card-means"):
            table = card(has_harm=mark[1] == "card")
        else:
            name, _, count = mark[1].partition(":")
            text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
            sections = re.split(r"^(?=### )", text, flags=re.MULTILINE)
            table = (text if not count else "".join(sections[: int(count) + 1])).strip()
        return f"<!-- {mark[1]} -->\n{table}\n<!-- end -->"

    return MARKED.sub(with_table, text)


def card(*, has_harm: bool) -> str:
    """The figures of the default model, PSNR in dB, as Markdown."""
    results = json.loads((RESULTS / "card-default" / "results.json").read_text(encoding="utf-8"))["results"]
    head = ["what", "input", "default", *(["below input", "worst"] if has_harm else []), "to reach"]
    lines = [_row(head), "|" + "---|" * len(head)]
    for what, protocol, test_sets, to_reach in ROWS:
        found = [row for row in results if row["protocol"] == protocol and row["test_set"] in test_sets]
        inputs, restored = ([row for row in found if (row["contestant"] == "input") == its] for its in (True, False))
        before = "unchanged" if protocol == "clean" else _levels(inputs, "psnr")
        lines.append(_row([what, before, _levels(restored, "psnr"), *(_harm(restored) if has_harm else []), to_reach]))
    return "\n".join(lines)


def _harm(restored: Sequence[dict[str, Any]]) -> list[str]:
    if restored[0]["worst_change"] is None:  # nothing comes above a clean picture
        return ["", f"lowest PSNR {_levels(restored, 'worst_psnr')}"]
    below, total = (sum(row[key] for row in restored) for key in ("num_below_input", "num_pictures"))
    return [f"{below} of {total}", f"{min(row['worst_change'] for row in restored):+.2f}"]


def _levels(rows: Sequence[dict[str, Any]], key: str) -> str:
    return " / ".join(f"{row[key]:.2f}" for row in rows)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text(encoding="utf-8")), encoding="utf-8")
