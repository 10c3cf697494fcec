"""JPEG compression: the real codec, and its arithmetic on tensors for devices where a codec would starve training."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from pellucid.degradations.contract import Strength, per_sample
from pellucid.degradations.draws import between, chance

# ITU-T T.81, Annex K, Tables K.1 and K.2: the quantisation tables that every codec scales by quality.
LUMINANCE_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
YCBCR_FROM_RGB = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
RGB_FROM_YCBCR = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))


def jpeg(
    image: Tensor,
    quality: Strength,
    *,
    subsampled: bool = True,
    codec: Literal["auto", "libjpeg", "tensor"] = "auto",
    generator: Generator | None = None,
) -> Tensor:
    """`image` compressed to JPEG and read back.

    Args:
        image: `(B, 3, H, W)`, clipped to `[0, 1]` and rounded to 8 bits first, as a codec does.
        quality: from 1 to 100 on the scale of the Independent JPEG Group; rounded.
        subsampled: chroma at half resolution (4:2:0), as cameras and web pages save; else 4:4:4.
        codec: `"libjpeg"` compresses for real; `"tensor"` computes the same steps on the device of `image` and differs
            by a fraction of a grey level in the mean; `"auto"` takes the first on the CPU, the second elsewhere.
        generator: not used.

    Returns:
        `(B, 3, H, W)` in multiples of 1/255.
    """
    qualities = per_sample(quality, image, 0).round().clamp(1, 100)
    if codec == "libjpeg" or (codec == "auto" and image.device.type == "cpu"):
        return _through_codec(image, qualities, subsampled)
    return _through_tensors(image, qualities, subsampled)


def _through_codec(image: Tensor, qualities: Tensor, subsampled: bool) -> Tensor:
    import pyvips

    pixels = (image.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()
    _, height, width, _ = pixels.shape
    decoded = []
    for sample, quality in zip(pixels, qualities.tolist(), strict=True):
        picture = pyvips.Image.new_from_memory(sample.numpy().tobytes(), width, height, 3, "uchar")
        data = picture.copy(interpretation="srgb").jpegsave_buffer(
            Q=int(quality),
            subsample_mode="on" if subsampled else "off",
            keep=0,  # no metadata
        )
        memory = pyvips.Image.jpegload_buffer(data).write_to_memory()
        decoded.append(torch.frombuffer(bytearray(memory), dtype=torch.uint8).view(height, width, 3))
    return torch.stack(decoded).permute(0, 3, 1, 2).to(image.device, image.dtype).contiguous() / 255


def _through_tensors(image: Tensor, qualities: Tensor, subsampled: bool) -> Tensor:
    height, width = image.shape[-2:]
    multiple = 16 if subsampled else 8
    right, bottom = -width % multiple, -height % multiple
    pixels = F.pad((image.detach().float().clamp(0, 1) * 255).round(), [0, right, 0, bottom], mode="replicate")
    to_ycbcr = pixels.new_tensor(YCBCR_FROM_RGB)
    luma_and_chroma = torch.einsum("ij,bjhw->bihw", to_ycbcr, pixels)
    luma, chroma = luma_and_chroma[:, :1] - 128, luma_and_chroma[:, 1:]
    if subsampled:
        chroma = F.avg_pool2d(chroma, 2)
    luma = _quantised(luma.round(), _table(LUMINANCE_TABLE, qualities))
    chroma = _quantised(chroma.round(), _table(CHROMINANCE_TABLE, qualities))
    if subsampled:
        # libjpeg's "fancy" upsampling is this triangle filter: weights 3/4 and 1/4 towards the nearer sample.
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    together = torch.cat([(luma + 128).round(), chroma.round()], dim=1)
    rgb = torch.einsum("ij,bjhw->bihw", pixels.new_tensor(RGB_FROM_YCBCR), together)
    return (rgb.round().clamp(0, 255) / 255)[..., :height, :width].to(image.dtype)


def _table(base: tuple[tuple[int, ...], ...], qualities: Tensor) -> Tensor:
    """Quantisation tables `(B, 1, 1, 1, 8, 8)`, scaled as the Independent JPEG Group does."""
    scale = torch.where(qualities < 50, (5000 / qualities).floor(), 200 - 2 * qualities).float()
    table = qualities.new_tensor(base, dtype=torch.float32)
    return ((table * scale.view(-1, 1, 1) + 50) / 100).floor().clamp(1, 255)[:, None, None, None]


def _quantised(plane: Tensor, table: Tensor) -> Tensor:
    """`(B, C, H, W)` through the discrete cosine transform of 8 x 8 blocks, quantised, and back."""
    index = torch.arange(8, dtype=torch.float32, device=plane.device)
    basis = torch.cos((2 * index + 1) * index.view(-1, 1) * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    blocks = plane.unfold(2, 8, 8).unfold(3, 8, 8)  # (B, C, H/8, W/8, 8, 8)
    coefficients = (basis @ blocks @ basis.T / table).round() * table
    restored = basis.T @ coefficients @ basis
    return restored.permute(0, 1, 2, 4, 3, 5).reshape(plane.shape)


@dataclass(frozen=True)
class Jpeg:
    """Parameters of `jpeg`."""

    name: ClassVar[str] = "jpeg"
    function = staticmethod(jpeg)

    quality: float
    subsampled: bool = True

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Jpeg":
        """Quality from 95 down to 11, mostly 4:2:0. Severity is linear in the logarithm of the loss."""
        strength = between(math.log(5), math.log(450), severity)
        loss = math.exp(strength)  # 5 at quality 97, 100 at 50, 450 at 11
        quality = 5000 / loss if loss > 100 else (200 - loss) / 2
        return cls(quality=min(95.0, max(10.0, quality)), subsampled=chance(0.8, generator))
