import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.images.padding import crop_to, pad_below_and_right, pad_to_multiple


@settings(deadline=None)
@given(height=st.integers(1, 20), width=st.integers(1, 20), multiple=st.integers(1, 32))
def test_padding_is_numpys_reflection_and_cropping_undoes_it(height, width, multiple):
    image = torch.arange(2.0 * 3 * height * width).view(2, 3, height, width)
    padded, size = pad_to_multiple(image, multiple)
    below, beside = -height % multiple, -width % multiple
    # NumPy reflects again and again where the padding is larger than the picture, and repeats a single pixel.
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (0, below), (0, beside)), mode="reflect")
    np.testing.assert_array_equal(padded.numpy(), expected)
    assert torch.equal(crop_to(padded, size), image)


def test_nothing_is_copied_when_nothing_is_added():
    image = torch.rand(1, 3, 16, 24)
    padded, size = pad_to_multiple(image, 8)
    assert padded is image
    assert size == (16, 24)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_type_can_be_padded(dtype):
    assert pad_below_and_right(torch.ones(1, 3, 5, 1, dtype=dtype), 2, 3).shape == (1, 3, 7, 4)
