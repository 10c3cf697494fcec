"""Operators written out as matrices, column by column, from nothing but what they do to a picture."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

Dense = Callable[[Callable[[Tensor], Tensor], tuple[int, ...]], np.ndarray]


@pytest.fixture
def dense() -> Dense:
    """`dense(function, shape)`: the matrix of a linear function of one picture `(1, C, H, W)`."""

    def matrix(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape))
        units = torch.eye(size, dtype=torch.float64).view(size, *shape)
        return np.stack([function(unit.unsqueeze(0)).flatten().numpy() for unit in units], axis=1)

    return matrix
