"""LoggingConfig: defaults, where values come from, what is refused and how, and that no secret shows."""

import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from logging_module import locations
from logging_module.config import CONFIG_VARIABLE, LoggingConfig, unknown_variables, variable_name
from logging_module.errors import ConfigurationError
from logging_module.rules import SECRETS

PASSWORD = "hunter2-läßt-grüßen"

# Every variable: its text in the environment and the value that must come of it; no value is the default.
VARIABLES: dict[str, tuple[str, Any]] = {
    "POSTGRES_HOST": ("db.example.org", "db.example.org"),
    "POSTGRES_PORT": ("6543", 6543),
    "POSTGRES_USER": ("alice", "alice"),
    "POSTGRES_PASSWORD": (PASSWORD, SecretStr(PASSWORD)),
    "POSTGRES_DB": ("station", "station"),
    "POSTGRES_SSLMODE": ("Verify-Full", "verify-full"),
    "POSTGRES_SSLROOTCERT": ("/etc/radiolog/ca.pem", "/etc/radiolog/ca.pem"),
    "LOG_LEVEL": ("debug", "DEBUG"),
    "LOG_PATH": ("/srv/log", Path("/srv/log")),
    "LOG_FILE_MAX_BYTES": ("1000", 1000),
    "LOG_FILE_BACKUP_COUNT": ("0", 0),
    "DB_POOL_SIZE": ("7", 7),
    "DB_MAX_OVERFLOW": ("0", 0),
    "DB_POOL_TIMEOUT": ("8", 8),
    "DB_POOL_RECYCLE": ("-1", -1),
    "RADIOLOG_DATABASE_TIMEOUT_SECONDS": ("90", 90.0),
    "PLAY_HISTORY_RETENTION_DAYS": ("365", 365),
    "ERROR_LOG_RETENTION_DAYS": ("31", 31),
    "METRICS_RETENTION_DAYS": ("32", 32),
    "DEBUG": ("true", True),
    "RADIOLOG_STATION": ("Nachtprogramm", "Nachtprogramm"),
    "RADIOLOG_TIME_ZONE": ("Europe/Berlin", "Europe/Berlin"),
    "RADIOLOG_DATA_DIR": ("/srv/data", Path("/srv/data")),
    "RADIOLOG_INCLUDE": (" *.log, deep/**/*.txt ,", ("*.log", "deep/**/*.txt")),
    "RADIOLOG_EXTRA_PATHS": ("/a/b.log,/c", ("/a/b.log", "/c")),
    "RADIOLOG_PARSERS": ("ffmpeg*.log=ffmpeg, a=b.log=text", (("ffmpeg*.log", "ffmpeg"), ("a=b.log", "text"))),
    "RADIOLOG_MIN_LEVEL": ("INFO", "info"),
    "RADIOLOG_PROGRESS_INTERVAL_SECONDS": ("2.5", 2.5),
    "RADIOLOG_GAP_THRESHOLD_SECONDS": ("0", 0.0),
    "RADIOLOG_MAX_OPEN_PLAY_SECONDS": ("60", 60.0),
    "RADIOLOG_MAX_LINE_BYTES": ("4096", 4096),
    "RADIOLOG_ROTATE_WAIT_SECONDS": ("0.5", 0.5),
    "RADIOLOG_SWEEP_INTERVAL_SECONDS": ("0.05", 0.05),
    "RADIOLOG_POLLING": ("1", True),
    "RADIOLOG_BATCH_ROWS": ("1", 1),
    "RADIOLOG_BATCH_BYTES": ("4096", 4096),
    "RADIOLOG_AUTO_RESOLVE_DAYS": ("3", 3),
    "RADIOLOG_DEAD_LETTER_RETENTION_DAYS": ("4", 4),
    "RADIOLOG_SESSION_RETENTION_DAYS": ("5", 5),
    "RADIOLOG_OUTBOX_RETENTION_DAYS": ("6", 6),
    "RADIOLOG_CHECKPOINT_RETENTION_DAYS": ("500", 500),
    "RADIOLOG_SLO_PERCENT": ("90", 90.0),
    "RADIOLOG_DISCORD_WEBHOOK_URL": ("https://d.example/h", SecretStr("https://d.example/h")),
    "RADIOLOG_SLACK_WEBHOOK_URL": ("https://s.example/h", SecretStr("https://s.example/h")),
    "RADIOLOG_APPRISE_URL": ("mailto://u:p@a.example", SecretStr("mailto://u:p@a.example")),
    "RADIOLOG_HEARTBEAT_URL": ("https://h.example/p", SecretStr("https://h.example/p")),
    "RADIOLOG_WEBHOOK_ALLOW_PRIVATE": ("true", True),
    "RADIOLOG_WEBHOOK_TIMEOUT_SECONDS": ("5", 5.0),
    "RADIOLOG_ALERTS": (" Off_air, disk_full", ("off_air", "disk_full")),
    "RADIOLOG_OFF_AIR_SECONDS": ("90", 90.0),
    "RADIOLOG_DISK_FREE_PERCENT": ("5", 5.0),
    "RADIOLOG_METRICS_ADDRESS": ("::1", "::1"),
    "RADIOLOG_METRICS_PORT": ("9999", 9999),
}
ATTRIBUTES = {variable_name(name): name for name in LoggingConfig.model_fields}

# Values that must be refused, each for every reason there is. Whether by their type or by their range is no difference.
WRONG: dict[str, tuple[str, ...]] = {
    "POSTGRES_HOST": ("two words", "a\x1bb"),
    "POSTGRES_PORT": ("0", "65536", "-1", "http", "5432.5", "5432 5433", "\uff11x"),
    "POSTGRES_USER": ("x" * 64, "a\nb"),
    "POSTGRES_DB": ("é" * 32, "a\x07b"),
    "POSTGRES_SSLMODE": ("verify", "1"),
    "POSTGRES_SSLROOTCERT": ("a\x1bb",),
    "LOG_LEVEL": ("LOUD", "warn", "10"),
    "LOG_FILE_MAX_BYTES": ("0", "-5", "100MB", "1e3x"),
    "LOG_FILE_BACKUP_COUNT": ("-1", "ten"),
    "DB_POOL_SIZE": ("0", "many"),
    "DB_MAX_OVERFLOW": ("-1", "x"),
    "DB_POOL_TIMEOUT": ("0", "soon"),
    "DB_POOL_RECYCLE": ("0", "-2", "never"),
    "RADIOLOG_DATABASE_TIMEOUT_SECONDS": ("0", "-1", "never"),
    "PLAY_HISTORY_RETENTION_DAYS": ("0", "-1", "90d"),
    "ERROR_LOG_RETENTION_DAYS": ("0", "1.5"),
    "METRICS_RETENTION_DAYS": ("0", "999999"),
    "DEBUG": ("maybe", "2"),
    "RADIOLOG_STATION": ("x" * 129, "a\x00b".replace("\x00", "\x01")),
    "RADIOLOG_TIME_ZONE": ("Europe", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "utc+1"),
    "RADIOLOG_INCLUDE": ("/absolute/*.log", ","),
    "RADIOLOG_PARSERS": ("*.log=xml", "=json", "*.log"),
    "RADIOLOG_MIN_LEVEL": ("debug", "LOUD"),
    "RADIOLOG_PROGRESS_INTERVAL_SECONDS": ("-1", "nan", "inf", "ten"),
    "RADIOLOG_GAP_THRESHOLD_SECONDS": ("-0.1", "nan"),
    "RADIOLOG_MAX_OPEN_PLAY_SECONDS": ("0", "inf"),
    "RADIOLOG_MAX_LINE_BYTES": ("1", "1MiB"),
    "RADIOLOG_ROTATE_WAIT_SECONDS": ("-1", "x"),
    "RADIOLOG_SWEEP_INTERVAL_SECONDS": ("0", "-1"),
    "RADIOLOG_POLLING": ("perhaps",),
    "RADIOLOG_BATCH_ROWS": ("0", "9999999"),
    "RADIOLOG_BATCH_BYTES": ("1", "x"),
    "RADIOLOG_AUTO_RESOLVE_DAYS": ("0", "x"),
    "RADIOLOG_DEAD_LETTER_RETENTION_DAYS": ("0", "x"),
    "RADIOLOG_SESSION_RETENTION_DAYS": ("0", "x"),
    "RADIOLOG_OUTBOX_RETENTION_DAYS": ("0", "x"),
    "RADIOLOG_CHECKPOINT_RETENTION_DAYS": ("399", "x"),
    "RADIOLOG_SLO_PERCENT": ("-1", "100.1", "nan"),
    "RADIOLOG_DISCORD_WEBHOOK_URL": ("ftp://secret.example", "secret-without-scheme", "https://", "http://[secret"),
    "RADIOLOG_SLACK_WEBHOOK_URL": ("file:///etc/secret",),
    "RADIOLOG_APPRISE_URL": ("secret-without-scheme",),
    "RADIOLOG_HEARTBEAT_URL": ("ftp://secret.example",),
    "RADIOLOG_WEBHOOK_ALLOW_PRIVATE": ("perhaps",),
    "RADIOLOG_WEBHOOK_TIMEOUT_SECONDS": ("0", "61", "nan"),
    "RADIOLOG_ALERTS": ("off air", "none,off_air", "bitrate"),
    "RADIOLOG_OFF_AIR_SECONDS": ("1", "x"),
    "RADIOLOG_DISK_FREE_PERCENT": ("-1", "99"),
    "RADIOLOG_METRICS_ADDRESS": ("a b",),
    "RADIOLOG_METRICS_PORT": ("65536", "x"),
}


def values(config: LoggingConfig) -> dict[str, Any]:
    return dict(config)


def check() -> None:
    LoggingConfig.from_env().validate()


def test_the_tables_of_this_test_are_complete() -> None:
    assert set(VARIABLES) == set(ATTRIBUTES)
    unrefusable = {"POSTGRES_PASSWORD", "LOG_PATH", "RADIOLOG_DATA_DIR", "RADIOLOG_EXTRA_PATHS"}
    assert set(WRONG) == set(ATTRIBUTES) - unrefusable


def test_defaults_are_those_of_the_specification() -> None:
    config = LoggingConfig.from_env()
    config.validate()
    assert values(config) == values(LoggingConfig())
    assert (config.postgres_host, config.postgres_port, config.postgres_user) == (None, 5432, "radio")
    assert (config.postgres_password, config.postgres_db) == (None, "radio_db")
    assert (config.log_level, config.log_path) == ("INFO", Path("/var/log/radio"))
    assert (config.log_file_max_bytes, config.log_file_backup_count) == (104857600, 10)
    pool = (config.db_pool_size, config.db_max_overflow, config.db_pool_timeout, config.db_pool_recycle)
    assert pool == (5, 10, 30, 3600)
    kept = (config.play_history_retention_days, config.error_log_retention_days, config.metrics_retention_days)
    assert kept == (90, 30, 30)
    assert config.debug is False


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_read(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = VARIABLES[variable]
    attribute = ATTRIBUTES[variable]
    assert getattr(LoggingConfig(), attribute) != value, "the test must not use the default"
    monkeypatch.setenv(variable, text)
    config = LoggingConfig.from_env()
    config.validate()
    assert getattr(config, attribute) == value
    assert config.sources()[attribute] == "environment"
    assert set(config.sources().values()) == {"environment", "default"}
    assert values(config) == values(LoggingConfig(**{attribute: value})), (
        "keyword construction takes the lower-case name"
    )


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_read_from_the_env_file(variable: str, tmp_path: Path) -> None:
    text, value = VARIABLES[variable]
    (tmp_path / ".env").write_text(f"# a comment\n{variable}='{text}'\n", encoding="utf-8")
    config = LoggingConfig.from_env()
    assert getattr(config, ATTRIBUTES[variable]) == value
    assert config.sources()[ATTRIBUTES[variable]] == ".env"


@pytest.mark.parametrize(
    ("variable", "text"), [(variable, text) for variable, texts in WRONG.items() for text in texts]
)
def test_every_wrong_value_is_named_with_what_is_permitted(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError) as caught:
        check()
    assert len(caught.value.problems) == 1
    problem = caught.value.problems[0]
    assert problem.startswith(f"{variable} ")
    assert "permitted: " in problem
    assert problem in str(caught.value)
    assert str(caught.value).replace("\n", "").isprintable()


def test_one_error_names_every_wrong_variable_types_and_ranges_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, texts in WRONG.items():
        monkeypatch.setenv(variable, texts[0])
    with pytest.raises(ConfigurationError) as caught:
        check()
    assert {problem.split(" ")[0] for problem in caught.value.problems} == set(WRONG)


def test_values_of_the_wrong_range_are_held_until_validate() -> None:
    config = LoggingConfig(log_level="LOUD", db_pool_size=0)
    with pytest.raises(ConfigurationError) as caught:
        config.validate()
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_wrong_secret_is_not_quoted(name: str) -> None:
    for value in ("\0tr0ub4dor\0", ["tr0ub4dor"], 17, b"tr0ub4dor\xff"):
        arguments = {name: value}
        with pytest.raises(ConfigurationError) as caught:
            LoggingConfig(**arguments).validate()
        assert variable_name(name) in str(caught.value)
        printed = "".join(traceback.format_exception(caught.value))
        assert "tr0ub4dor" not in printed


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(ConfigurationError, match="postgres_hots is not a setting"):
        LoggingConfig(postgres_hots="x")


def test_long_wrong_values_are_clipped() -> None:
    with pytest.raises(ConfigurationError) as caught:
        LoggingConfig(log_level="x" * 10_000).validate()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_value_means_unset(variable: str, nothing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, nothing)
    config = LoggingConfig.from_env()
    assert values(config) == values(LoggingConfig())
    assert config.sources()[ATTRIBUTES[variable]] == "default"


def test_the_environment_wins_over_the_env_file_and_an_empty_one_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("POSTGRES_DB=from_file\nPOSTGRES_USER=from_file\nPOSTGRES_PORT=\n")
    monkeypatch.setenv("POSTGRES_DB", "from_environment")
    monkeypatch.setenv("POSTGRES_USER", "")
    config = LoggingConfig.from_env()
    assert (config.postgres_db, config.postgres_user, config.postgres_port) == ("from_environment", "from_file", 5432)
    sources = config.sources()
    assert (sources["postgres_db"], sources["postgres_user"]) == ("environment", ".env")
    assert sources["postgres_port"] == "default"


def test_the_env_file_is_read_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "expanded")
    (tmp_path / ".env").write_text("export POSTGRES_PASSWORD='a${SECRET}#b $c'\nPOSTGRES_USER = alice  # who\n")
    config = LoggingConfig.from_env()
    assert config.postgres_password == SecretStr("a${SECRET}#b $c")
    assert config.postgres_user == "alice"
    assert "POSTGRES_USER" not in os.environ, "reading must not change the environment"


def test_an_env_file_that_is_no_text_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"POSTGRES_PASSWORD=\xff\xfe-secret\n")
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read") as caught:
        LoggingConfig.from_env()
    assert "secret" not in str(caught.value)


def test_a_folder_called_env_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert values(LoggingConfig.from_env()) == values(LoggingConfig())


def test_a_password_keeps_its_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", " a b ")
    monkeypatch.setenv("POSTGRES_USER", " alice ")
    config = LoggingConfig.from_env()
    assert config.postgres_password == SecretStr(" a b ")
    assert config.postgres_user == "alice"


def test_construction_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOST", "elsewhere")
    config = LoggingConfig(postgres_db="mine")
    assert config.postgres_host is None
    assert config.sources()["postgres_db"] == "argument"
    assert config.sources()["postgres_host"] == "default"


def test_paths_may_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert LoggingConfig(log_path="~/log").log_path == Path("/home/alice/log")


def test_it_is_frozen() -> None:
    config = LoggingConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.debug = True  # type: ignore[misc]


SECRET_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8)


@given(secret=SECRET_TEXT)
def test_no_secret_shows_where_the_configuration_is_printed(secret: str) -> None:
    config = LoggingConfig(
        postgres_host="db", postgres_password=secret, discord_webhook_url=secret, slack_webhook_url=secret
    )
    nothing = LoggingConfig(postgres_host="db", postgres_password="x", discord_webhook_url="x", slack_webhook_url="x")
    for shown, same in (
        (repr(config), repr(nothing)),
        (str(config), str(nothing)),
        (f"{config!r} {config}", f"{nothing!r} {nothing}"),
        (str(config.database_url), str(nothing.database_url)),
        (repr(config.database_url), repr(nothing.database_url)),
        (config.model_dump_json(), nothing.model_dump_json()),
    ):
        assert shown == same, "what is printed must not depend on the secret"


@given(
    password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    user=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=20),
)
def test_the_url_carries_any_user_and_password_to_the_driver(user: str, password: str) -> None:
    url = LoggingConfig(postgres_host="::1", postgres_user=user, postgres_password=password).database_url
    again = make_url(url.render_as_string(hide_password=False))
    assert (again.username, again.password, again.host, again.port) == (user, password, "::1", 5432)


def test_the_url_of_a_socket_folder_has_the_folder_as_its_host() -> None:
    url = LoggingConfig(postgres_host="/run/postgresql", postgres_port=5433).database_url
    assert url.host is None
    assert dict(url.query) == {"host": "/run/postgresql", "port": "5433"}


def test_the_url_of_the_embedded_server_starts_nothing(tmp_path: Path) -> None:
    config = LoggingConfig(data_dir=tmp_path / "data", postgres_db="ignored", postgres_password="ignored")
    assert config.embedded
    url = config.database_url
    assert (url.username, url.password, url.database) == ("radio", None, "radio_db")
    assert url.query["host"] == str(tmp_path / "data" / "socket")
    assert not (tmp_path / "data").exists()


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLOG_STATOIN", "x")
    monkeypatch.setenv("RADIOLOG_STATION", "x")
    assert unknown_variables() == ("RADIOLOG_STATOIN",)


def test_a_copy_through_pickle_is_equal() -> None:
    config = LoggingConfig(postgres_password=PASSWORD, station="x")
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 (our own bytes)


def test_importing_the_configuration_is_light() -> None:
    code = (
        "import sys, logging_module.config as c; c.LoggingConfig.from_env().validate();"
        "print(*{'sqlalchemy', 'psycopg2', 'pandas', 'sqlmodel', 'structlog'} & set(sys.modules))"
    )
    root = Path(locations.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == []


def test_the_default_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/alice")
    assert locations.data_folder(None) == Path("/home/alice/.local/share/radiolog")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/alice")
    assert locations.data_folder(None) == Path("/srv/alice/radiolog")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert locations.data_folder(None) == Path("/home/alice/.local/share/radiolog")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert locations.data_folder(None) == Path("/var/lib/radiolog")


def test_a_relative_data_folder_is_that_of_the_working_directory(tmp_path: Path) -> None:
    assert locations.data_folder(Path("x/../data")) == tmp_path / "data"


@given(parts=st.lists(st.text("aé", min_size=1, max_size=60), min_size=1, max_size=6))
def test_a_socket_path_never_exceeds_the_systems_limit(parts: list[str]) -> None:
    data = Path("/", *parts)
    socket = locations.socket_folder(data) / ".s.PGSQL.5432"
    assert len(os.fsencode(socket)) <= 107
    assert locations.socket_folder(data) == locations.socket_folder(data)
    assert socket.parent.parent in {data, Path("/tmp")}  # noqa: S108
    other = locations.socket_folder(data / "b")
    assert other != socket.parent


def test_env_example_documents_every_variable_with_its_default() -> None:
    text = (Path(locations.__file__).parent.parent / "env.example").read_text(encoding="utf-8")
    lines = [line.removeprefix("#").strip() for line in text.splitlines()]
    shown = dict(line.split("=", 1) for line in lines if "=" in line and line.split("=", 1)[0].isupper())
    shown = {name: value for name, value in shown.items() if " " not in name}
    assert shown.pop(CONFIG_VARIABLE) == ""
    assert set(shown) == set(ATTRIBUTES)
    documented = {ATTRIBUTES[name]: value for name, value in shown.items() if value}
    assert values(LoggingConfig(**documented)) == values(LoggingConfig())
    assert text.isascii()


def test_another_env_file_may_be_named_and_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("POSTGRES_DB=wrong\n")
    (tmp_path / "settings").write_text("POSTGRES_USER=alice\n")
    monkeypatch.setenv("RADIOLOG_ENV_FILE", str(tmp_path / "settings"))
    assert (LoggingConfig.from_env().postgres_user, LoggingConfig.from_env().postgres_db) == ("alice", "radio_db")
    assert unknown_variables() == ()
    monkeypatch.setenv("RADIOLOG_ENV_FILE", str(tmp_path / "missing"))
    assert LoggingConfig.from_env().postgres_user == "radio"


def test_tls_options_are_part_of_the_url() -> None:
    config = LoggingConfig(postgres_host="db", postgres_sslmode="verify-full", postgres_sslrootcert="/ca.pem")
    assert dict(config.database_url.query) == {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}
