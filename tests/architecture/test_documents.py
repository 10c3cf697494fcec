"""What the documents say runs, and what there is, is documented."""

import os
import re
import runpy
import shlex
import stat
import subprocess
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

import pellucid
from pellucid.cli.main import app
from pellucid.cli.train import STATUS
from pellucid.data.shared_sets import SHARED_SETS
from pellucid.degradations.catalog import DEGRADATIONS
from pellucid.degradations.presets import PRESETS
from pellucid.evaluation.all_in_one import ALL_IN_ONE
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.benchmark_sets import BENCHMARK_SETS
from pellucid.evaluation.protocols import CARD, PROTOCOLS
from pellucid.images.files import write_image
from pellucid.methods.catalog import METHODS, PRIORS, STRATEGIES
from pellucid.networks.catalog import NETWORKS
from pellucid.training.loop import REASONS
from pellucid.weights.bundled import BUNDLED, bundled_weights

REPOSITORY = Path(pellucid.__file__).parents[2]
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/*.md", "docs/**/*.md") for path in REPOSITORY.glob(pattern) if path.is_file()
)
PICTURES = {".jpg", ".png", ".safetensors"}
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(
    not (REPOSITORY / "README.md").is_file(), reason="documents are in the repository, not in the installed package"
)


def blocks(path: Path, kind: str) -> list[str]:
    """The fenced blocks of a document whose info string is `kind`."""
    return [code for info, code in FENCE.findall(path.read_text(encoding="utf-8")) if info.strip() == kind]


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


RUNNABLE = [path for path in DOCUMENTS if blocks(path, "python runnable")]
LINES = [
    (name(path), line[2:])
    for path in DOCUMENTS
    for block in blocks(path, "console")
    for line in block.splitlines()
    if line.startswith("$ ")
]


@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_python_blocks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All `python runnable` blocks of a document, in order, in one namespace, in a folder with a `photo.jpg`."""
    code = "\n".join(blocks(path, "python runnable"))
    if ("restore(" in code or "load(" in code) and not bundled_weights("default").is_file():
        pytest.skip("the bundled weights are not installed")
    write_image(tmp_path / "photo.jpg", torch.rand(1, 3, 48, 64))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, name(path), "exec"), {"__name__": "document"})


@pytest.mark.parametrize(("document", "line"), LINES)
def test_console_lines_are_right(document: str, line: str) -> None:
    """`$ pellucid ...` is parsed with its types, not run; any other command is a file of the repository."""
    command, *tokens = shlex.split(line, comments=True)
    while "=" in command:  # a variable for the command
        command, *tokens = tokens
    if command == "pellucid":
        app.parse_args(tokens, exit_on_error=False, print_error=False)
    else:
        assert os.stat(REPOSITORY / command).st_mode & stat.S_IXUSR, f"{command} of {document} is no script"  # noqa: PTH116


def test_there_is_something_to_check() -> None:
    assert {"README.md", "CONTRIBUTING.md"} <= {name(path) for path in RUNNABLE}
    assert len(LINES) > 5


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert [target for target in targets if target and not (path.parent / target).exists()] == []


def test_every_name_that_can_be_typed_is_documented() -> None:
    text = (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")
    tables = (
        METHODS,
        STRATEGIES,
        PRIORS,
        DEGRADATIONS,
        PRESETS,
        NETWORKS,
        BUNDLED,
        BASELINES,
        _names(BENCHMARK_SETS),
        _names(PROTOCOLS),
        _names(ALL_IN_ONE),
    )
    known = [*chain.from_iterable(tables), *_names(SHARED_SETS)]
    missing = [name for name in known if f"`{name}`" not in text and f"`test/{name}`" not in text]
    assert missing == []
    for known_set in BENCHMARK_SETS:
        stored_as = known_set.stored_as if "/" in known_set.stored_as else f"test/{known_set.stored_as}"
        assert f"| `{known_set.name}` | `{stored_as}` |" in text
        assert re.search(rf"^\| `{known_set.name}` .* `{known_set.protocol}` \|$", text, re.MULTILINE)


def _names(table: Iterable[Any]) -> list[str]:
    return [row.name for row in table]


def test_every_status_of_training_is_documented() -> None:
    text = (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")
    assert set(STATUS) == set(REASONS)
    assert [status for status in STATUS.values() if f"| {status} |" not in text] == []


def test_tables_in_documents_are_what_the_benchmarks_printed() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts" / "fill_tables.py"))
    texts = {name(path): path.read_text(encoding="utf-8") for path in script["DOCUMENTS"]}
    assert {document: script["MARKED"].findall(text) for document, text in texts.items()} == {
        "README.md": ["card-means"],
        "docs/benchmarks.md": ["restore-default", "candidates", "freedom", "real-photos", "told/told"],
        "docs/methods/dil.md": [
            "strategy-cost",
            "dil-noise/verdict",
            "dil-noise/lab:3",
            "dil-noise-5000/curves",
            "dil-blur/lab:4",
            "dil-hybrid/lab:3",
            "dil-rain/lab:4",
            "lab-default/lab:2",
        ],
        "docs/methods/perceive_ir.md": [
            "perceiver/perceiver",
            "do-no-harm",
            "perceive-ir-stack/study",
            "mixed-speed",
            "rain-speed",
            "all-in-one-3/tables:1",
            "all-in-one-5/tables:1",
        ],
        "docs/methods/bigprior.md": [
            "trust/trust",
            "bigprior-colorization",
            "bigprior-study/study",
            "bigprior-network/study",
            "colorize",
        ],
        "docs/methods/nlcl.md": [
            "nlcl-adapt-partners/adapt",
            "nlcl-adapt/adapt",
            "nlcl-real",
            "nlcl-cost",
            "nlcl-study/study",
        ],
        "src/pellucid/weights/bundle/default.md": ["card"],
        "src/pellucid/weights/bundle/perceiver.md": ["perceiver/perceiver:1"],
    }
    assert [document for document, text in texts.items() if script["filled"](text) != text] == []
    assert sorted((row[1], test_set) for row in script["ROWS"] for test_set in row[2]) == sorted(CARD)


def test_the_changelog_knows_the_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(pellucid.__version__)}\b", changelog, re.MULTILINE)


def test_files_name_no_machine_and_no_registry() -> None:
    """What is installed where is the business of the machine."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git repository")
    # Put together here, so that this file does not hold them.
    words = [
        "file:" + "///",
        "--index" + "-url",
        "--extra" + "-index",
        *(f"/{top}/" for top in ("root", "home", "work")),
    ]
    texts = {name: (REPOSITORY / name) for name in listed.stdout.splitlines() if (REPOSITORY / name).is_file()}
    found = [
        (name, word)
        for name, path in texts.items()
        if path.suffix not in PICTURES
        for word in words
        if word in path.read_text(encoding="utf-8", errors="ignore")
    ]
    assert found == []
