"""The image contract that every room keeps.

An image tensor is `(B, 3, H, W)`, RGB, floating point, nominally in `[0, 1]`. Values outside the range are legal
(unclipped noise), NaN and infinity are not. Strengths of noise are in the same unit: `25 / 255`, never `25`.
"""

from torch import Tensor

from pellucid.errors import ImageError


def check_image(image: Tensor, name: str = "image") -> Tensor:
    """`image` itself, once its shape and type are known to be right.

    Args:
        image: `(B, 3, H, W)`, floating point.
        name: how the message calls it.

    Raises:
        ImageError: when it is anything else.
    """
    if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[-2:]) < 1:
        shape = tuple(image.shape)
        raise ImageError(f"Expected {name} as a tensor of shape (B, 3, H, W), got {shape}: add or move axes to match.")
    if not image.is_floating_point():
        raise ImageError(
            f"Expected {name} as floating point in [0, 1], got {image.dtype}: divide by the largest value first."
        )
    return image
