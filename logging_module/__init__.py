"""The writers' side: `RadioLogger` and `LoggingConfig`; `Analytics` is handed on when somebody asks for it.

Each name is imported on first use, so that a service that only writes loads neither pandas nor a database driver.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging_module.config import LoggingConfig
    from logging_module.logger import RadioLogger
    from reports.analytics import Analytics

__all__ = ["Analytics", "LoggingConfig", "RadioLogger"]

_HOMES = {
    "Analytics": "reports.analytics",
    "LoggingConfig": "logging_module.config",
    "RadioLogger": "logging_module.logger",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
