"""The contracts that hold every method: how it restores, how it trains, and how a loss becomes an update.

A training run is *data x network x objective x strategy*. Methods differ in how they train, not in how they restore,
so the loop and the command line know only what stands here.

Differs from the house plan: the contract of a strategy lives here and not in `training/`, because the strategies of
DIL are methods and methods may not import from the room above them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor, nn

from pellucid.data.batch import Batch
from pellucid.images.overview import Context, Views

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch.optim import Optimizer


@dataclass(frozen=True)
class Restoration:
    """What restoring one picture gives.

    Attributes:
        image: restored, `(B, 3, H, W)`, float32, in `[0, 1]`, the size of the input.
        maps: further pictures by name, each `(B, C, H, W)`: `"prior"`, `"error"`, `"rain"`.
        perceived: what was found to be wrong with the input, name to strength in `[0, 1]`; empty when not perceived.
    """

    image: Tensor
    maps: Mapping[str, Tensor] = field(default_factory=dict)
    perceived: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Restorer(Protocol):
    """A trained method, ready to restore one tile or one whole picture that has already been padded.

    Attributes:
        size_multiple: height and width must be multiples of it, in pixels.
        tile_grid: tiles begin on multiples of it, in pixels; a multiple of `size_multiple`, mostly the same.
        receptive_radius: how far a pixel of the output can see, in pixels, whatever the picture.
        bytes_per_pixel: peak working memory while restoring, per input pixel; measured, see `benchmarks/memory.py`.
        needs_context: whether tiles of a picture would disagree without its context. Else a context decides what may be
            left undecided, such as how bright a picture should be.
    """

    size_multiple: int
    tile_grid: int
    receptive_radius: int
    bytes_per_pixel: float
    needs_context: bool

    def context(self, views: Views) -> Context | None:
        """What must be decided once from the whole picture; `None` when nothing must.

        Returns:
            A coarse map of the picture, or several. What is passed to `restore` is these at the pixels of each tile
            (`pellucid.images.overview.spread`).
        """
        ...

    def observe(self, views: Views) -> tuple[Context | None, Tensor]:
        """`context`, and from the same look how probable every case is that is told apart, of each picture.

        Returns:
            The context, and the probabilities, `(B, D)`, on the CPU; D is 0 when nothing is told apart.
        """
        ...

    def reach(self, context: Context | None) -> int:
        """How far a pixel of the output sees with this context; tiles overlap by at least this much."""
        ...

    def taken_for(self, context: Context | None) -> str | None:
        """What one picture was taken for, in words for people, by its context; `None` when nothing is told apart."""
        ...

    def is_sure(self, context: Context | None) -> bool:
        """Whether something is wrong with one picture beyond doubt, by its context: nobody may call it clean."""
        ...

    def restore(self, image: Tensor, context: Context | None = None) -> Restoration:
        """Restore `image`, `(B, 3, H, W)` with H and W multiples of `size_multiple`. Not clamped, not cropped.

        Args:
            image: a padded picture, or a tile of one.
            context: of the picture, at the pixels of `image`, `(B, C, H, W)` each.
        """
        ...


Objective = Callable[[nn.Module, Batch], tuple[Tensor, dict[str, float]]]
"""`(network, batch) -> (loss, terms)`: a scalar to minimise, and its parts for the log."""


class Strategy(Protocol):
    """How an objective becomes a weight update: empirical risk, or one of DIL's four."""

    def step(self, objective: Objective, batch: Batch) -> dict[str, float]:
        """One update of the network's weights. Returns the terms of the loss and what else is worth logging.

        Raises:
            FloatingPointError: when the loss is not finite; the weights are then as they were before the call.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything but the network's weights that the next step depends on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        ...


StrategyBuilder = Callable[[nn.Module, "Optimizer", "Accelerator", float | None], Strategy]
"""`(network, optimiser, accelerator, gradient_clip) -> strategy`, the first two prepared by the accelerator."""


@runtime_checkable
class Stopping(Protocol):
    """A recipe that knows when it has gone far enough.

    Attributes:
        over: why; `None` while it has not. It changes when the recipe judges.
    """

    @property
    def over(self) -> str | None:
        """See the class."""
        ...


class Recipe(Protocol):
    """One training run's networks, optimisers and step. The loop calls it and knows nothing else."""

    def step(self, batch: Batch) -> dict[str, float]:
        """One training step; see `Strategy.step` for what it may raise."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that exact resume needs: weights, averaged weights, optimisers, schedule."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        ...

    def restorer(self) -> Restorer:
        """The restorer as it would be shipped now (averaged weights when there are any)."""
        ...

    def judge(self, batch: Batch) -> dict[str, float] | None:
        """What held-out samples say of a network that does not restore, by name; `None` when it does: PSNR says it."""
        ...

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What `pellucid.weights` saves: the tensors, and the network's name and arguments."""
        ...
