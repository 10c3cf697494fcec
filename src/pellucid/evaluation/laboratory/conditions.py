"""The unseen-degradation laboratory: conditions to test under, and what each is to a model by what it was trained on.

A condition is a trial with a degradation that is known by name and strength. Beside a model's training mixture it is a
*seen degree*, an *unseen degree* of a type that was trained on (or its make, or it alone, when it was trained on in
mixes), an *unseen type*, a *mix* of several that was not trained on, or *real*.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from pellucid.data.shared_sets import PAIRED_DEGRADATIONS
from pellucid.degradations.chain import CLEAN
from pellucid.degradations.mixing import Mixture
from pellucid.errors import ConfigurationError
from pellucid.evaluation.degrading import HybridDistorted
from pellucid.evaluation.evaluate import Contestant
from pellucid.evaluation.protocols import Trial, find_protocol

logger = logging.getLogger(__name__)

SEEN, DEGREE, TYPE, MIX, REAL = "seen degrees", "unseen degrees", "unseen types", "mixes", "real"
RELATIONS = (SEEN, DEGREE, TYPE, MIX, REAL)
"""What a condition can be to a model, in the order of tables."""

DRAWS = 64
"""Chains drawn of a domain to know how strong it gets."""


@dataclass(frozen=True)
class Family:
    """Conditions of one kind.

    Attributes:
        name: as typed at the command line.
        protocol: how they are measured.
        test_sets: on what.
        levels: in the protocol's unit; `(None,)` where nothing varies.
        kinds: names of the degradations in it; empty for real photographs, of which nobody knows.
        attribute: the parameter of the degradation that the level sets; `None` where it sets none.
        scale: from the protocol's unit to the parameter's.
        tiers: names of the levels, where they have names instead of a parameter.
    """

    name: str
    protocol: str
    test_sets: tuple[str, ...]
    levels: tuple[float | None, ...] = (None,)
    kinds: frozenset[str] = frozenset()
    attribute: str | None = None
    scale: float = 1.0
    tiers: Mapping[float | None, str] = field(default_factory=dict)


FAMILIES: tuple[Family, ...] = (
    Family(
        "noise",
        "dil-noise",
        ("cbsd68", "kodak24-500"),
        (5, 10, 15, 20, 30, 40, 50, 75),
        frozenset({"gaussian-noise"}),
        "sigma",
        1 / 255,
    ),
    Family(
        "blur",
        "dil-blur",
        ("set5", "set14"),
        (1, 2, 3, 4, 4.2, 4.4, 4.6, 4.8, 5),
        frozenset({"gaussian-blur"}),
        "sigma",
    ),
    Family("jpeg", "jpeg", ("kodak24",), (5, 10, 20, 30, 40), frozenset({"jpeg"}), "quality"),
    Family("motion", "motion-blur", ("set14",), (9, 15), frozenset({"motion-blur"}), "length"),
    Family("rain", "rain-y", ("rain100l", "rain100h"), kinds=frozenset({"rain"})),
    Family("haze", "pairs", ("sots-indoor10",), kinds=frozenset({"haze"})),
    Family("dark", "pairs", ("sice24",), kinds=frozenset({"low-light"})),
    Family(
        "hybrid",
        "dil-hybrid",
        ("cbsd68",),
        (1, 2, 3),
        frozenset({"gaussian-blur", "gaussian-noise", "jpeg"}),
        tiers=HybridDistorted.tiers,
    ),
    Family("real", "pairs", ("polyu",)),
)
"""All of them."""

OTHER_PARTS: Mapping[str, str] = {
    "RainTrainL": "rain100l",
    "LowLight_SICE122": "sice24",
    "SOTS_train15": "sots-indoor10",
}
"""Known sets of training pairs, and the test set that is the other part of the same set."""


@dataclass(frozen=True)
class Condition:
    """One column: a trial, and the family that it belongs to."""

    family: Family
    trial: Trial

    @property
    def label(self) -> str:
        """Short: `cbsd68 sigma 30`."""
        trial = self.trial
        return (
            trial.test_set if trial.level is None else f"{trial.test_set} {trial.protocol.level_name} {trial.level:g}"
        )


@dataclass(frozen=True)
class Domain:
    """One domain of a training run.

    Attributes:
        name: as the recipe has it.
        kinds: the degradations in it.
        ranges: from and to, by degradation and parameter.
        test_set: the test set that is made alike, for sets of pairs.
    """

    name: str
    kinds: frozenset[str]
    ranges: Mapping[tuple[str, str], tuple[float, float]]
    test_set: str | None = None


@dataclass(frozen=True)
class Subject:
    """A row: one model, or the same recipe trained from several seeds.

    Attributes:
        name: as it stands in tables.
        contestants: one per seed.
        trained_on: the domains of its training; `None` when nobody said.
        patches: that one training of it saw; `None` when nobody said.
        remarks: what a reader must know of it, a sentence each.
    """

    name: str
    contestants: tuple[Contestant, ...]
    trained_on: tuple[Domain, ...] | None = None
    patches: int | None = None
    remarks: tuple[str, ...] = ()


def conditions(families: Sequence[str], levels: Mapping[str, Sequence[float]] | None = None) -> list[Condition]:
    """The conditions of the families named, all when none is.

    Raises:
        ConfigurationError: when a name is not known.
    """
    known = {family.name: family for family in FAMILIES}
    unknown = [name for name in families if name not in known]
    if unknown:
        raise ConfigurationError(f"Expected conditions out of {', '.join(known)}, got {unknown[0]!r}: correct it.")
    chosen = [known[name] for name in dict.fromkeys(families)] or list(FAMILIES)
    return [
        Condition(family, Trial(find_protocol(family.protocol), test_set, level))
        for family in chosen
        for test_set in family.test_sets
        for level in (levels or {}).get(family.name, family.levels)
    ]


def domains_of(description: Mapping[str, Any]) -> tuple[Domain, ...] | None:
    """The domains that a weights file says it was trained on; `None` when it says none, or not of all.

    With all its parts, and what was trained on before where training went on from other weights.
    """
    data = [recipe.get("data", {}) for recipe in _recipes(description)]
    unknown = [pair["name"] for one in data for pair in _pairs(one) if _shown(pair) is None]
    if unknown:
        logger.warning(
            "Nobody says what the pairs %s show, so what is seen and unseen cannot be told; give data.pairs a "
            "degradation.",
            unknown[0],
        )
        return None
    return tuple(domain for one in data for domain in _domains(one)) or None


def patches_of(description: Mapping[str, Any]) -> int | None:
    """How many patches the training that a weights file tells of saw, with what it went on from; `None` unless told."""
    recipe, step = description.get("recipe"), description.get("step")
    if not isinstance(recipe, Mapping) or step is None or description.get("parts"):
        return None
    before = (description.get("started_from") or {}).get("trained", ())
    earlier = [patches_of(one) for one in before]
    if None in earlier or len(earlier) > 1:
        return None
    return step * recipe["data"]["batch_size"] + sum(count or 0 for count in earlier)


def trained_from(description: Mapping[str, Any]) -> set[str]:
    """Names of the sets and files, without their endings, that a weights file says its pictures came from."""
    data = [recipe.get("data", {}) for recipe in _recipes(description)]
    paths = [source["path"] for one in data for source in one.get("sources", ())]
    return {Path(path).stem for path in paths} | {pair["name"] for one in data for pair in _pairs(one)}


def relation(condition: Condition, trained_on: Sequence[Domain]) -> str:
    """What a condition is to a model that was trained on these domains: one of `RELATIONS`.

    Between two degrees that were trained on a degree counts as seen; what was trained on in mixes alone does not.
    """
    family, trial = condition.family, condition.trial
    if not family.kinds:
        return REAL
    if any(domain.test_set == trial.test_set for domain in trained_on):
        return SEEN
    alike = [domain for domain in trained_on if domain.kinds == family.kinds]
    if len(family.kinds) > 1:
        tier = family.tiers.get(trial.level or 0, "")
        is_seen = any(domain.name.startswith(tier) for domain in alike)
        return SEEN if is_seen else DEGREE if alike else MIX
    (kind,) = family.kinds
    if not alike:
        return DEGREE if any(kind in domain.kinds for domain in trained_on) else TYPE
    if family.attribute is None or trial.level is None:
        # Rain as a set holds it is another make than ours, and another one than another set's.
        return DEGREE
    strength, place = trial.level * family.scale, (kind, family.attribute)
    ranges = [domain.ranges[place] for domain in alike if place in domain.ranges]
    if not ranges:
        return DEGREE  # pairs, of which nobody knows how strong they get
    slack = 1e-6 * abs(strength)
    lowest, highest = min(low for low, _ in ranges), max(high for _, high in ranges)
    return SEEN if lowest - slack <= strength <= highest + slack else DEGREE


def _recipes(description: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if isinstance(description.get("recipe"), Mapping):
        yield description["recipe"]
    before = (description.get("started_from") or {}).get("trained", ())
    for part in (*(description.get("parts") or {}).values(), *before):
        for one in part if isinstance(part, list) else [part]:
            yield from _recipes(one)


def _domains(data: Mapping[str, Any]) -> Iterator[Domain]:
    severity = tuple(data.get("severity", (0.0, 1.0)))
    share = data.get("pairs_share", 0)
    for name, weight in data.get("mixture", {}).items():
        if weight > 0 and name != CLEAN and share < 1:
            yield _domain(name, (severity[0], severity[1]))
    for pair in _pairs(data):
        shown = _shown(pair)
        if shown is not None:
            yield Domain(pair["name"], *shown)


def _pairs(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return data.get("pairs", ()) if data.get("pairs_share", 0) > 0 else ()


def _shown(pair: Mapping[str, Any]) -> tuple[frozenset[str], Mapping[Any, Any], str | None] | None:
    """Kinds, ranges and test set of a set of pairs; `None` when nobody knows them."""
    if pair.get("path") is None and pair["name"] in PAIRED_DEGRADATIONS:
        return frozenset({PAIRED_DEGRADATIONS[pair["name"]]}), {}, OTHER_PARTS.get(pair["name"])
    if pair.get("degradation") is None:
        return None
    return _domain(pair["degradation"], (0.0, 1.0)).kinds, {}, None


def _domain(name: str, severity: tuple[float, float]) -> Domain:
    """By drawing: whatever a domain's text says, its samples show how strong they get."""
    generator = torch.Generator().manual_seed(0)
    severities = (severity, (severity[0], severity[0]), (severity[1], severity[1]))  # chance alone misses the ends
    chains = [Mixture({name: 1.0}, its).draw(generator) for its in severities for _ in range(DRAWS)]
    values: dict[tuple[str, str], list[float]] = {}
    for chain in chains:
        for degradation in chain:
            for parameter in fields(degradation):
                value = getattr(degradation, parameter.name)
                if isinstance(value, float):
                    values.setdefault((degradation.name, parameter.name), []).append(value)
    kinds = frozenset(degradation.name for chain in chains for degradation in chain)
    return Domain(name, kinds, {key: (min(found), max(found)) for key, found in values.items()})
