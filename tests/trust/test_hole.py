"""The scale of a filling's error: distances against a brute-force definition, deviations against NumPy."""

import numpy as np
import torch

from pellucid.trust.hole import CELL, distance_to_known, hole_scale, local_deviation


def random_known(size: tuple[int, int], seed: int, share: float = 0.7) -> torch.Tensor:
    return (torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(seed)) > share).float()


def test_distances_are_those_of_the_nearest_known_pixel() -> None:
    known = random_known((23, 31), 0, share=0.97)
    told, places = distance_to_known(known)[0, 0], known[0, 0].nonzero()
    for row in range(23):
        for column in range(31):
            away = (places - torch.tensor([row, column])).abs().amax(dim=1).min()
            assert told[row, column] == away


def test_deviation_is_that_of_the_known_pixels_of_a_square() -> None:
    image = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(1))
    known = random_known((32, 40), 2, share=0.4)
    told = local_deviation(image, known)[0, 0]
    square, its = image[0, :, 8 : 8 + CELL, 16 : 16 + CELL].numpy(), known[0, 0, 8 : 8 + CELL, 16 : 16 + CELL] > 0
    expected = np.sqrt(square[:, its.numpy()].var(axis=1).mean())
    assert np.allclose(told[8 : 8 + CELL, 16 : 16 + CELL].numpy(), expected, atol=1e-5)


def test_what_stands_in_the_hole_is_not_looked_at() -> None:
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
    known = torch.ones(1, 1, 40, 40)
    known[..., 5:30, 5:30] = 0
    other = torch.where(known > 0, image, torch.nan)
    assert torch.equal(hole_scale(image, known), hole_scale(other, known))


def test_the_scale_grows_inwards_and_is_nothing_where_known() -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    known = torch.ones(1, 1, 64, 64)
    known[..., 16:48, 16:48] = 0
    scale = hole_scale(image, known)[0, 0]
    assert bool((scale[known[0, 0] > 0] == 0).all())
    assert scale[16, 16] < scale[20, 20] < scale[31, 31]
    plain = hole_scale(torch.full((1, 3, 64, 64), 0.5), known)[0, 0]
    assert plain.max() < 1 / 255 < scale[31, 31]


def test_a_picture_that_is_nearly_all_hole_has_a_scale() -> None:
    known = torch.zeros(1, 1, 50, 70)
    known[..., 0, :3] = 1
    scale = hole_scale(torch.rand(1, 3, 50, 70, generator=torch.Generator().manual_seed(5)), known)
    assert bool(scale.isfinite().all()) and scale[0, 0, 30, 30] > 0
