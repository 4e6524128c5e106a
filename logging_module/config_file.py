"""The file that RADIOLOG_CONFIG names: settings, and which logs are of which station. Problems are told by line.

TOML, at its top level the settings by their names in lower case without `RADIOLOG_`, then any number of tables
`[[sources]]` (docs/configuration.md). Secrets are refused: all processes of radiolog read the file.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from logging_module import rules
from logging_module.config import LoggingConfig, clipped, file_key, setting_name
from logging_module.errors import ConfigurationError
from logging_module.toml_lines import KeyLines, KeyPath

MOST_BYTES = 1 << 20
_SOURCES = "sources"
_PATHS = "paths"
_SYNTAX = re.compile(r"^(?P<said>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL)


class Assigned(NamedTuple):
    """What one `[[sources]]` says: logs of these places are of that station. None: as everywhere else.

    Attributes:
        paths: folders, files or patterns, absolute; they are read whether below LOG_PATH or not.
        station, service: for lines that name none.
        parser: one of `rules.PARSERS`.
        min_level: one of `rules.MIN_LEVELS`.
        origin: file and line.
    """

    paths: tuple[str, ...]
    station: str | None = None
    service: str | None = None
    parser: str | None = None
    min_level: str | None = None
    origin: str = ""


class ConfigFile(NamedTuple):
    """What the file says.

    Attributes:
        values: settings, by attribute of `LoggingConfig`.
        origins: file and line of each.
        assigned: the sources, in their order.
    """

    values: dict[str, Any]
    origins: dict[str, str]
    assigned: tuple[Assigned, ...]


def read_config_file(path: Path) -> ConfigFile:
    """Read and check the file.

    Raises:
        ConfigurationError: it cannot be read, is no TOML, or something in it is wrong: every problem, each with file
            and line.
    """
    text = _text_of(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError((_syntax_problem(path, text, str(error)),)) from None
    return _Reader(path, KeyLines(text)).read(document)


class _Reader:
    """Collects what the document says, and what is wrong with it."""

    def __init__(self, path: Path, lines: KeyLines) -> None:
        self._path = path
        self._lines = lines
        self._problems: list[tuple[int, str]] = []
        self._stated: dict[str, int] = {}  # paths of sources, and which one had each first

    def read(self, document: Mapping[str, Any]) -> ConfigFile:
        """All of it. Raises ConfigurationError."""
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for key, value in document.items():
            name = setting_name(key)
            if key == _SOURCES:
                continue
            if name is None:
                self._wrong((key,), f"{key} is not a setting{_meant(key, [*_settings(), _SOURCES])}")
            elif name in rules.SECRETS:
                self._wrong((key,), f"{key} is a secret and belongs into the environment, which not everybody reads")
            elif self._fits(key, name, value):
                values[name] = value
                origins[name] = self._origin((key,))
        assigned = tuple(self._sources(document.get(_SOURCES, [])))
        if self._problems:
            raise ConfigurationError(tuple(f"{self._path}:{line}: {said}" for line, said in sorted(self._problems)))
        return ConfigFile(values, origins, assigned)

    def _fits(self, key: str, name: str, value: Any) -> bool:
        """Whether a setting takes the value, by its type and its range."""
        try:
            # pydantic takes true for the number 1, which nobody means.
            right = type(value) is not bool or bool in _types(name)
            right = right and rules.allows(name, getattr(LoggingConfig(**{name: value}), name))
        except ConfigurationError:
            right = False
        if not right:
            self._wrong((key,), f"{key} is {_as_toml(value)}; permitted: {rules.permitted(name)}")
        return right

    def _sources(self, tables: Any) -> Iterable[Assigned]:
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._wrong((_SOURCES,), f"{_SOURCES} is {_as_toml(tables)}; permitted: tables, each begun by [[sources]]")
            return
        for index, table in enumerate(tables):
            at = (_SOURCES, index)
            known = [name for name in Assigned._fields if name != "origin"]
            said = {key: value for key, value in table.items() if key in known}
            for key in table.keys() - said.keys():
                self._wrong((*at, key), f"source {index + 1}: {key} is not known here{_meant(key, known)}")
            for key in said.keys() & _PERMITTED.keys():
                said[key] = self._checked((*at, key), said[key])
            said[_PATHS] = self._paths(at, table.get(_PATHS))
            yield Assigned(**said, origin=self._origin(at))

    def _checked(self, at: KeyPath, value: Any) -> str:
        key = str(at[-1])
        permitted, allows = _PERMITTED[key]
        text = value.strip() if isinstance(value, str) else ""
        text = text.lower() if key in {"parser", "min_level"} else text
        if not text or not allows(text):
            meant = _meant(text, _CHOICES.get(key, ()))
            self._wrong(at, f"source {_number(at)}: {key} is {_as_toml(value)}; permitted: {permitted}{meant}")
        return text

    def _paths(self, at: KeyPath, value: Any) -> tuple[str, ...]:
        paths = (value,) if isinstance(value, str) else value
        if not isinstance(paths, list | tuple) or not paths:
            said = f"{_PATHS} is missing" if value is None else f"{_PATHS} is {_as_toml(value)}"
            self._wrong((*at, _PATHS), f"source {_number(at)}: {said}; permitted: {_PLACES}")
            return ()
        for path in paths:
            if not _is_place(path):
                self._wrong((*at, _PATHS), f"source {_number(at)}: {_PATHS} has {_as_toml(path)}; permitted: {_PLACES}")
            elif (first := self._stated.setdefault(path, _number(at))) != _number(at):
                self._wrong((*at, _PATHS), f"source {_number(at)}: {_as_toml(path)} stands in source {first} already")
        return tuple(paths)

    def _wrong(self, at: KeyPath, said: str) -> None:
        self._problems.append((self._lines.line_of(at), said))

    def _origin(self, at: KeyPath) -> str:
        return f"{self._path}:{self._lines.line_of(at)}"


_PLACES = "absolute paths of files, folders or patterns, such as /srv/nightdrive/ or /srv/*/ffmpeg.log"
_CHOICES = {"parser": rules.PARSERS, "min_level": rules.MIN_LEVELS}
_PERMITTED: dict[str, tuple[str, Callable[[str], bool]]] = {
    "station": (rules.permitted("station"), lambda text: rules.allows("station", text)),
    "service": ("a name of 1 to 64 characters", lambda text: text.isprintable() and len(text) <= 64),
    "parser": (f"one of {', '.join(rules.PARSERS)}", lambda text: text in rules.PARSERS),
    "min_level": (rules.permitted("min_level"), lambda text: rules.allows("min_level", text)),
}


def _number(at: KeyPath) -> int:
    """Which source a key belongs to, as a person counts."""
    return int(at[1]) + 1


def _is_place(path: Any) -> bool:
    if not isinstance(path, str) or not path.startswith("/") or not path.isprintable():
        return False
    return ".." not in path.split("/")


def _settings() -> list[str]:
    """The names that settings have in the file."""
    return [file_key(name) for name in LoggingConfig.model_fields if name not in rules.SECRETS]


def _types(name: str) -> tuple[Any, ...]:
    annotation = LoggingConfig.model_fields[name].annotation
    return (annotation, *get_args(annotation))


def _meant(key: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(key.lower(), list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _as_toml(value: Any) -> str:
    return clipped(str(value).lower() if isinstance(value, bool) else value)


def _text_of(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError((f"{path} cannot be read: {error.strerror}",)) from None
    if len(data) > MOST_BYTES:
        raise ConfigurationError((f"{path} cannot be read: it has more than {MOST_BYTES} bytes",))
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError((f"{path}:{line}: it is not UTF-8",)) from None


def _syntax_problem(path: Path, text: str, said: str) -> str:
    """The parser's words, with the line in front. They quote keys and single characters, never a value."""
    found = _SYNTAX.match(said)
    if found is None:
        return f"{path}: {said}"
    if found["line"] is None:
        last = text.rstrip().count("\n") + 1
        return f"{path}:{last}: {found['said']} (at the end of the file)"
    return f"{path}:{found['line']}: {found['said']} (column {found['column']})"
