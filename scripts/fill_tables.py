"""Put the tables that the benchmarks printed into docs/benchmarks.md, between their marks.

python scripts/fill_tables.py
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def filled(text: str) -> str:
    """`text` with what stands between `<!-- name -->` and `<!-- end -->` replaced by benchmarks/results/name.md."""

    def with_table(mark: re.Match[str]) -> str:
        table = (ROOT / "benchmarks" / "results" / f"{mark[1]}.md").read_text(encoding="utf-8")
        return f"<!-- {mark[1]} -->\n{table.strip()}\n<!-- end -->"

    return re.sub(r"<!-- ([\w-]+) -->\n.*?<!-- end -->", with_table, text, flags=re.DOTALL)


if __name__ == "__main__":
    document = ROOT / "docs" / "benchmarks.md"
    document.write_text(filled(document.read_text(encoding="utf-8")), encoding="utf-8")
