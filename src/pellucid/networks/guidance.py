"""Perceive-IR's guidance, for any backbone: a code of the degradation, and features modulated by global vectors."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import MethodError
from pellucid.networks.semantics import build_semantics

CODE_WIDTHS = (32, 64, 96, 128)
"""Of the code encoder's convolutions."""


class CodeEncoder(nn.Module):
    """What is wrong with a picture as one unit vector: compact feature extraction (CFE).

    Four convolutions of stride 2, their mean over the picture, and a linear map.

    Args:
        width: numbers of the code.

    Source:
        Perceive-IR (IEEE TIP 2026), as released. Differs: its figure draws two residual blocks and two linear maps.
    """

    def __init__(self, width: int = 128):
        super().__init__()
        widths = (3, *CODE_WIDTHS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1) for inputs, outputs in pairwise(widths)
        )
        self.last = nn.Linear(CODE_WIDTHS[-1], width)

    def forward(self, details: Tensor) -> Tensor:
        """Parts of each picture, `(B, N, 3, h, w)`, to its code, `(B, width)` of length 1; float32.

        A whole picture is one part of itself.
        """
        features = details.flatten(0, 1).to(self.last.weight.dtype)
        for convolution in self.convolutions:
            features = F.gelu(convolution(features))
        pooled = features.mean(dim=(2, 3)).unflatten(0, details.shape[:2]).mean(dim=1)
        return F.normalize(self.last(pooled).float(), dim=1)


class Modulation(nn.Module):
    """Features scaled and shifted by a global vector: the prompt guidance module (PGM).

        y = x (1 + gamma) + beta,   (gamma, beta) = MLP(vector)

    A new one does nothing: the MLP's last weights are zero.

    Args:
        vector_width: numbers of the vector.
        width: channels of the features.
        starts_at_rest: whether the last weights are zero at first.

    Source:
        Perceive-IR (IEEE TIP 2026), as released. Differs: it starts at rest on demand; the paper's figure has separate
        maps for gamma and beta, and draws `x gamma + beta`.
    """

    def __init__(self, vector_width: int, width: int, *, starts_at_rest: bool = False):
        super().__init__()
        self.first = nn.Linear(vector_width, 2 * width)
        self.second = nn.Linear(2 * width, 2 * width)
        if starts_at_rest:
            nn.init.zeros_(self.second.weight)
            nn.init.zeros_(self.second.bias)

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """`(B, width, H, W)` and `(B, vector_width)` to `(B, width, H, W)`."""
        made = self.second(F.gelu(self.first(vector.to(self.first.weight.dtype))))
        scale, shift = made[..., None, None].to(features.dtype).chunk(2, dim=1)
        return features * (1 + scale) + shift


class Guidance(nn.Module):
    """What a picture shows and what is wrong with it, brought to the features of up to four levels of a network.

    Args:
        widths: channels of the features, by level, from the one that gets the shallowest semantic vector.
        code_width: numbers of the degradation's code; with 0 there is no code and no encoder.
        semantics: `name` of an encoder of `SEMANTICS`, and its arguments. Its weights are in no weights file, but those
            of `perceived`.
        starts_at_rest: whether nothing is modulated at first.

    Source:
        Perceive-IR (IEEE TIP 2026): SGM, CFE and PGM.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        code_width: int = 128,
        semantics: Mapping[str, Any] | None = None,
        starts_at_rest: bool = False,
    ):
        super().__init__()
        named = {"name": "mobilenet-v2", **(semantics or {})}
        self.semantics = build_semantics(named.pop("name"), named)
        self.code = CodeEncoder(code_width) if code_width else None
        count, available = len(widths), len(self.semantics.widths)
        if count > available:
            raise MethodError(
                f"Expected a semantic vector for each of {count} levels, got {available}: correct semantics."
            )
        # Of more vectors than levels the deepest of each share: the shallow ones know textures, not things.
        self.taken = [(level + 1) * available // count - 1 for level in range(count)]
        self.vector_widths: tuple[int, ...] = (*(self.semantics.widths[at] for at in self.taken), code_width)
        self.modulations = nn.ModuleList(
            Modulation(its + code_width, width, starts_at_rest=starts_at_rest)
            for its, width in zip(self.vector_widths, widths, strict=False)
        )

    def vectors(self, picture: Tensor, details: Tensor) -> list[Tensor]:
        """A semantic vector per level, the shallowest first, and the code, each `(B, C)`, float32.

        Args:
            picture: `(B, 3, h, w)`, of any size.
            details: `(B, N, 3, h, w)`, at full resolution.
        """
        none = details.new_zeros((len(details), 0), dtype=torch.float32)
        seen = self.semantics(details if getattr(self.semantics, "sees_details", False) else picture)
        return [*(seen[at] for at in self.taken), none if self.code is None else self.code(details)]

    def codes(self, pictures: Tensor) -> Tensor:
        """The code of each picture, `(N, 3, h, w)` to `(N, C)`; without an encoder `C` is 0."""
        return pictures.new_zeros((len(pictures), 0)) if self.code is None else self.code(pictures[:, None])

    def modulated(self, features: Tensor, level: int, vectors: Sequence[Tensor]) -> Tensor:
        """The features of a level, `(B, C, H, W)`, modulated by its semantic vector and the code."""
        return self.modulations[level](features, torch.cat([vectors[level], vectors[-1]], dim=1))
