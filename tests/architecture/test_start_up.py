"""`import pellucid` and `--help` stay quick: nothing heavy is imported. No clock: it lies on busy machines."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "pyvips", "accelerate", "matplotlib", "skimage", "scipy", "cv2", "kornia", "onnxruntime")
COMMANDS = (
    "restore",
    "blend",
    "inpaint",
    "colorize",
    "perceive",
    "train",
    "learn",
    "evaluate",
    "lab",
    "degrade",
    "models",
)


def heavy_after(code: str) -> list[str]:
    """The heavy packages that a fresh Python has imported after `code`."""
    code = f"import sys\n{code}\nprint('heavy:', *(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert heavy_after("import pellucid; dir(pellucid); pellucid.PellucidError") == []


def test_the_tables_and_settings_import_nothing_heavy() -> None:
    assert heavy_after("import pellucid.methods.catalog, pellucid.app.recipe_file, pellucid.app.models") == []


def test_something_heavy_would_be_noticed() -> None:
    assert heavy_after("import numpy") == ["numpy"]


@pytest.mark.parametrize("tokens", [("--help",), ("--version",), *((name, "--help") for name in COMMANDS), ("models",)])
def test_help_imports_nothing_heavy(tokens: tuple[str, ...]) -> None:
    assert heavy_after(f"from pellucid.cli.main import main; assert main({list(tokens)!r}) == 0") == []


def test_every_command_is_tested_here() -> None:
    from pellucid.cli.main import app

    assert {name for name in app if not name.startswith("-")} == set(COMMANDS)
