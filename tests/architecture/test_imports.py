"""Which room may import which, and what may not be imported at all."""

import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import pellucid
from pellucid.methods.catalog import METHODS

ROOT = Path(pellucid.__file__).parent


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("pellucid", include_external_packages=True, cache_dir=None)


def test_the_contracts_of_pyproject_are_kept() -> None:
    repository = ROOT.parents[1]
    if not (repository / "pyproject.toml").is_file():
        pytest.skip("the contracts are in the repository, not in the installed package")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


def imports_between(graph: grimp.ImportGraph, parent: str, folders: set[str]) -> set[tuple[str, str]]:
    """Direct imports from inside one of the folders to inside another."""
    inside = {name: {f"{parent}.{name}", *graph.find_descendants(f"{parent}.{name}")} for name in folders}
    return {
        (importer, imported)
        for one in folders
        for importer in inside[one]
        for imported in graph.find_modules_directly_imported_by(importer)
        if any(imported in inside[other] for other in folders - {one})
    }


def test_a_method_never_imports_another(graph: grimp.ImportGraph) -> None:
    folders = {path.name for path in (ROOT / "methods").iterdir() if (path / "__init__.py").is_file()}
    assert folders, "there are methods"
    assert imports_between(graph, "pellucid.methods", folders) == set()


def test_an_import_between_methods_would_be_noticed() -> None:
    graph = grimp.ImportGraph()
    for name in ("m", "m.a", "m.a.recipe", "m.b", "m.b.network"):
        graph.add_module(name)
    graph.add_import(importer="m.a.recipe", imported="m.b.network")
    assert imports_between(graph, "m", {"a", "b"}) == {("m.a.recipe", "m.b.network")}


def test_the_catalog_alone_names_methods(graph: grimp.ImportGraph) -> None:
    """Deleting a method's folder and its row must leave everything else as it is."""
    for name in METHODS:
        package = f"pellucid.methods.{name}"
        if package not in graph.modules:  # a row without a folder of its own
            continue
        inside = {package, *graph.find_descendants(package)}
        importers = {importer for module in inside for importer in graph.find_modules_that_directly_import(module)}
        assert importers - inside <= {"pellucid.methods.catalog"}


def test_nothing_but_the_command_line_imports_the_command_line(graph: grimp.ImportGraph) -> None:
    inside = {"pellucid.cli", *graph.find_descendants("pellucid.cli")}
    importers = {importer for module in inside for importer in graph.find_modules_that_directly_import(module)}
    assert importers - inside <= {"pellucid.__main__"}


def test_no_room_is_called_after_nothing() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "misc", "core"}
    assert [path for path in ROOT.rglob("*.py") if path.stem in nameless or path.parent.name in nameless] == []


def test_no_file_is_over_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in ROOT.rglob("*.py")}
    assert {path.name: length for path, length in lengths.items() if length > 400} == {}
