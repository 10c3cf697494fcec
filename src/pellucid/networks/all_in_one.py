"""First the tone of the whole picture, then the specialist for what is wrong with it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.errors import MethodError
from pellucid.images.overview import Views, detail_boxes, spread
from pellucid.networks.degradation_classifier import DegradationClassifier
from pellucid.networks.tone_map import ToneMap


class AllInOne(nn.Module):
    """A `ToneMap`, then one of several networks, chosen for the whole picture; each trained on its own.

    The generalist takes what no specialist was trained on, such as several degradations at once. A picture whose tone
    is changed is looked at again with its new tone: lifting a dark picture shows its noise.

    Args:
        tone: decides from the whole picture.
        generalist: the network for all that no specialist serves.
        specialists: further networks, by name.
        chooser: tells which degradation a patch has.
        serves: domain of the chooser to the specialist that undoes it; other domains are the generalist's.
        least_probability: of a specialist's domains together, up to which the generalist is taken; by specialist, 0.5
            where it is not given. What does more harm where it is not needed should need more.
        darkening_needs: domain of the chooser to the probability above which a detail speaks for a tone that makes the
            picture darker, as undoing haze does; one of them must. Empty: the tone alone decides. From far away rain,
            snow and misty light look like haze; from near they do not. One detail is enough: haze is where it is far.

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
        generalist: nn.Module,
        specialists: Mapping[str, nn.Module],
        chooser: DegradationClassifier,
        serves: Mapping[str, str],
        least_probability: Mapping[str, float] | None = None,
        darkening_needs: Mapping[str, float] | None = None,
    ):
        super().__init__()
        self.tone, self.generalist, self.chooser = tone, generalist, chooser
        self.specialists = nn.ModuleDict(specialists)
        names, domains = list(specialists), self.chooser.domains
        self.darkening_needs = dict(darkening_needs or {})
        unknown = sorted({*serves, *self.darkening_needs} - set(domains)) + sorted(set(serves.values()) ^ set(names))
        if unknown:
            raise MethodError(
                f"Expected every specialist to serve domains that the chooser knows, got {unknown[0]!r} on one side "
                "only: correct serves, darkening_needs, specialists or the chooser's domains."
            )
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

    def context(self, views: Views) -> Tensor | None:
        """The number of the chosen network, and where a picture needs it the coefficients of the tone behind it.

        Returns:
            `(B, 1, 1, 1)` or `(B, 13, GRID, GRID)`; `None` when the generalist restores all and no tone changes.
        """
        seen = self.look(views.details)
        coefficients = self.tone.context(views)
        if self.darkening_needs:
            least = {self.chooser.domains.index(domain): least for domain, least in self.darkening_needs.items()}
            clearest = seen.softmax(dim=2).amax(dim=1)
            is_spoken_for = torch.stack([clearest[:, row] > value for row, value in least.items()]).any(dim=0)
            is_refused = (self.tone.change(views.overview, coefficients) < 0) & ~is_spoken_for
            coefficients = torch.where(is_refused.view(-1, 1, 1, 1), 0.0, coefficients)
        is_toned = coefficients.flatten(1).any(dim=1)
        chosen = self.choose(seen)
        if not bool(is_toned.any()):
            return chosen.to(coefficients).view(-1, 1, 1, 1) if bool(chosen.any()) else None
        seen_again = self.look(self._toned_details(views, coefficients))
        chosen = torch.where(is_toned, self.choose(seen_again), chosen).to(coefficients).view(-1, 1, 1, 1)
        return torch.cat([chosen.expand(-1, -1, *coefficients.shape[-2:]), coefficients], dim=1)

    def _toned_details(self, views: Views, coefficients: Tensor) -> Tensor:
        toned = [
            self.tone(detail, spread(coefficients, views.size, box)).clamp(0, 1)
            for detail, box in zip(views.details.unbind(1), detail_boxes(*views.size), strict=True)
        ]
        return torch.stack(toned, dim=1)

    def reach(self, context: Tensor | None) -> int:
        """How far a pixel of the output sees, in pixels, with what was chosen."""
        return max(self.parts[number].receptive_radius for number in _numbers(context))

    def taken_for(self, context: Tensor | None) -> str:
        """The name of the specialist that the context of one picture chose, or of what the generalist does for it."""
        name = ["nothing in particular", *self.specialists][_numbers(context)[0]]
        if context is None or context.shape[1] == 1:
            return name
        return "haze or low light" if name in ("clean", "nothing in particular") else f"haze or low light, then {name}"

    def forward(self, degraded: Tensor, context: Tensor | None = None) -> Tensor:
        """The restored picture, `(B, 3, H, W)` to the same.

        Args:
            degraded: a picture, or a tile of one.
            context: of the whole picture, at the pixels of `degraded`; without, the generalist restores it as it is.
        """
        if context is None:
            return self.generalist(degraded)
        if context.shape[1] > 1:
            degraded = self.tone(degraded, context[:, 1:])
        parts, numbers = self.parts, _numbers(context)
        if len(set(numbers)) == 1:
            return parts[numbers[0]](degraded)
        restored = torch.empty_like(degraded)
        for number in set(numbers):
            rows = [row for row, its in enumerate(numbers) if its == number]
            restored[rows] = parts[number](degraded[rows])
        return restored


def _numbers(context: Tensor | None) -> list[int]:
    """Who restores each picture."""
    return [0] if context is None else context[:, 0, 0, 0].round().long().tolist()
