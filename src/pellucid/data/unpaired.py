"""Two collections of pictures that do not belong together: rainy photographs here, clean ones there."""

from dataclasses import dataclass

import torch

from pellucid.data.sources import Source


@dataclass(frozen=True)
class UnpairedPictures:
    """Two unrelated sources, for methods that learn without pairs.

    Attributes:
        degraded: the pictures that need restoring.
        clean: what pictures should look like; nothing in it need show the same scene.
    """

    degraded: Source
    clean: Source

    def draw(self, count: int, generator: torch.Generator) -> list[tuple[str, str]]:
        """`count` pairs of names `(degraded, clean)`, each drawn alone and evenly, with replacement."""
        return list(
            zip(
                _draw_names(self.degraded.names, count, generator),
                _draw_names(self.clean.names, count, generator),
                strict=True,
            )
        )


def _draw_names(names: tuple[str, ...], count: int, generator: torch.Generator) -> list[str]:
    return [names[int(row)] for row in torch.randint(len(names), (count,), generator=generator)]
