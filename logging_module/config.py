"""`LoggingConfig`: every setting, from arguments, environment, `.env` and file. Connects to nothing."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PrivateAttr, SecretStr, ValidationError

from logging_module import rules
from logging_module.errors import ConfigurationError
from logging_module.locations import EMBEDDED_DATABASE, EMBEDDED_PORT, EMBEDDED_USER, data_folder, socket_folder

if TYPE_CHECKING:
    from sqlalchemy import URL

    from logging_module.config_file import Assigned, ConfigFile

# Where a value came from: default, environment, .env, argument, or file and line.
Source: TypeAlias = str

_PREFIX = "RADIOLOG_"
_ENV_FILE = ".env"
# Names another file instead of `.env`; the installed command does so. It must be readable where it exists.
_ENV_FILE_VARIABLE = "RADIOLOG_ENV_FILE"
# Names the TOML file (logging_module/config_file.py). It must be there.
CONFIG_VARIABLE = "RADIOLOG_CONFIG"
_PARSERS = ("parser_by_glob", "parsers")  # the attribute whose variable is called otherwise


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _split_parsers(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple(value.items())
    if not isinstance(value, str):
        return value
    pairs = (part.rpartition("=") for part in value.split(",") if part.strip())
    return tuple((glob.strip(), parser.strip()) for glob, _, parser in pairs)


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _home(value: Path) -> Path:
    return Path(os.path.expanduser(value))


Folder: TypeAlias = Annotated[Path, AfterValidator(_home)]
Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split)]


class LoggingConfig(BaseModel):
    """All settings (SPEC 3; `env.example` explains each). Frozen; a secret is masked wherever the object is printed.

    Arguments have the variables' lower-case names, those of `RADIOLOG_…` without the prefix. Construction reads no
    environment; `from_env` does. Only `validate` looks at permitted values.

    Raises:
        ConfigurationError: a value has the wrong type, or an argument's name is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    postgres_host: str | None = None
    postgres_port: int = EMBEDDED_PORT
    postgres_user: str = EMBEDDED_USER
    postgres_password: SecretStr | None = None
    postgres_db: str = EMBEDDED_DATABASE
    postgres_sslmode: Annotated[str | None, BeforeValidator(_lower)] = None
    postgres_sslrootcert: str | None = None

    log_level: Annotated[str, BeforeValidator(_upper)] = "INFO"
    log_path: Folder = Path("/var/log/radio")
    log_file_max_bytes: int = 104_857_600
    log_file_backup_count: int = 10

    db_pool_size: int = 5
    db_max_overflow: int = 10
    db_pool_timeout: int = 30
    db_pool_recycle: int = 3600
    database_timeout_seconds: float = 60.0

    play_history_retention_days: int = 90
    error_log_retention_days: int = 30
    metrics_retention_days: int = 30

    debug: bool = False

    station: str = "radio"
    time_zone: str = "UTC"
    data_dir: Folder | None = None
    include: Names = ("**/*.log", "**/*.json", "**/*.jsonl", "**/*.ndjson")
    extra_paths: Names = ()
    parser_by_glob: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_split_parsers)] = ()
    min_level: Annotated[str, BeforeValidator(_lower)] = "warning"
    progress_interval_seconds: float = 10.0
    gap_threshold_seconds: float = 10.0
    max_open_play_seconds: float = 900.0
    max_line_bytes: int = 1_048_576
    rotate_wait_seconds: float = 5.0
    sweep_interval_seconds: float = 2.0
    polling: bool = False
    batch_rows: int = 10_000
    batch_bytes: int = 8_388_608
    auto_resolve_days: int = 30
    dead_letter_retention_days: int = 90
    session_retention_days: int = 400
    outbox_retention_days: int = 90
    checkpoint_retention_days: int = 400
    slo_percent: float = 99.5
    discord_webhook_url: SecretStr | None = None
    slack_webhook_url: SecretStr | None = None
    apprise_url: SecretStr | None = None
    heartbeat_url: SecretStr | None = None
    webhook_allow_private: bool = False
    webhook_timeout_seconds: float = 20.0
    alerts: Annotated[Names, BeforeValidator(_lower)] = rules.ALERTS
    off_air_seconds: float = 60.0
    disk_free_percent: float = 10.0
    metrics_address: str = "127.0.0.1"
    metrics_port: int = 9464

    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)
    _config_file: Path | None = PrivateAttr(default=None)
    _assigned: "tuple[Assigned, ...]" = PrivateAttr(default=())

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _wrong_types(error, values) from None  # the driver's error could quote a secret
        self._sources = {name: "argument" if name in values else "default" for name in type(self).model_fields}

    @classmethod
    def from_env(cls, config_file: Path | None = None) -> "LoggingConfig":
        """Settings from the environment, else `.env` in the working directory, else RADIOLOG_CONFIG, else defaults.

        RADIOLOG_ENV_FILE names another file than `.env`, which need not exist. An empty value means unset. The file is
        read literally: `${…}` is not expanded, as in systemd's EnvironmentFile.

        Args:
            config_file: a TOML file instead of the one that RADIOLOG_CONFIG names.

        Raises:
            ConfigurationError: a value has the wrong type (every wrong variable is named), `.env` is unreadable, or
                something is wrong in the TOML file.
        """
        from_file = _read_env_file(Path(os.environ.get(_ENV_FILE_VARIABLE) or _ENV_FILE))
        named = os.environ.get(CONFIG_VARIABLE, "").strip() or from_file.get(CONFIG_VARIABLE, "").strip()
        path = config_file or (_home(Path(named)) if named else None)
        toml, problems = _read_config_file(path)
        values: dict[str, Any] = {**toml.values} if toml else {}
        sources: dict[str, Source] = {**toml.origins} if toml else {}
        for name in cls.model_fields:
            variable = variable_name(name)
            for source, variables in (("environment", os.environ), (".env", from_file)):
                text = variables.get(variable, "")
                if not text.strip():
                    continue
                values[name] = text if name in rules.SECRETS else text.strip()
                sources[name] = source
                break
        try:
            config = cls(**values)
        except ConfigurationError as error:
            raise ConfigurationError((*problems, *error.problems)) from None
        if problems:
            raise ConfigurationError((*problems, *_wrong_values(dict(config))))
        config._sources.update(sources)
        config._config_file, config._assigned = path, toml.assigned if toml else ()
        return config

    def validate(self) -> None:  # type: ignore[override]  # pydantic's own, deprecated, does something else
        """Check every value.

        Raises:
            ConfigurationError: names every wrong variable and its permitted values.
        """
        problems = _wrong_values(dict(self))
        if problems:
            raise ConfigurationError(tuple(problems))

    def sources(self) -> dict[str, Source]:
        """Where each value came from, by attribute name."""
        return dict(self._sources)

    @property
    def config_file(self) -> Path | None:
        """The TOML file that was read."""
        return self._config_file

    @property
    def assigned(self) -> "tuple[Assigned, ...]":
        """The file's `[[sources]]`, in their order."""
        return self._assigned

    @property
    def embedded(self) -> bool:
        """Whether the embedded server is meant: POSTGRES_HOST is unset."""
        return self.postgres_host is None

    @property
    def silence_seconds(self) -> float:
        """How long without a sign of life a station is off the air: samples of an encoder come that seldom."""
        return max(self.off_air_seconds, 3 * self.progress_interval_seconds)

    @property
    def database_url(self) -> "URL":
        """SQLAlchemy's URL of the database, its password masked when printed. Reading it starts no server.

        For the embedded server it is computed from the data folder, whatever the other POSTGRES_ variables say.
        """
        from sqlalchemy import URL  # noqa: PLC0415 (0.2 s that most users of the configuration never need)

        if self.postgres_host is None:
            folder = socket_folder(data_folder(self.data_dir))
            return URL.create(
                "postgresql+psycopg2",
                username=EMBEDDED_USER,
                database=EMBEDDED_DATABASE,
                query={"host": str(folder), "port": str(EMBEDDED_PORT)},
            )
        password = self.postgres_password.get_secret_value() if self.postgres_password else None
        if self.postgres_host.startswith(("/", "@")):
            where: dict[str, Any] = {"query": {"host": self.postgres_host, "port": str(self.postgres_port)}}
        else:
            where = {"host": self.postgres_host, "port": self.postgres_port}
        where["query"] = {**where.get("query", {}), **self.tls_options}
        return URL.create(
            "postgresql+psycopg2", username=self.postgres_user, password=password, database=self.postgres_db, **where
        )

    @property
    def tls_options(self) -> dict[str, str]:
        """What is set of libpq's TLS options, by its names. The rest is libpq's: PGSSLCERT, PGSSLKEY and so on."""
        options = {"sslmode": self.postgres_sslmode, "sslrootcert": self.postgres_sslrootcert}
        return {name: value for name, value in options.items() if value is not None}


def variable_name(attribute: str) -> str:
    """The environment variable of a setting."""
    if attribute in rules.UNPREFIXED:
        return attribute.upper()
    return _PREFIX + dict([_PARSERS]).get(attribute, attribute).upper()


def file_key(attribute: str) -> str:
    """The name of a setting in the TOML file."""
    return dict([_PARSERS]).get(attribute, attribute)


def setting_name(key: str) -> str | None:
    """The setting that a key of the TOML file means, or None."""
    return next((name for name in LoggingConfig.model_fields if file_key(name) == key), None)


def unknown_variables() -> tuple[str, ...]:
    """Variables of the environment that begin with RADIOLOG_ and mean nothing: probably misspelt."""
    known = {variable_name(name) for name in LoggingConfig.model_fields} | {_ENV_FILE_VARIABLE, CONFIG_VARIABLE}
    return tuple(sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known))


def _read_config_file(path: Path | None) -> "tuple[ConfigFile | None, tuple[str, ...]]":
    """The TOML file, and what is wrong with it."""
    if path is None:
        return None, ()
    from logging_module.config_file import read_config_file  # noqa: PLC0415 (needed only where there is a file)

    try:
        return read_config_file(path), ()
    except ConfigurationError as error:
        return None, error.problems


def _read_env_file(path: Path) -> Mapping[str, str]:
    try:
        if not path.is_file():
            return {}
    except OSError as error:  # in a folder that we may not enter
        raise ConfigurationError((f"{path.absolute()} cannot be read: {error.strerror}",)) from None
    from dotenv import dotenv_values  # noqa: PLC0415 (needed only where there is a file)

    try:
        return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError((f"{path.absolute()} cannot be read: {reason}",)) from None


def _wrong_types(error: ValidationError, values: Mapping[str, Any]) -> ConfigurationError:
    problems = []
    wrong = set()
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(detail["loc"][0])
        if name not in LoggingConfig.model_fields:
            problems.append(f"{name} is not a setting")
        elif name not in wrong:
            problems.append(_problem(name, values[name], rules.permitted(name)))
        wrong.add(name)
    others = LoggingConfig(**{name: value for name, value in values.items() if name not in wrong})
    return ConfigurationError((*problems, *_wrong_values(dict(others))))


def _wrong_values(values: Mapping[str, Any]) -> list[str]:
    return [
        _problem(name, value, rules.permitted(name)) for name, value in values.items() if not rules.allows(name, value)
    ]


def _problem(name: str, value: object, permitted: str) -> str:
    said = "has a wrong value" if name in rules.SECRETS else f"is {clipped(value)}"
    return f"{variable_name(name)} {said}; permitted: {permitted}"


def clipped(value: object, limit: int = 60) -> str:
    """A wrong value, for a message."""
    text = repr(str(value) if isinstance(value, Path) else value)  # repr shows control characters as escapes
    return text if len(text) <= limit else text[:limit] + "…"
