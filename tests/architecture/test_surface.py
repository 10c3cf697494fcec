"""What the package shows to the world."""

import importlib
import pkgutil

import pytest

import pellucid
from pellucid import errors

PUBLIC = [
    "ConfigurationError",
    "DataError",
    "DeviceError",
    "ImageError",
    "MethodError",
    "Model",
    "PellucidError",
    "Restoration",
    "WeightsError",
    "__version__",
    "load",
    "perceive",
    "restore",
]


def test_the_public_names_are_these() -> None:
    assert pellucid.__all__ == PUBLIC
    assert dir(pellucid) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(pellucid, name) is not None


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'frobnicate'"):
        _ = pellucid.frobnicate


def test_every_error_is_a_pellucid_error_and_public() -> None:
    found = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    assert all(issubclass(value, errors.PellucidError) for value in found.values())
    assert set(found) <= set(PUBLIC)


def test_every_module_can_be_imported_and_says_what_it_is() -> None:
    names = [name for _, name, _ in pkgutil.walk_packages(pellucid.__path__, "pellucid.")]
    assert len(names) > 50
    silent = [name for name in names if not (importlib.import_module(name).__doc__ or "").strip()]
    assert silent == []
