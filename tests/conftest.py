"""What tests of several rooms need."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def fresh_accelerator() -> Iterator[None]:
    """Accelerate keeps the first precision of a process for good, which is right for a run and not for tests."""
    state = pytest.importorskip("accelerate.state")
    state.AcceleratorState._reset_state(True)
    yield
    state.AcceleratorState._reset_state(True)
