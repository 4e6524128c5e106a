"""RADIOLOG_CONFIG: what it may say, which goes before which, and every problem with its line."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.assignments import Attributes, assignments_of, places_of
from ingest.sources import Source, pattern_of
from logging_module.config import LoggingConfig, file_key, variable_name
from logging_module.errors import ConfigurationError
from logging_module.rules import SECRETS
from logging_module.toml_lines import KeyLines, KeyPath
from parsers.events import Severity

ROOT = Path(__file__).parents[2]
PLACES = "permitted: absolute paths of files, folders or patterns, such as /srv/nightdrive/ or /srv/*/ffmpeg.log"

# What the file says, and what must be said of it; {0} is the file.
WRONG: dict[str, tuple[str, ...]] = {
    "a = 1\nb =\n": ("{0}:2: Invalid value (column 4)",),
    "include = [\n  'a'\n": ("{0}:2: Unclosed array (at the end of the file)",),
    "\n\ndebug = true\ndebug = true\n": ("{0}:4: Cannot overwrite a value (column 13)",),
    "# x\nstatoin = 'x'\n": ("{0}:2: statoin is not a setting (did you mean station?)",),
    "RADIOLOG_STATION = 'x'\n": ("{0}:1: RADIOLOG_STATION is not a setting (did you mean station?)",),
    "parser_by_glob = 'x=json'\n": ("{0}:1: parser_by_glob is not a setting",),
    "[source]\nstation = 'x'\n": ("{0}:1: source is not a setting (did you mean sources?)",),
    "min_level = 'loud'\n": ("{0}:1: min_level is 'loud'; permitted: one of info, warning, error, critical",),
    "\nmetrics_port = 99999\n": ("{0}:2: metrics_port is 99999; permitted: a whole number from 0 to 65535",),
    "batch_rows = true\n": ("{0}:1: batch_rows is 'true'; permitted: a whole number from 1 to 1000000",),
    "station = 7\n": ("{0}:1: station is 7; permitted: a name of 1 to 128 characters",),
    "off_air_seconds = nan\n": ("{0}:1: off_air_seconds is nan; permitted: a number of seconds from 15 to 86400",),
    "[parsers]\n'*.log' = 'xml'\n": (
        "{0}:1: parsers is {{'*.log': 'xml'}}; permitted: pattern=parser pairs, separated by commas; parsers: json, ffmpeg, text",
    ),
    "sources = 'x'\n": ("{0}:1: sources is 'x'; permitted: tables, each begun by [[sources]]",),
    "[sources]\npaths = '/x'\n": (
        "{0}:1: sources is {{'paths': '/x'}}; permitted: tables, each begun by [[sources]]",
    ),
    "[[sources]]\nstation = 'x'\n": ("{0}:1: source 1: paths is missing; " + PLACES,),
    "[[sources]]\npaths = []\n": ("{0}:2: source 1: paths is []; " + PLACES,),
    "[[sources]]\npaths = 'a/b'\n": ("{0}:2: source 1: paths has 'a/b'; " + PLACES,),
    "[[sources]]\npaths = ['/a/../b', '~/x', '/a\\u001Bb', 7]\n".replace("'/a\\u001Bb'", '"/a\\u001Bb"'): (
        "{0}:2: source 1: paths has '/a/../b'; " + PLACES, "{0}:2: source 1: paths has '/a\\x1bb'; " + PLACES,
        "{0}:2: source 1: paths has '~/x'; " + PLACES, "{0}:2: source 1: paths has 7; " + PLACES,
    ),
    "[[sources]]\npaths = '/a'\n[[sources]]\npaths = ['/b', '/a']\n": ("{0}:4: source 2: '/a' stands in source 1 already",),
    "[[sources]]\npaths = '/a'\nstaton = 'x'\nparser = 'ffmepg'\n": (
        "{0}:3: source 1: staton is not known here (did you mean station?)",
        "{0}:4: source 1: parser is 'ffmepg'; permitted: one of json, ffmpeg, text (did you mean ffmpeg?)",
    ),
    "[[sources]]\npaths = '/a'\norigin = 'x'\n": ("{0}:3: source 1: origin is not known here",),
    "[[sources]]\npaths = '/a'\nstation = ' '\nservice = 1\nmin_level = 'debug'\n": (
        "{0}:3: source 1: station is ' '; permitted: a name of 1 to 128 characters",
        "{0}:4: source 1: service is 1; permitted: a name of 1 to 64 characters",
        "{0}:5: source 1: min_level is 'debug'; permitted: one of info, warning, error, critical (did you mean",
    ),
    # All of a file at once, in the order of its lines.
    "sweep_interval_seconds = 0\n\n[[sources]]\npaths = [\n  '/a',\n]\nx = 1\n[[sources]]\n[nothing]\n": (
        "{0}:1: sweep_interval_seconds is 0; permitted: a number of seconds from 0.01 to 3600",
        "{0}:7: source 1: x is not known here",
        "{0}:8: source 2: paths is missing; " + PLACES,
        "{0}:9: nothing is not a setting",
    ),
}  # fmt: skip


def problems_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        LoggingConfig.from_env(path)
    return caught.value.problems


@pytest.mark.parametrize("text", WRONG)
def test_every_problem_is_told_with_its_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "radiolog.toml"
    path.write_text(text)
    found = problems_of(path)
    expected = [said.format(path) for said in WRONG[text]]
    assert len(found) == len(expected), found
    for problem, said in zip(found, expected, strict=True):
        assert problem == said or (said.endswith("(did you mean") and problem.startswith(said[:-14])), problem
        assert problem.isprintable()


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_secrets_are_refused_and_not_quoted(name: str, tmp_path: Path) -> None:
    path = tmp_path / "radiolog.toml"
    path.write_text(f'debug = true\n{name} = "https://tr0ub4dor.example"\n')
    (problem,) = problems_of(path)
    assert problem.startswith(f"{path}:2: {name} is a secret")
    assert "tr0ub4dor" not in problem


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "radiolog.toml"
    monkeypatch.setenv("RADIOLOG_CONFIG", str(path))
    monkeypatch.setenv("LOG_LEVEL", "LOUD")  # all that is wrong is said at once
    with pytest.raises(ConfigurationError) as caught:
        LoggingConfig.from_env()
    assert caught.value.problems[0] == f"{path} cannot be read: No such file or directory"
    assert [problem.split()[0] for problem in caught.value.problems[1:]] == ["LOG_LEVEL"]
    path.write_bytes(b"debug = true\nstation = '\xff'\n")
    assert problems_of(path)[0] == f"{path}:2: it is not UTF-8"
    path.write_bytes(b"#" * ((1 << 20) + 1))
    assert problems_of(path)[0] == f"{path} cannot be read: it has more than 1048576 bytes"
    assert problems_of(tmp_path)[0] == f"{tmp_path} cannot be read: Is a directory"


def test_every_setting_may_stand_in_it_with_its_default(tmp_path: Path) -> None:
    """As env.example has it: so the file has the same types, and every name."""
    path = tmp_path / "radiolog.toml"
    said = {}
    for name, value in LoggingConfig():
        if value is not None and name not in SECRETS:
            said[name] = str(value) if isinstance(value, Path) else value
    path.write_text("".join(f"{file_key(name)} = {json.dumps(value)}\n" for name, value in said.items()))
    config = LoggingConfig.from_env(path)
    assert dict(config) == dict(LoggingConfig())
    lines = {name: f"{path}:{number}" for number, name in enumerate(said, start=1)}
    assert {name: source for name, source in config.sources().items() if source != "default"} == lines


def test_the_environment_goes_before_env_file_before_file_before_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("postgres_db", "postgres_user", "station")
    (tmp_path / "radiolog.toml").write_text("".join(f'{name} = "of the file"\n' for name in names))
    (tmp_path / ".env").write_text(
        "RADIOLOG_CONFIG=radiolog.toml\nPOSTGRES_DB=env\nPOSTGRES_USER=env\nRADIOLOG_STATION=\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTGRES_DB", "environment")
    config = LoggingConfig.from_env()
    assert [getattr(config, name) for name in names] == ["environment", "env", "of the file"]
    assert [config.sources()[name] for name in names] == ["environment", ".env", "radiolog.toml:3"]
    assert config.sources()["time_zone"] == "default"
    assert config.config_file == Path("radiolog.toml")


def test_what_the_file_says_of_logs(tmp_path: Path) -> None:
    path = tmp_path / "radiolog.toml"
    (tmp_path / "there").mkdir()
    path.write_text(f"""
station = "Elsewhere"
min_level = "ERROR"
log_path = "{tmp_path}/log"
extra_paths = ["/opt/x.log"]
parsers = "*.txt=text"

[[sources]]
paths = "{tmp_path}/there"
station = "First"

[[sources]]
paths = ["/srv/later/", "/srv/**/out.txt", "{tmp_path}/there/*.jsonl"]
station = "Second"
service = "playout"
parser = "FFmpeg"
min_level = "Warning"
""")
    config = LoggingConfig.from_env(path)
    assert config.parser_by_glob == (("*.txt", "text"),)
    assert [source.origin for source in config.assigned] == [f"{path}:8", f"{path}:12"]
    assert [place.path for place in places_of(config)] == [
        f"{tmp_path}/log", "/opt/x.log", f"{tmp_path}/there", "/srv/later", "/srv/**/out.txt", f"{tmp_path}/there/*.jsonl",
    ]  # fmt: skip
    assignments = assignments_of(config)
    first = Attributes("First", Severity.ERROR)
    second = Attributes("Second", Severity.WARNING, "playout", "ffmpeg")
    elsewhere = Attributes("Elsewhere", Severity.ERROR)
    for name, attributes in (
        (f"{tmp_path}/there/deep/a.log", first),
        (f"{tmp_path}/there/a.jsonl", first),  # of both; the first holds
        (f"{tmp_path}/there/a.txt", elsewhere),  # RADIOLOG_INCLUDE does not name it
        ("/srv/later/a.log.1", second),
        ("/srv/out.txt", second),
        ("/srv/a/b/out.txt.2.gz", second),
        ("/srv/a/out.txt.log", elsewhere),
        (f"{tmp_path}/log/a.log", elsewhere),
    ):
        assert assignments.of(name) == attributes, name


def test_a_pattern_may_cross_folders_or_none() -> None:
    source = pattern_of("/srv/**/a*.log")
    assert source == Source("/srv/**/a*.log", "pattern")
    assert source.folder == "/srv"
    for path, matches in (
        ("/srv/a.log", True),
        ("/srv/x/y/ab.log.1", True),
        ("/srv/x/b.log", False),
        ("/srva.log", False),
    ):
        assert source.matches(path, ()) == matches, path
    assert pattern_of("/nonexistent/") == Source("/nonexistent", "folder")


def test_the_example_is_right_with_and_without_its_comments(tmp_path: Path) -> None:
    text = (ROOT / "systemd/examples/radiolog.toml").read_text()
    path = tmp_path / "radiolog.toml"
    path.write_text(text)
    assert dict(LoggingConfig.from_env(path)) == dict(LoggingConfig())
    lines = [line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()]
    path.write_text("\n".join(lines))
    config = LoggingConfig.from_env(path)
    assert [source.station for source in config.assigned] == ["Nightdrive FM", "Second FM"]
    assert config.time_zone == "Europe/Berlin"


def test_the_file_of_the_documents_is_right(tmp_path: Path) -> None:
    text = (ROOT / "docs/stations.md").read_text()
    path = tmp_path / "radiolog.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    config = LoggingConfig.from_env(path)
    assert [source.station for source in config.assigned] == ["Nightdrive FM", "Second FM"]
    wrong = text.split("```\n/etc/radiolog/radiolog.toml:")[1].split("\n```")[0]
    path.write_text("\n" * 5 + "[[sources]]\nparser = 'ffmepg'\npaths = '/x'\nstaton = ''\n[[sources]]\npaths = '/y'\n")
    said = [line.partition(": ")[2].replace("source 2", "source 1") for line in wrong.splitlines()]
    assert [problem.partition(": ")[2] for problem in problems_of(path)] == said


# -- in which line a key stands ------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "'c d'", '"ü.]"', "e.f", "'g'.h"])
VALUES = st.sampled_from([
    "1", "'x'", '"""two\nlines"""', "'''three\n[[not.a.header]]\nk = 1'''", "[1, 2]", "[\n  1, # ]\n  2,\n]", "[[1], ['''\n]''']]",
    "{x = 1, y.z = [2]}", '"a # b"  # [c]', '"""\\\n  \\"""" x = 1"""', "[\n '''\n]\n''',\n '#' ]", "1979-05-27T07:32:00Z",
])  # fmt: skip
STATEMENTS = st.one_of(
    st.builds(lambda key, value: f"{key} = {value}", KEYS, VALUES),
    st.sampled_from(
        ["", "# [x]\n", "   ", "[t]", "[t.u]", "[[s]]", "[[s.inner]]", "[s.deep]", "[[ s ]] # ]]", "  [v.'w x']"]
    ),
)


@given(st.lists(STATEMENTS, max_size=12))
def test_each_key_stands_where_the_document_becomes_one_that_has_it(statements: list[str]) -> None:
    """Held against documents that end behind each statement: a key's line is that of the statement that brings it."""
    expected: dict[KeyPath, int] = {}
    text = ""
    for statement in statements:
        longer = f"{text}{statement}\n"
        try:
            document = tomllib.loads(longer)
        except tomllib.TOMLDecodeError:  # a key or table twice
            continue
        line = text.count("\n") + 1
        for path in _all_paths(document):
            expected.setdefault(path, line)
        text = longer
    lines = KeyLines(text)
    for path, line in expected.items():
        assert lines.line_of(path) == line, (path, text)


def _all_paths(value: Any, above: KeyPath = ()) -> list[KeyPath]:
    found: list[KeyPath] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += [(*above, key), *_all_paths(inner, (*above, key))]
    elif isinstance(value, list) and all(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            found += [(*above, index), *_all_paths(inner, (*above, index))]
    return found


def test_a_long_list_is_located_in_no_time() -> None:
    """Each line of a value is not tried by itself: that would take a minute."""
    count = 20_000
    text = "include = [\n" + "".join(f"  '{'x' * 40}{number}.log',\n" for number in range(count)) + "]\nb = 1\n"
    assert KeyLines(text).line_of(("b",)) == count + 3


def test_variables_and_keys_have_the_same_names() -> None:
    for name in LoggingConfig.model_fields:
        assert variable_name(name).removeprefix("RADIOLOG_").lower() == file_key(name)
