"""Random crops from pictures: from such that live on the device, or from such as are decoded when they are drawn."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Generator, Tensor

from pellucid.errors import DataError


class SizedPictures(ABC):
    """Pictures of which the sizes are known, and where crops of them may lie.

    Args:
        sizes: height and width of each, pixels.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]]):
        if not sizes:
            raise DataError("Expected at least one training picture, got none: check the folder, archive or selection.")
        self.heights, self.widths = torch.tensor(sizes).unbind(1)

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

    @abstractmethod
    def gather(self, crops: "Crops") -> Tensor:
        """The crops, `(B, 3, size, size)`, float32 in `[0, 1]`."""


class ResidentPictures(SizedPictures):
    """Pictures decoded once and kept as 8 bits on the device, side by side in one flat buffer.

    Args:
        pictures: each `(3, H, W)`, uint8, at least as large as the crops to be taken.
        device: where they shall live; the CPU or a GPU that they fit on.
        sizes: height and width of each; with them the pictures may come one by one, and go once they are copied.
    """

    def __init__(
        self,
        pictures: Iterable[Tensor],
        device: torch.device | str = "cpu",
        sizes: Sequence[tuple[int, int]] | None = None,
    ):
        if sizes is None:
            pictures = list(pictures)
            sizes = [(int(picture.shape[1]), int(picture.shape[2])) for picture in pictures]
        super().__init__(sizes)
        counts = 3 * self.heights * self.widths
        self.offsets = torch.cumsum(counts, 0) - counts
        self.pixels = torch.empty(int(counts.sum()), dtype=torch.uint8, device=device)
        places = self.pixels.split(counts.tolist())
        for place, picture in zip(places, pictures, strict=True):
            place.copy_(picture.reshape(-1))

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


class DrawnPictures(SizedPictures):
    """Pictures that are decoded when a crop of them is drawn; slower, for more than memory holds.

    Args:
        sizes: height and width of each, pixels.
        read: number of a picture to its pixels, `(3, H, W)`, uint8; a cache behind it decides what is kept.
        device: where crops go.
    """

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]],
        read: Callable[[int], Tensor],
        device: torch.device | str = "cpu",
    ):
        super().__init__(sizes)
        self.read, self.device = read, torch.device(device)

    def gather(self, crops: "Crops") -> Tensor:
        """The crops, `(B, 3, size, size)`, float32 in `[0, 1]`, on the device."""
        gathered = []
        for row, top, left, turn in zip(
            *(v.tolist() for v in (crops.rows, crops.top, crops.left, crops.turn)), strict=True
        ):
            crop = self.read(row)[:, top : top + crops.size, left : left + crops.size]
            crop = crop.flip(1) if turn % 2 == 1 else crop
            crop = crop.flip(2) if turn // 2 % 2 == 1 else crop
            gathered.append(crop.transpose(1, 2) if turn >= 4 else crop)
        return torch.stack(gathered).to(self.device).float() / 255


class Crops:
    """Where crops lie: picture, top, left, and which of the eight flips and turns."""

    def __init__(self, rows: Tensor, top: Tensor, left: Tensor, turn: Tensor, size: int):
        self.rows, self.top, self.left, self.turn, self.size = rows, top, left, turn, size
