"""A recipe file, with overrides, to checked settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pellucid.errors import ConfigurationError
from pellucid.methods.catalog import method, strategy
from pellucid.training.config import TrainingSettings

DEFAULT_STRATEGY = "empirical-risk"


@dataclass(frozen=True)
class Run:
    """A training run as asked for.

    Attributes:
        method: a name of the catalog.
        config: the method's own settings.
        training: how the loop runs.
        strategy: a name of the catalog's strategies.
        strategy_settings: those of the strategy.
    """

    method: str
    config: Any
    training: TrainingSettings
    strategy: str
    strategy_settings: Any

    def as_resolved(self) -> dict[str, Any]:
        """Everything, defaults included, as plain values."""
        strategy = {"name": self.strategy, **self.strategy_settings.model_dump(mode="json")}
        parts = {"method": self.method, "strategy": strategy, **self.config.model_dump(mode="json")}
        return {**parts, "training": self.training.model_dump(mode="json")}


def read_run(path: Path, overrides: Sequence[str] = ()) -> Run:
    """The run that a YAML file describes.

    The file holds `method`, `strategy` (a name, or a section with `name` and its settings; empirical risk when absent),
    `training`, and the sections of the method's own settings.

    Args:
        path: of the file.
        overrides: `--section.field value ...`; a value is read as YAML, several values make a list.

    Raises:
        ConfigurationError: names the first setting that is wrong, and what it may be.
    """
    if not path.is_file():
        raise ConfigurationError(f"Expected a recipe file at {path}, found none: see recipes/ for examples.")
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigurationError(
            f"Expected YAML in {path}, got something else ({error}): mend the line named."
        ) from error
    if not isinstance(content, dict) or "method" not in content:
        raise ConfigurationError(f"Expected a mapping with `method` in {path}, found none: add `method: supervised`.")
    for name, value in _parsed(overrides):
        if name.partition(".")[0] == "strategy":
            content["strategy"] = _as_section(content.get("strategy"))
        _set(content, name, value)
    return read_settings(content, str(path))


def read_settings(content: Mapping[str, Any], source: str = "the settings") -> Run:
    """The run that plain values describe, `method` among them.

    Args:
        content: as in a recipe file.
        source: how messages call it.

    Raises:
        ConfigurationError: names the first setting that is wrong, and what it may be.
    """
    content = dict(content)
    name = content.pop("method")
    training = content.pop("training", {})
    chosen = _as_section(content.pop("strategy", None))
    strategy_name = str(chosen.pop("name", DEFAULT_STRATEGY))
    if strategy_name != DEFAULT_STRATEGY and not method(name).takes_strategy:
        raise ConfigurationError(f"Expected no strategy for {name}, got {strategy_name}: leave it out.")
    config = _checked(method(name).config, content, source, "")
    settings = _checked(strategy(strategy_name).config, chosen, source, "strategy.")
    if getattr(settings, "order_seed", 0) is None:
        settings = settings.model_copy(update={"order_seed": config.data.seed})
    return Run(name, config, _checked(TrainingSettings, training, source, "training."), strategy_name, settings)


def _as_section(strategy: Any) -> dict[str, Any]:
    """`dil-sf` is short for `{name: dil-sf}`."""
    if isinstance(strategy, dict):
        return dict(strategy)
    return {"name": DEFAULT_STRATEGY if strategy is None else strategy}


def _checked(model: type[BaseModel], content: Any, source: str, prefix: str) -> Any:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = prefix + ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        got = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"  # a whole section says nothing
        raise ConfigurationError(
            f"Expected settings that the recipe knows, but {field} in {source} is not right: {reason}{got}."
        ) from error


def _parsed(overrides: Sequence[str]) -> list[tuple[str, Any]]:
    """`--a.b 1 --c x y` and `--a.b=1` to `[("a.b", 1), ("c", ["x", "y"])]`."""
    found: list[tuple[str, list[Any]]] = []
    for token in overrides:
        if token.startswith("--"):
            # In the name of a domain (gaussian-noise:sigma=15) the sign belongs to the name.
            has_domain = ":" in token.partition("=")[0]
            name, equals, value = (token[2:], "", "") if has_domain else token[2:].partition("=")
            found.append((name, [_value(name, value)] if equals else []))
        elif not found:
            raise ConfigurationError(f"Expected --section.field before a value, got {token!r}: name the setting first.")
        else:
            found[-1][1].append(_value(found[-1][0], token))
    missing = [name for name, values in found if not values]
    if missing:
        raise ConfigurationError(f"Expected a value after --{missing[0]}, got none: write --{missing[0]} VALUE.")
    return [(name, values[0] if len(values) == 1 else values) for name, values in found]


def _value(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(
            f"Expected YAML after --{name}, got {text!r}: check its brackets, quotes and colons."
        ) from error


def _set(content: dict[str, Any], name: str, value: Any) -> None:
    path, colon, rest = name.partition(":")  # dots after it belong to the name of a domain
    *sections, last = path.split(".")
    last += colon + rest
    for section in sections:
        content = content.setdefault(_spelt(section, content), {})
        if not isinstance(content, dict):
            raise ConfigurationError(f"Expected sections before the last dot of --{name}, but {section} is a value.")
    if name == "strategy" and not isinstance(value, dict):
        value = {**content.get("strategy", {}), "name": value}
    content[_spelt(last, content)] = value


def _spelt(name: str, content: dict[str, Any]) -> str:
    """`inner-rate` means the field `inner_rate`, unless there is a key that is spelt so: `mixture` has such keys."""
    return name if name in content or ":" in name else name.replace("-", "_")
