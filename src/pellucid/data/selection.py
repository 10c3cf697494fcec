"""Some pictures of a source: chosen by glob patterns, or those of one folder in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pellucid.data.sources import Source
from pellucid.errors import DataError


@dataclass(frozen=True)
class Selection:
    """A source that shows some pictures of another one.

    Attributes:
        source: the other one.
        label: how messages call the selection.
        inner_names: name here to name there, sorted by name here.
    """

    source: Source
    label: str
    inner_names: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the pictures shown, sorted."""
        return tuple(self.inner_names)

    def read(self, name: str) -> bytes:
        """The encoded bytes of one picture."""
        return self.source.read(self._inner_name(name))

    def locate(self, name: str) -> str:
        """Where one picture lies."""
        return self.source.locate(self._inner_name(name))

    def _inner_name(self, name: str) -> str:
        if name not in self.inner_names:
            raise DataError(f"Expected a picture chosen from {self.label}, got {name!r} which is not: check the name.")
        return self.inner_names[name]


def select(source: Source, include: Sequence[str] = ("*",), exclude: Sequence[str] = ()) -> Selection:
    """The pictures whose name matches a pattern of `include` and none of `exclude`.

    Patterns are those of a shell (`*`, `?`, `[abc]`), see upper and lower case as different, and are held against the
    whole relative name, where `*` also runs over `/`: `select(photos, ["budgie_*", "pop_*"], ["*_000.jpg"])`.

    Raises:
        DataError: when a pattern of `include` matches no picture, as a mistyped one does, or nothing is left.
    """
    for pattern in include:
        if not any(fnmatchcase(name, pattern) for name in source.names):
            raise DataError(
                f"Expected {pattern!r} to choose pictures of {source.label}, got none: its names look like "
                f"{', '.join(source.names[:3])}."
            )
    chosen = {
        name: name
        for name in source.names
        if any(fnmatchcase(name, pattern) for pattern in include)
        and not any(fnmatchcase(name, pattern) for pattern in exclude)
    }
    if not chosen:
        raise DataError(
            f"Expected some pictures of {source.label} to be left, got none: the exclusions cover them all."
        )
    return Selection(source, source.label, chosen)


def subfolder(source: Source, folder: str) -> Selection:
    """The pictures of one folder of a source, named from that folder on.

    Raises:
        DataError: when the source has no pictures in such a folder.
    """
    start = folder.strip("/") + "/"
    inner = {name.removeprefix(start): name for name in source.names if name.startswith(start)}
    if not inner:
        raise DataError(
            f"Expected a folder {start} in {source.label}, got none: its names look like {source.names[0]}."
        )
    return Selection(source, f"{source.label}/{folder.strip('/')}", inner)
