"""Small pictures, a small recipe, and settings with which a run takes seconds."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image


@pytest.fixture(autouse=True)
def every_run_is_the_first(fresh_accelerator: None) -> None:
    """Of its process."""


@pytest.fixture(scope="session")
def clean_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three pictures."""
    folder = tmp_path_factory.mktemp("clean")
    for seed in range(3):
        coarse = np.random.default_rng(seed).integers(0, 256, (9, 10, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((150, 140), Image.Resampling.BICUBIC).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def write_recipe(tmp_path_factory: pytest.TempPathFactory, clean_pictures: Path) -> Callable[..., Path]:
    """A function that writes a recipe file of 12 steps; keyword arguments change its training section."""
    folder = tmp_path_factory.mktemp("runs")

    def write(name: str, **training: Any) -> Path:
        recipe = {
            "method": "supervised",
            "network": {"name": "residual-unet", "arguments": {"widths": [8, 8, 8], "blocks": [1, 1, 1]}},
            "optimisation": {"warm_up_steps": 3, "average_decay": 0.9},
            "data": {
                "sources": [{"path": str(clean_pictures)}],
                "mixture": {"gaussian-noise": 2.0, "grayscale": 1.0, "clean": 1.0},
                "patch_size": 32,
                "batch_size": 2,
                "validation_share": 0.34,
            },
            "training": {
                "steps": 12,
                "run_folder": str(folder / name),
                "device": "cpu",
                "threads": 1,
                "log_every": 2,
                "validate_every": 6,
                "checkpoint_every": 3,
                **training,
            },
        }
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(recipe))
        return path

    return write


@pytest.fixture(autouse=True)
def usual_ctrl_c() -> Iterator[None]:
    """Ctrl-C as a terminal has it: a shell that starts the tests in the background makes it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
