"""What a degradation is, and how a batch of different ones is applied.

Every phenomenon's file holds three things: a pure function on a batch whose strengths are numbers or one value per
sample; a frozen class with the parameters of one sample; and `draw`, which draws those parameters at a severity.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch
from torch import Generator, Tensor

from pellucid.images.contract import check_image

Strength = float | Tensor
"""One number for the whole batch, or a tensor `(B,)` with one per sample."""


@runtime_checkable
class Degradation(Protocol):
    """The parameters of one degradation of one picture; a frozen dataclass.

    Float fields may differ within a batch; fields of other types (switches, counts) must agree to be applied at once,
    which `apply` sees to.
    """

    name: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def draw(cls, severity: float, generator: Generator) -> "Degradation":
        """Parameters at `severity`, from 0 (just visible) to 1 (the strongest of the range); the rest at random."""
        ...

    @staticmethod
    def function(image: Tensor, *arguments: Any, **parameters: Any) -> Tensor:
        """The pure function, given `generator` and the fields by name; only `resize` may change the size of `image`."""
        ...


AnyDegradation = TypeVar("AnyDegradation", bound=Degradation)


def per_sample(strength: Strength, image: Tensor, trailing: int = 3) -> Tensor:
    """`strength` as a tensor `(B, 1, ...)` with `trailing` ones, that multiplies `image` sample by sample."""
    values = torch.as_tensor(strength, dtype=image.dtype, device=image.device)
    return values.expand(image.shape[0]).reshape(-1, *[1] * trailing)


def apply(image: Tensor, parameters: Sequence[Degradation], generator: Generator) -> Tensor:
    """`image` with sample `b` degraded by `parameters[b]`; equal kinds are applied in one call.

    Args:
        image: `(B, 3, H, W)`, in `[0, 1]`.
        parameters: one per sample.
        generator: on the device of `image`; the source of all randomness inside (noise, streak positions).

    Returns:
        `(B, 3, H, W)`, same dtype and device.
    """
    check_image(image)
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row, degradation in enumerate(parameters):
        switches = tuple(
            (field.name, value)
            for field in fields(degradation)
            if not isinstance(value := getattr(degradation, field.name), float)
        )
        groups[(type(degradation), switches)].append(row)
    if len(groups) == 1 and len(parameters) == image.shape[0]:
        return _apply_group(image, parameters, generator)
    degraded = image.clone()
    for rows in groups.values():
        degraded[rows] = _apply_group(image[rows], [parameters[row] for row in rows], generator)
    return degraded


def _apply_group(image: Tensor, parameters: Sequence[Degradation], generator: Generator) -> Tensor:
    arguments: dict[str, Any] = {}
    for field in fields(parameters[0]):
        values = [getattr(degradation, field.name) for degradation in parameters]
        is_strength = isinstance(values[0], float)
        arguments[field.name] = (
            torch.tensor(values, dtype=image.dtype, device=image.device) if is_strength else values[0]
        )
    return type(parameters[0]).function(image, generator=generator, **arguments)
