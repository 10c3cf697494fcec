"""What tests of several rooms need."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def fresh_accelerator() -> Iterator[None]:
    """Accelerate keeps the first precision of a process for good, which is right for a run and not for tests."""
    state = pytest.importorskip("accelerate.state")
    state.AcceleratorState._reset_state(True)
    yield
    state.AcceleratorState._reset_state(True)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Pictures and networks are so small in tests that more threads only wait for each other."""
    torch.set_num_threads(1)
