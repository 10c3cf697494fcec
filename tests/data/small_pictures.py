"""Small random pictures and their files."""

import io

import numpy as np
from PIL import Image


def encode(pixels: np.ndarray, suffix: str = ".png", **options) -> bytes:
    """`(H, W, 3)` or `(H, W)` uint8 as a file, by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, Image.registered_extensions()[suffix], **options)
    return buffer.getvalue()


def noise_picture(seed: int, height: int = 12, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
