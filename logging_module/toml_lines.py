"""In which line of a TOML document each key stands, which `tomllib` does not tell. Reads no file.

A statement of TOML (a header, or a key with its value) ends with a line. So the document is cut into the shortest runs
of lines that `tomllib` takes for a document of their own, and each says by itself which keys it sets. All syntax is
left to `tomllib`; the document must be valid as a whole.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

# Keys from the top down; for an array of tables the index counts from 0.
KeyPath: TypeAlias = tuple[str | int, ...]

# A value that takes several lines ends with one of these, so that most of its lines need not be tried.
_ENDS = ("]", "}", '"""', "'''")


class KeyLines:
    """Where keys stand.

    Args:
        text: a valid document.
    """

    def __init__(self, text: str) -> None:
        self._line_by_path: dict[KeyPath, int] = {}
        self._tables: dict[KeyPath, int] = {}  # how many there are so far of each array of tables
        table: KeyPath = ()
        for line, statement, values in _statements(text):
            if statement.lstrip().startswith("["):
                table = self._header(values)
                for end in range(1, len(table) + 1):
                    self._line_by_path.setdefault(table[:end], line)
            else:
                for path in _paths(values):
                    self._line_by_path.setdefault((*table, *path), line)

    def line_of(self, path: KeyPath) -> int:
        """The line in which a key's statement begins, counted from 1: of an element, that of what it stands in."""
        while path and path not in self._line_by_path:
            path = path[:-1]
        return self._line_by_path.get(path, 1)

    def _header(self, values: Mapping[str, Any]) -> KeyPath:
        """The table that a header begins: `[a.b]` means the newest one where `a` is an array of tables."""
        path: KeyPath = ()
        inner: Any = values
        while isinstance(inner, dict) and inner:
            ((key, inner),) = inner.items()
            path = (*path, key)
            if isinstance(inner, list):  # only the last key of [[a.b]] is one here
                index = self._tables[path] = self._tables.get(path, -1) + 1
                return (*path, index)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement, the line that it begins in, and what `tomllib` makes of it alone."""
    lines: list[str] = []
    first = 1
    for number, line in enumerate(text.split("\n"), start=1):
        if not lines:
            first = number
        elif not any(end in line for end in _ENDS):
            lines.append(line)
            continue
        lines.append(line)
        statement = "\n".join(lines)
        try:
            values = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:  # it goes on in the next line
            continue
        lines = []
        if values:
            yield first, statement, values


def _paths(values: Mapping[str, Any], above: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))
