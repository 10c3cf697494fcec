"""Random crops from pictures that live on the device, gathered for a whole batch in one step."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from pellucid.errors import DataError


class ResidentPictures:
    """Pictures decoded once and kept as 8 bits on the device, side by side in one flat buffer.

    Args:
        pictures: each `(3, H, W)`, uint8, at least as large as the crops to be taken.
        device: where they shall live; the CPU or a GPU that they fit on.
    """

    def __init__(self, pictures: Sequence[Tensor], device: torch.device | str = "cpu"):
        if not pictures:
            raise DataError("Expected at least one training picture, got none: check the folder, archive or selection.")
        sizes = torch.tensor([picture.shape for picture in pictures])
        counts = sizes.prod(dim=1)
        self.heights, self.widths = sizes[:, 1], sizes[:, 2]
        self.offsets = torch.cumsum(counts, 0) - counts
        self.pixels = torch.cat([picture.reshape(-1) for picture in pictures]).to(device)

    def __len__(self) -> int:
        return len(self.heights)

    def draw(self, count: int, size: int, generator: Generator) -> "Crops":
        """Where `count` square crops lie: pictures by area, any position, any of the eight flips and turns.

        Args:
            count: how many.
            size: height and width, pixels.
            generator: on the CPU.

        Raises:
            DataError: when no picture is large enough.
        """
        room = (self.heights - size + 1).clamp_min(0) * (self.widths - size + 1).clamp_min(0)
        if int(room.sum()) == 0:
            raise DataError(
                f"Expected a picture of at least {size} x {size} pixels, got none: take smaller patches or larger "
                "pictures."
            )
        rows = torch.multinomial(room.double(), count, replacement=True, generator=generator)
        position = torch.rand(2, count, dtype=torch.float64, generator=generator)
        top = (position[0] * (self.heights[rows] - size + 1)).long()
        left = (position[1] * (self.widths[rows] - size + 1)).long()
        return Crops(rows, top, left, torch.randint(8, (count,), generator=generator), size)

    def gather(self, crops: "Crops") -> Tensor:
        """The crops, `(B, 3, size, size)`, float32 in `[0, 1]`, on the device of the pictures."""
        device = self.pixels.device
        size = crops.size
        height, width = self.heights[crops.rows], self.widths[crops.rows]
        start = (self.offsets[crops.rows] + crops.top * width + crops.left).to(device)
        axis = torch.arange(size, device=device)
        turn = crops.turn.to(device).view(-1, 1, 1)
        rows, columns = axis.view(1, -1, 1), axis.view(1, 1, -1)
        rows, columns = torch.where(turn >= 4, columns, rows), torch.where(turn >= 4, rows, columns)
        rows = torch.where(turn % 2 == 1, size - 1 - rows, rows)
        columns = torch.where(turn // 2 % 2 == 1, size - 1 - columns, columns)
        inside = rows * width.to(device).view(-1, 1, 1) + columns  # (B, size, size)
        plane = (height * width).to(device).view(-1, 1) * torch.arange(3, device=device)
        index = (start.view(-1, 1) + plane).view(-1, 3, 1, 1) + inside.unsqueeze(1)
        return self.pixels[index].float() / 255


class Crops:
    """Where crops lie: picture, top, left, and which of the eight flips and turns."""

    def __init__(self, rows: Tensor, top: Tensor, left: Tensor, turn: Tensor, size: int):
        self.rows, self.top, self.left, self.turn, self.size = rows, top, left, turn, size
