"""First low light or haze of the whole picture, then the specialist for what else is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.errors import MethodError
from pellucid.images.overview import Context, Views, detail_boxes, maps_of, spread
from pellucid.networks.dark_channel import DarkChannel
from pellucid.networks.degradation_classifier import DegradationClassifier
from pellucid.networks.tone_map import ToneMap

DARK, HAZY = 1, 2
"""What a whole picture may be; 0 is neither."""

_NAMES = ("", "low light", "haze")
_WHOLE = ("", "low-light", "haze")  # as degradations are called

CLEAN = "clean"
"""The part that leaves pictures as they are."""


@dataclass(frozen=True)
class Told:
    """What is known to be wrong with pictures, so that nobody has to see it.

    Attributes:
        what: `DARK`, `HAZY` or 0 for neither.
        part: who restores, a number of `AllInOne.parts`; `None` when that is to be seen.
    """

    what: int
    part: int | None


class AllInOne(nn.Module):
    """Low light or haze undone, then one of several networks, chosen for the whole picture; each trained on its own.

    The generalist takes what no specialist was trained on, such as several degradations at once. A picture that was
    dark or hazy is looked at again without: lifting a dark picture shows its noise.

    Args:
        tone: undoes low light.
        dark_channel: undoes haze.
        generalist: the network for all that no specialist serves.
        specialists: further networks, by name.
        chooser: tells which degradation a patch has.
        serves: domain of the chooser to the specialist that undoes it; other domains are the generalist's.
        least_probability: of a specialist's domains together, up to which the generalist is taken; by specialist, 0.5
            where it is not given. What does more harm where it is not needed should need more.
        dark_below: mean of the largest colour of every pixel, in `[0, 1]`, below which a picture is dark. A network is
            not a better judge: a detail of a dark photograph looks like one of a photograph of dark things.
        hazy_above: probability of the chooser's domains with haze, in the detail where it is greatest, above which a
            picture is hazy; 1 if none ever is. From far away rain, snow and misty light look like haze; from near they
            do not. One detail is enough: haze is where it is far.

    Source:
        Networks that each see part of the cases, and one that chooses among them: Jacobs et al., "Adaptive Mixtures of
        Local Experts", Neural Computation 1991. Differs: the cases are known in training, so that each part is
        trained on its own, and one is taken rather than a weighted sum, which would cost as much as all of them.
    """

    in_float32 = ("tone", "chooser")
    belongs: Tensor
    least: Tensor

    def __init__(
        self,
        tone: ToneMap,
        dark_channel: DarkChannel,
        generalist: nn.Module,
        specialists: Mapping[str, nn.Module],
        chooser: DegradationClassifier,
        serves: Mapping[str, str],
        least_probability: Mapping[str, float] | None = None,
        dark_below: float = 0.0,
        hazy_above: float = 1.0,
    ):
        super().__init__()
        self.tone, self.dark_channel, self.generalist, self.chooser = tone, dark_channel, generalist, chooser
        self.specialists = nn.ModuleDict(specialists)
        self.dark_below, self.hazy_above = dark_below, hazy_above
        names, domains = list(specialists), self.chooser.domains
        unknown = sorted(set(serves) - set(domains)) + sorted(set(serves.values()) ^ set(names))
        if unknown:
            raise MethodError(
                f"Expected every specialist to serve domains that the chooser knows, got {unknown[0]!r} on one side "
                "only: correct serves, specialists or the chooser's domains."
            )
        self.needs_context = any(getattr(part, "needs_context", False) for part in self.parts)
        self.with_haze = [row for row, domain in enumerate(domains) if "haze" in domain.split("+")]
        belongs = [[float(serves.get(domain) == name) for name in names] for domain in domains]
        self.register_buffer("belongs", torch.tensor(belongs).view(len(domains), len(names)), persistent=False)
        least = [(least_probability or {}).get(name, 0.5) for name in names]
        self.register_buffer("least", torch.tensor(least), persistent=False)
        # Powers of two, so the largest serves all.
        self.size_multiple: int = max(part.size_multiple for part in self.parts)
        self.receptive_radius: int = max(part.receptive_radius for part in self.parts)

    @property
    def parts(self) -> list[Any]:
        """Who may restore a picture, by number: the generalist, then the specialists."""
        return [self.generalist, *self.specialists.values()]

    @property
    def degradations(self) -> tuple[str, ...]:
        """What may be told to be wrong with pictures."""
        return (*_WHOLE[1:], *(name for name in self.specialists if name != CLEAN))

    def told(self, degradations: Sequence[str]) -> Told:
        """That these are wrong with pictures, and that nothing is dark or hazy that is not said to be.

        Of several that specialists serve, the generalist undoes them together; of none, it is seen who restores.

        Args:
            degradations: out of `degradations`, at least one.

        Raises:
            MethodError: when one is unknown, or pictures are said to be dark and hazy.
        """
        unknown = [name for name in degradations if name not in self.degradations]
        if unknown or not degradations:
            raise MethodError(
                f"Expected degradations out of {', '.join(self.degradations)}, got {', '.join(unknown) or 'none'}: "
                "name those that this model undoes."
            )
        whole = {_WHOLE.index(name) for name in degradations if name in _WHOLE}
        if len(whole) > 1:
            raise MethodError(
                "Expected a picture that is dark or hazy, got both: name the one that is worse, and restore the result "
                "once more, into another file."
            )
        served = {list(self.specialists).index(name) + 1 for name in degradations if name not in _WHOLE}
        part = None if not served else 0 if len(served) > 1 else served.pop()
        return Told(whole.pop() if whole else 0, part)

    def look(self, details: Tensor) -> Tensor:
        """What the chooser says of each detail, `(B, N, 3, h, w)` to logits of its domains, `(B, N, D)`."""
        return self.chooser(details.flatten(0, 1)).unflatten(0, details.shape[:2])

    def choose(self, seen: Tensor) -> Tensor:
        """Which network restores each picture, `(B,)`, a number of `parts`.

        Args:
            seen: `(B, N, D)`, see `look`. What the details say is averaged.
        """
        if not self.specialists:
            return torch.zeros(len(seen), dtype=torch.long, device=seen.device)
        share, number = (seen.mean(dim=1).softmax(dim=1) @ self.belongs).max(dim=1)
        return torch.where(share > self.least[number], number + 1, 0)

    def haze(self, seen: Tensor) -> Tensor:
        """How probable haze is in the second clearest detail, `(B,)`; `seen` as `look` gives it.

        Haze is seldom in one place alone, and one misleading detail is to decide nothing (benchmarks/results/tone.md).
        """
        shares = seen.softmax(dim=2)[:, :, self.with_haze].sum(dim=2)
        return shares.topk(min(2, shares.shape[1]), dim=1).values[:, -1]

    def is_what(self, views: Views, seen: Tensor) -> Tensor:
        """`DARK`, `HAZY` or 0, `(B,)`. A dark picture is not looked at for haze."""
        hazy = torch.where(self.haze(seen) > self.hazy_above, HAZY, 0)
        is_dark = brightness(views.overview) < self.dark_below
        return torch.where(is_dark, DARK, hazy)

    def context(self, views: Views, told: Told | None = None) -> Context | None:
        """The number of the chosen network, and for a dark or hazy picture which it is, and how that is undone.

        Returns:
            `(B, 1, 1, 1)`, or `(B, 14, GRID, GRID)` when one of the pictures is dark or hazy; `None` when the
            generalist restores all as they are. Where a chosen network is guided, also what guides it,
            `(B, C, 1, 1)`, zeros behind and for pictures whose network is not. The generalist restores what is not as
            a screen shows it, unless it is told who does.

        Args:
            views: of the pictures.
            told: what is known to be wrong with all of them; seen when absent.

        Raises:
            MethodError: when pictures are said to be dark or hazy that are not as a screen shows them.
        """
        return self.observe(views, told)[0]

    def observe(self, views: Views, told: Told | None = None) -> tuple[Context | None, Tensor]:
        """`context`, and how probable each of the chooser's domains is, of the pictures as they came, `(B, D)`."""
        seen = self.look(views.details)
        return self._concluded(views, seen, told), seen.mean(dim=1).softmax(dim=1)

    def _concluded(self, views: Views, seen: Tensor, told: Told | None) -> Context | None:
        undone, undoing = views, None
        chosen = torch.zeros(len(views.details), dtype=torch.long, device=views.details.device)
        if views.is_as_shown:
            chosen = self.choose(seen)
            what = self.is_what(views, seen) if told is None else torch.full_like(chosen, told.what)
            if bool(what.any()):
                undoing = self._undoing(views, what)
                undone = self._undone(views, undoing, what > 0)
                chosen = torch.where(what > 0, self.choose(self.look(undone.details)), chosen)
        elif told is not None and told.what:
            raise MethodError(
                f"Expected a picture as a screen shows it where {_NAMES[told.what]} is to be undone, got light-linear "
                f"values, of which nobody knows what white is: convert it first, or do not name {_WHOLE[told.what]}."
            )
        if told is not None and told.part is not None:
            chosen = torch.full_like(chosen, told.part)
        guiding = self._guiding(undone, chosen)
        decided = chosen.float().view(-1, 1, 1, 1)
        if undoing is not None:
            decided = torch.cat([decided.expand(-1, -1, *undoing.shape[-2:]), undoing], dim=1)
        elif guiding is None and not bool(chosen.any()):
            return None
        return decided if guiding is None else (decided, guiding)

    def _guiding(self, views: Views, chosen: Tensor) -> Tensor | None:
        """What guides the chosen networks, `(B, C, 1, 1)`; `None` when none of them is guided."""
        rows = []
        for row, number in enumerate(chosen.tolist()):
            part = self.parts[number]
            own = replace(views, overview=views.overview[row : row + 1], details=views.details[row : row + 1])
            rows.append(part.context(own) if getattr(part, "needs_context", False) else None)
        if all(row is None for row in rows):
            return None
        width = max(row.shape[1] for row in rows if row is not None)
        nothing = views.details.new_zeros((1, 0, 1, 1), dtype=torch.float32)
        return torch.cat([_widened(nothing if row is None else row, width) for row in rows])

    def _undoing(self, views: Views, what: Tensor) -> Tensor:
        """What each picture is, and the coefficients of whatever undoes that, `(B, 13, GRID, GRID)`, zeros behind."""
        curves = self.tone.context(views)
        undoing = torch.cat([what.to(curves).view(-1, 1, 1, 1).expand_as(curves[:, :1]), curves], dim=1)
        if bool((what == HAZY).any()):
            air = self.dark_channel.context(views)
            of_haze = torch.cat([undoing[:, :1], air, torch.zeros_like(curves[:, air.shape[1] :])], dim=1)
            undoing = torch.where((what == HAZY).view(-1, 1, 1, 1), of_haze, undoing)
        return undoing

    def undo(self, image: Tensor, undoing: Tensor) -> Tensor:
        """Low light or haze undone, `(B, 3, H, W)` to the same; `undoing` is the context's, from its second channel."""

        def apply(number: int, image: Tensor, undoing: Tensor) -> Tensor:
            if number == DARK:
                return self.tone(image, undoing[:, 1:])
            return self.dark_channel(image, undoing[:, 1:6]) if number == HAZY else image

        return _each(apply, _numbers(undoing), image, undoing)

    def _undone(self, views: Views, undoing: Tensor, rows: Tensor) -> Views:
        """Views of the pictures with what is wrong with those of `rows`, `(B,)`, undone."""
        details = [
            self.undo(detail, spread(undoing, views.size, box)).clamp(0, 1)
            for detail, box in zip(views.details.unbind(1), detail_boxes(*views.size), strict=True)
        ]
        height, width = views.overview.shape[-2:]
        overview = self.undo(views.overview, spread(undoing, (height, width))).clamp(0, 1)
        return replace(
            views,
            overview=torch.where(rows.view(-1, 1, 1, 1), overview, views.overview),
            details=torch.where(rows.view(-1, 1, 1, 1, 1), torch.stack(details, dim=1), views.details),
        )

    def reach(self, context: Context | None) -> int:
        """How far a pixel of the output sees, in pixels, with what was chosen."""
        return max(self.parts[number].receptive_radius for number in _numbers(_decided(context)))

    def taken_for(self, context: Context | None) -> str:
        """The name of the specialist that the context of one picture chose, or of what the generalist does for it."""
        decided = _decided(context)
        name = ["nothing in particular", *self.specialists][_numbers(decided)[0]]
        first = "" if decided is None or decided.shape[1] == 1 else _NAMES[_numbers(decided[:, 1:])[0]]
        if not first:
            return name
        return first if name in ("clean", "nothing in particular") else f"{first}, then {name}"

    def is_sure(self, context: Context | None) -> bool:
        """Whether one picture is dark or hazy, by limits that are set against false alarms."""
        decided = _decided(context)
        return decided is not None and decided.shape[1] > 1 and _numbers(decided[:, 1:])[0] > 0

    def forward(self, degraded: Tensor, context: Tensor | None = None, guiding: Tensor | None = None) -> Tensor:
        """The restored picture, `(B, 3, H, W)` to the same.

        Args:
            degraded: a picture, or a tile of one.
            context: of the whole picture, at the pixels of `degraded`; without, the generalist restores it as it is.
            guiding: what guides the chosen networks, the same at every pixel, where they are guided.
        """
        if context is None:
            return self.generalist(degraded)
        if context.shape[1] > 1:
            degraded = self.undo(degraded, context[:, 1:])
        parts = self.parts
        given = degraded.new_zeros((len(degraded), 0, 1, 1)) if guiding is None else guiding[..., :1, :1]

        def restore(number: int, image: Tensor, given: Tensor) -> Tensor:
            part = parts[number]
            return part(image, given) if getattr(part, "needs_context", False) else part(image)

        return _each(restore, _numbers(context), degraded, given)


def brightness(overview: Tensor) -> Tensor:
    """The mean of the largest colour of every pixel, `(B, 3, h, w)` to `(B,)`."""
    return overview.float().clamp(0, 1).amax(dim=1).mean(dim=(1, 2))


def _decided(context: Context | None) -> Tensor | None:
    """The map with the numbers."""
    return None if context is None else maps_of(context)[0]


def _widened(vectors: Tensor, width: int) -> Tensor:
    """`(B, C, 1, 1)` with zeros behind, `(B, width, 1, 1)`."""
    return F.pad(vectors, (0, 0, 0, 0, 0, width - vectors.shape[1]))


def _numbers(context: Tensor | None) -> list[int]:
    """The first channel, one number per picture."""
    return [0] if context is None else context[:, 0, 0, 0].round().long().tolist()


def _each(
    apply: Callable[[int, Tensor, Tensor], Tensor], numbers: Sequence[int], image: Tensor, context: Tensor
) -> Tensor:
    """`apply` to each picture of a batch with its number, pictures of one number together."""
    if len(set(numbers)) == 1:
        return apply(numbers[0], image, context)
    result = torch.empty_like(image)
    for number in set(numbers):
        rows = [row for row, its in enumerate(numbers) if its == number]
        result[rows] = apply(number, image[rows], context[rows])
    return result
