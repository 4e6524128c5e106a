"""What each setting may be, as a table of predicates with the words that tell a person. Reads nothing."""

import zoneinfo
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

UNPREFIXED = frozenset({
    "postgres_host", "postgres_port", "postgres_user", "postgres_password", "postgres_db",
    "postgres_sslmode", "postgres_sslrootcert", "log_level", "log_path",
    "log_file_max_bytes", "log_file_backup_count", "db_pool_size", "db_max_overflow", "db_pool_timeout",
    "db_pool_recycle", "play_history_retention_days", "error_log_retention_days", "metrics_retention_days", "debug",
})  # fmt: skip
SECRETS = frozenset({"postgres_password", "discord_webhook_url", "slack_webhook_url", "apprise_url", "heartbeat_url"})

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MIN_LEVELS = ("info", "warning", "error", "critical")  # DEBUG is never stored
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")  # libpq's
PARSERS = ("json", "ffmpeg", "text")
ALERTS = (
    "off_air",
    "encoder_slow",
    "encoder_stalled",
    "restarts",
    "disk_full",
    "ingest_behind",
    "file_suspended",
    "daemon_silent",
)


class Rule(NamedTuple):
    """One setting's permitted values: how to check them and how to say them."""

    allows: Callable[[Any], bool]
    permitted: str


def allows(name: str, value: object) -> bool:
    """Whether a value of the right type is permitted."""
    return _RULES[name].allows(value)


def permitted(name: str) -> str:
    """The permitted values, for a person."""
    return _RULES[name].permitted


def _whole(lowest: int, highest: int, unit: str = "") -> Rule:
    words = f"a whole number of {unit}" if unit else "a whole number"
    return Rule(lambda value: lowest <= value <= highest, f"{words} from {lowest} to {highest}")


def _seconds(lowest: float, highest: float) -> Rule:
    return Rule(lambda value: lowest <= value <= highest, f"a number of seconds from {lowest} to {highest}")


def _one_of(names: tuple[str, ...]) -> Rule:
    return Rule(lambda value: value in names, "one of " + ", ".join(names))


def _name(limit: int) -> Rule:
    return Rule(lambda value: _is_text(value) and len(value.encode()) <= limit, f"a name of 1 to {limit} bytes")


def _is_text(value: str) -> bool:
    return bool(value.strip()) and value.isprintable()


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name is a folder of zones
        return False
    return True


def _is_webhook(secret: SecretStr | None) -> bool:
    if secret is None:
        return True
    try:
        parts = urlsplit(secret.get_secret_value())
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_apprise(secret: SecretStr | None) -> bool:
    return secret is None or "://" in secret.get_secret_value()


def _is_secret(secret: SecretStr | None) -> bool:
    return secret is None or "\0" not in secret.get_secret_value()


_HOST = Rule(
    lambda value: value is None or (_is_text(value) and not any(char.isspace() for char in value)),
    "a host name, an address, or the folder of a Unix socket; unset for the embedded server",
)
_PATH = Rule(lambda value: value is None or "\0" not in str(value), "a path")
_GLOBS = Rule(
    lambda value: bool(value) and all(_is_text(glob) and not glob.startswith("/") for glob in value),
    "patterns relative to LOG_PATH, separated by commas, such as **/*.log",
)
_PATHS = Rule(lambda value: all(_is_text(path) for path in value), "files, folders or patterns, separated by commas")
_PARSER_PAIRS = Rule(
    lambda value: all(_is_text(glob) and parser in PARSERS for glob, parser in value),
    f"pattern=parser pairs, separated by commas; parsers: {', '.join(PARSERS)}",
)
_WEBHOOK = Rule(_is_webhook, "a URL that begins with https://")
_SWITCH = Rule(lambda _: True, "true or false")
_DAYS = _whole(1, 36_500, "days")

_RULES: dict[str, Rule] = {
    "postgres_host": _HOST,
    "postgres_port": _whole(1, 65_535),
    "postgres_user": _name(63),
    "postgres_password": Rule(_is_secret, "any text"),
    "postgres_db": _name(63),
    "postgres_sslmode": Rule(lambda value: value is None or value in SSL_MODES, "one of " + ", ".join(SSL_MODES)),
    "postgres_sslrootcert": Rule(lambda value: value is None or _is_text(value), "a file of certificates, or system"),
    "log_level": _one_of(LOG_LEVELS),
    "log_path": _PATH,
    "log_file_max_bytes": _whole(1, 1 << 50, "bytes"),
    "log_file_backup_count": _whole(0, 100_000),
    "db_pool_size": _whole(1, 1_000),
    "db_max_overflow": _whole(0, 1_000),
    "db_pool_timeout": _whole(1, 86_400, "seconds"),
    "db_pool_recycle": Rule(
        lambda value: value == -1 or value >= 1, "a whole number of seconds from 1, or -1 for never"
    ),
    "database_timeout_seconds": _seconds(1, 86_400),
    "play_history_retention_days": _DAYS,
    "error_log_retention_days": _DAYS,
    "metrics_retention_days": _DAYS,
    "debug": _SWITCH,
    "station": Rule(lambda value: _is_text(value) and len(value) <= 128, "a name of 1 to 128 characters"),
    "time_zone": Rule(_is_zone, "a name of the IANA time zone database, such as UTC or Europe/Berlin"),
    "data_dir": _PATH,
    "include": _GLOBS,
    "extra_paths": _PATHS,
    "parser_by_glob": _PARSER_PAIRS,
    "min_level": _one_of(MIN_LEVELS),
    "progress_interval_seconds": _seconds(0, 86_400),
    "gap_threshold_seconds": _seconds(0, 86_400),
    "max_open_play_seconds": _seconds(1, 31_536_000),
    "max_line_bytes": _whole(256, 1 << 30, "bytes"),
    "rotate_wait_seconds": _seconds(0, 86_400),
    "sweep_interval_seconds": _seconds(0.01, 3_600),
    "polling": _SWITCH,
    "batch_rows": _whole(1, 1_000_000),
    "batch_bytes": _whole(4_096, 1 << 30, "bytes"),
    "auto_resolve_days": _DAYS,
    "dead_letter_retention_days": _DAYS,
    "session_retention_days": _DAYS,
    "outbox_retention_days": _DAYS,
    "checkpoint_retention_days": _whole(400, 36_500, "days"),
    "slo_percent": Rule(lambda value: 0 <= value <= 100, "a percentage from 0 to 100"),
    "discord_webhook_url": _WEBHOOK,
    "slack_webhook_url": _WEBHOOK,
    "apprise_url": Rule(_is_apprise, "a URL as apprise documents them, such as mailto://…"),
    "heartbeat_url": _WEBHOOK,
    "webhook_allow_private": _SWITCH,
    "webhook_timeout_seconds": _seconds(0.1, 60),
    "alerts": Rule(
        lambda value: value == ("none",) or (bool(value) and set(value) <= set(ALERTS)),
        f"none, or some of {', '.join(ALERTS)}, separated by commas",
    ),
    "off_air_seconds": _seconds(15, 86_400),
    "disk_free_percent": Rule(lambda value: 0 <= value <= 90, "a percentage from 0 to 90"),
    "metrics_address": Rule(
        lambda value: _is_text(value) and not any(char.isspace() for char in value), "a host name or an address"
    ),
    "metrics_port": _whole(0, 65_535),
}
